"""The core's own routes: menu, help, about, language, and what is said where nothing fits."""

from __future__ import annotations

from sqlalchemy import Executable
from sqlalchemy import update as sql_update
from telegram import Update

from astral_core._version import __version__
from astral_core.bot.buttons import Button, rows
from astral_core.bot.context import Context
from astral_core.bot.router import Own
from astral_core.db.tables import core_users
from astral_core.declare import PRIVATE, Routes
from astral_core.errors import Refuse
from astral_core.host.registry import Bound

routes = Routes()
LANGUAGE_NAMES = {"en": "English", "ru": "Русский"}


def N_(text: str) -> str:  # noqa: N802  # gettext's own name: marks a text that is translated later
    """Mark a source text."""
    return text


@routes.callback("menu")
async def menu(update: Update, ctx: Context) -> None:
    """The menu, assembled from all plugins."""
    name = ctx.user.first_name
    ctx.end_question()
    ctx.show(ctx.t("Hello, {name}! ✨\n\nWhat shall we look at today?", name=name), menu_buttons(ctx))


@routes.command("start", description=N_("Menu"))
async def start(update: Update, ctx: Context) -> None:
    """Greet, and show the menu."""
    text = ctx.t(
        "Hello, {name}! ✨\n\nI draw natal charts and put them into words. Tell me when and where you were born, "
        "and your chart will be here in a minute.",
        name=ctx.user.first_name,
    )
    ctx.show(text, menu_buttons(ctx))


@routes.callback("help")
@routes.command("help", description=N_("What I can do"))
async def help_(update: Update, ctx: Context) -> None:
    """The commands that work here, as the plugins describe them. What admins may do is for their own eyes."""
    registry, here = ctx.run.services.registry, ctx.run.chat_kind
    places = {plugin: place for place, (plugin, _) in enumerate(registry.menu)}

    def rank(item: tuple[str, Bound]) -> tuple[bool, bool, int, str]:
        """In the menu's order; then the core's own, and last what only admins do."""
        name, bound = item
        return bound.admin, bound.plugin == "core", places.get(bound.plugin, len(places)), name

    lines = [
        f"/{name} — {translated(ctx, bound.plugin, bound.description)}"
        for name, bound in sorted(registry.commands.items(), key=rank)
        if bound.description and not bound.hidden and here in bound.chat
        and (not bound.admin or (ctx.is_admin and here is PRIVATE))
    ]  # fmt: skip
    text = ctx.t("<b>What I can do</b>") + "\n\n" + "\n".join(lines)
    own = [ctx.button(ctx.t("Your data"), "core:privacy"), ctx.button(ctx.t("About this bot"), about)]
    ctx.show(text, [own, [menu_button(ctx)]])


@routes.callback("about")
@routes.command("about", description=N_("About this bot"))
async def about(update: Update, ctx: Context) -> None:
    """Who this is."""
    text = ctx.t(
        "<b>Astral Bot</b> · version {version}\n\nPlanet positions come from NASA JPL's ephemeris DE421, houses and "
        "nodes are computed here, places are from GeoNames. Nothing you tell me leaves this bot.\n\n"
        "Astrology is for reflection and joy; it does not replace a doctor, a lawyer or your own judgement.",
        version=__version__,
    )
    ctx.show(text, [[ctx.button(ctx.t("What I can do"), help_)], [menu_button(ctx)]])


@routes.callback("language")
@routes.command("language", description=N_("Language · Язык"))
async def language(update: Update, ctx: Context) -> None:
    """Offer the languages that the bot speaks."""
    spoken = ctx.run.services.languages
    choices = [
        ctx.button(f"{'✓ ' if code == ctx.language else ''}{LANGUAGE_NAMES.get(code, code)}", set_language, code=code)
        for code in spoken
    ]
    ctx.show(ctx.t("Which language shall I speak?"), [choices, [menu_button(ctx)]])


@routes.callback("setlang/{code:slug}")
async def set_language(update: Update, ctx: Context, code: str) -> None:
    """Keep the chosen language, and show the menu in it."""
    if code not in ctx.run.services.languages:
        await language(update, ctx)
        return
    user_id = ctx.user.id
    await ctx.session.execute(_choose(user_id, code))
    people = ctx.run.people
    ctx.run.work.after_commit.append(lambda: people.users.drop(user_id))
    ctx.run.language = code
    await menu(update, ctx)


async def fallback(update: Update, ctx: Context) -> None:
    """What is said to a message that nothing took."""
    ctx.show(ctx.t("I did not quite get that. Here is what I can do:"), menu_buttons(ctx))


async def edited(update: Update, ctx: Context) -> None:
    """What is said to who changes an older message while a question is open."""
    ctx.reply(ctx.t("I read new messages only. Please send your answer once more, as a new message."))


async def expired(update: Update, ctx: Context) -> None:
    """What is said to a button that is no more."""
    if ctx.run.answer == "manual":
        ctx.answer(ctx.t("This button is from an older message. Here is the menu again."))
    ctx.show(ctx.t("That button has expired. Here is what I can do:"), menu_buttons(ctx), fresh=True)


async def away(update: Update, ctx: Context) -> None:
    """What is said for a plugin that rests."""
    if ctx.run.answer == "manual" and ctx.run.callback_id:
        ctx.answer(ctx.t("This part of me is being mended."))
    text = ctx.t(
        "This part of me is being mended right now. Nothing you saved is lost; please try again a little later.\n\n"
        "Meanwhile, here is what I can do:"
    )
    ctx.show(text, menu_buttons(ctx), fresh=True)


async def declined(update: Update, ctx: Context) -> None:
    """What is said to a payment whose plugin rests, before anything is charged."""
    raise Refuse(ctx.t("Payments are resting for a moment. You were not charged. Please try again a little later."))


OWN = Own(
    fallback=Bound("core", "fallback", "text", fallback),
    expired=Bound("core", "expired", "callback", expired),
    away=Bound("core", "away", "text", away),
    edited=Bound("core", "edited", "text", edited),
    declined=Bound("core", "declined", "pre_checkout", declined),
)


def menu_button(ctx: Context) -> Button:
    """The way back."""
    return ctx.button(translated(ctx, "core", "‹ Menu"), "core:menu")


def menu_buttons(ctx: Context) -> list[list[Button]]:
    """One button for each plugin's menu item, then the core's own."""
    registry = ctx.run.services.registry
    items = [
        [Button(translated(ctx, plugin, item.text), data=registry.key_of(item.route))]
        for plugin, item in registry.menu
        if not item.admin or ctx.is_admin
    ]
    own = rows([ctx.button(ctx.t("What I can do"), help_), ctx.button(ctx.t("Language · Язык"), language)], 2)
    return [*items, *own]


def translated(ctx: Context, plugin: str, text: str) -> str:
    """A source text of `plugin` in the user's language."""
    return ctx.run.services.catalogs[plugin].for_language(ctx.language).gettext(text)


def _choose(user_id: int, code: str) -> Executable:
    return sql_update(core_users).where(core_users.c.id == user_id).values(language=code)
