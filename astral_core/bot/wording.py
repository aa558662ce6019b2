"""The texts of the core's pages: the owner's own words before the core's, with what the plugins say of themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from math import ceil
from typing import Any

from markupsafe import Markup

from astral_core import limits
from astral_core._version import __version__
from astral_core.bot.buttons import Buttons
from astral_core.bot.context import Context
from astral_core.bot.speaking import scope_of
from astral_core.host.context import services_of
from astral_core.i18n import N_, Message, Texts, html
from astral_core.markup import parts
from astral_core.wording import Introduction

_GAP = re.compile(r"\n{3,}")  # where nothing was filled in
_WORDS = {
    "start": N_("Hello, {name}! ✨\n\n{plugins}"),
    "menu": N_("Hello, {name}! ✨\n\nWhat would you like to do?"),
    "help": N_("<b>What I can do</b>\n\n{commands}"),
    "about": N_("<b>{bot}</b>\n\n{plugins}\n\nBuilt with Astral {version}."),
    "privacy": N_(
        "<b>Your data</b>\n\nThis is what I keep, and why.\n\n{core}\n{plugins}\n\n"
        "With the buttons below you get a copy, or delete everything. Then only your Telegram id stays, without a "
        "name.\n\n{kept}"
    ),
    "forget": N_("Delete everything that I know about you?\n\nThis cannot be undone.\n\n{kept}"),
    "forgotten": N_(
        "{done}\n\n{kept}\n\nYou can delete the messages in this chat yourself.\n\n"
        "If you ever want to come back, just send /start."
    ),
    "fallback": N_("I did not quite get that. Here is what I can do:"),
}  # fmt: skip


def page(ctx: Context, key: str, **values: object) -> Markup:
    """The text `key` in the person's language: the owner's, else the core's."""
    person = scope_of(ctx).person
    name = person.first_name if person is not None else ""
    filled: dict[str, Any] = {"name": name, "bot": bot_name(ctx), "version": __version__, **values}
    own = services_of(ctx).settings.texts.find(key, ctx.language)
    text = html(own, **filled) if own is not None else ctx.t(_WORDS[key], **filled)
    return Markup(_GAP.sub("\n\n", text).strip())  # noqa: S704  # it was Markup before


def show_page(ctx: Context, text: Markup, buttons: Buttons | None = None) -> None:
    """Show a page; one that is longer than Telegram allows is several messages, the last with the buttons."""
    *first, last = parts(text, limits.TEXT)
    for part in first:
        ctx.reply(Markup(part))  # noqa: S704  # a part of Markup
    ctx.show(Markup(last), buttons, fresh=True if first else None)  # noqa: S704  # the same


def bot_name(ctx: Context) -> str:
    """What the bot is called: by its owner, else in Telegram."""
    services = services_of(ctx)
    return services.settings.texts.find("bot", ctx.language) or services.title()


def greetings(ctx: Context) -> Markup:
    """How the plugins introduce themselves to somebody who comes."""
    said = _paragraphs(_told(ctx, lambda one: one.greets))
    return said or ctx.t("I am {bot}. Here is what I can do for you:", bot=bot_name(ctx))


def abouts(ctx: Context) -> Markup:
    """What the plugins do."""
    return _paragraphs(_told(ctx, lambda one: one.about)) or ctx.t("The button below shows what I can do.")


def kept(ctx: Context) -> Markup:
    """What of a person stays after a deletion."""
    return _paragraphs(_told(ctx, lambda one: one.kept))


def kept_by_core(ctx: Context) -> Markup:
    """What the core itself keeps of a person, as a list."""
    days = ceil(services_of(ctx).settings.inbox.keep_dead_hours / 24)
    who = ctx.t(
        "Your name, username, id and language in Telegram, when you first and last wrote, and whether you blocked "
        "me: so that I can talk to you."
    )
    said = ctx.nt(
        "Our messages, until they are handled and delivered; after a failure up to {n} day, so that nothing is lost.",
        "Our messages, until they are handled and delivered; after a failure up to {n} days, so that nothing is "
        "lost.",
        days,
    )
    own = [who, said]
    if services_of(ctx).registry.roles:
        own.append(ctx.t("The roles that my owner gave you: so that you may do what they are for."))
    return _list(own)


def kept_by_plugins(ctx: Context) -> Markup:
    """What the plugins keep of a person, as a list. Those that do not say it, or are away, are named."""
    registry = services_of(ctx).registry
    told = list(_told(ctx, lambda one: one.personal))
    silent = sorted(name for name in registry.keepers if not registry.introductions[name].personal)
    if silent:
        text = N_("What these parts of me know about you: <b>{names}</b>. Your copy shows it.")
        told.append(ctx.t(text, names=", ".join(silent)))
    if names := ", ".join(sorted(name for name, one in registry.away.items() if one.keeps_people)):
        text = N_("What these parts know about you, although they are not available right now: <b>{names}</b>.")
        told.append(ctx.t(text, names=names))
    return _list(told)


def translated(ctx: Context, plugin: str, text: str) -> str:
    """A text that `plugin` declared, in the user's language if it is a Message."""
    if not isinstance(text, Message):
        return text
    return Texts(services_of(ctx).catalogs[plugin].for_language(ctx.language), ctx.language).t(text)


def _told(ctx: Context, choose: Callable[[Introduction], str | None]) -> Iterator[Markup]:
    """What the plugins say: in the order of the menu, then as they were loaded."""
    registry = services_of(ctx).registry
    places = {item.plugin: -place for place, item in enumerate(reversed(registry.menu))}
    order = sorted(registry.introductions, key=lambda plugin: places.get(plugin, 1))
    for plugin in order:
        text = choose(registry.introductions[plugin])
        if isinstance(text, Message):
            catalog = services_of(ctx).catalogs[plugin].for_language(ctx.language)
            yield Texts(catalog, ctx.language).t(text, bot=bot_name(ctx))
        elif text:
            yield html("{text}", text=text)


def _paragraphs(texts: Iterable[Markup]) -> Markup:
    return Markup("\n\n").join(texts)


def _list(texts: Iterable[Markup]) -> Markup:
    return Markup("\n").join(html("• {text}", text=text) for text in texts)
