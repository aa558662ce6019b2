"""/roles: the owner gives the roles that plugins name to people, and takes them away again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core.bot.buttons import Button, rows
from astral_core.bot.commands import MENUS, show_commands
from astral_core.bot.context import Context
from astral_core.bot.speaking import scope_of
from astral_core.botapi.views import View
from astral_core.config import MOST_PEOPLE
from astral_core.db.tables import core_users
from astral_core.declare import OWNER
from astral_core.errors import Refuse
from astral_core.host.context import services_of
from astral_core.host.roles import give, given, take
from astral_core.host.services import Services
from astral_core.i18n import N_, Message, Texts, html
from astral_core.inbox.address import Address
from astral_core.kinds.callback import CallbackCall
from astral_core.routes import Routes

T = TypeVar("T")
log = logging.getLogger("astral.roles")
routes = Routes()
PAGE = 8  # roles or people on a page
SHARED = 10  # people that Telegram's button shares at once
OPEN = timedelta(minutes=30)  # how long the question waits for an answer
LEFT = N_("No plugin that runs uses it.")


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who has a role. `fixed`: astral.toml says so; `reachable`: the bot can write to them."""

    id: int
    name: str
    username: str | None
    language: str | None
    reachable: bool
    fixed: bool = False

    @property
    def shown(self) -> Markup:
        """The name and the id, as far as they are known."""
        if not self.name:
            return html("<code>{id}</code>", id=self.id)
        at = f" @{self.username}" if self.username else ""
        return html("{name}{at} · <code>{id}</code>", name=self.name, at=at, id=self.id)


# --- what there is


@routes.callback("roles/{page:int}", role=OWNER)
async def page_of_roles(ctx: Context, page: int) -> None:
    """Each role, what it is for, and how many people have it."""
    people = await _everybody(ctx)
    names = _cut(sorted(people), page)
    if not people:
        text = ctx.t("<b>Who may do what</b>\n\nNo plugin of mine uses roles.")
        ctx.show(text, [[ctx.menu_button()]])
        return
    blocks = [_about(ctx, name, len(people[name])) for name in names]
    buttons = rows([ctx.button(name, page_of_role(number=_number(name), page=0)) for name in names], 2)
    head = ctx.t("<b>Who may do what</b>\n\nTap a role to give it to somebody or to take it away.")
    ctx.show(
        Markup("\n\n").join([head, *blocks]), [*buttons, _turn(ctx, page, len(people), _roles), [ctx.menu_button()]]
    )


@routes.command("roles", description=N_("Who may do what"), role=OWNER)
async def list_of_roles(ctx: Context) -> None:
    """The first page."""
    ctx.end_question()
    await page_of_roles.handler(ctx, 0)


@routes.callback("role/{number:int}/{page:int}", role=OWNER)
async def page_of_role(ctx: Context, number: int, page: int) -> None:
    """Who has a role; a button takes it from each of them, if astral.toml does not give it."""
    people = await _everybody(ctx)
    role = _role(people, number)
    if role is None:
        await page_of_roles.handler(ctx, 0)
        return
    ctx.end_question()
    await _show(ctx, role, people[role], page)


async def _show(ctx: Context, role: str, ids: Sequence[int], page: int, *, fresh: bool | None = None) -> None:
    here = await _holders(ctx, role, _cut(ids, page))
    lines = [html("• {who}", who=one.shown) + (ctx.t(" · in astral.toml") if one.fixed else "") for one in here]
    blocks = [_about(ctx, role, len(ids)), Markup("\n").join(lines)]
    if any(one.fixed for one in here):
        blocks.append(ctx.t("Whom astral.toml names, only astral.toml can take the role from."))
    number = _number(role)
    buttons = [
        [ctx.button(f"✕ {one.name or one.id}"[:60], ask_to_take(number=number, person=one.id))]
        for one in here if not one.fixed
    ]  # fmt: skip
    if role in services_of(ctx).registry.roles:
        buttons.append([ctx.button(N_("Give it to somebody"), ask_whom(number=number))])
    turn = _turn(ctx, page, len(ids), lambda to: page_of_role(number=number, page=to))
    back = ctx.button(N_("‹ All roles"), page_of_roles(page=0))
    ctx.show(Markup("\n\n").join(filter(None, blocks)), [*buttons, turn, [back, ctx.menu_button()]], fresh=fresh)


def _roles(page: int) -> CallbackCall:
    return page_of_roles(page=page)


def _about(ctx: Context, role: str, count: int) -> Markup:
    """A role, how many people have it, and what each plugin needs it for."""
    people = ctx.nt("{n} person", "{n} people", count) if count else ctx.t("nobody yet")
    what = purposes(services_of(ctx), role, ctx.language) or [ctx.t(LEFT)]
    return html("<b>{role}</b> · {people}\n{what}", role=role, people=people, what=Markup("\n").join(what))


def purposes(services: Services, role: str, language: str) -> list[Markup]:
    """What a role is for, as each plugin that names it says; with the plugin's id if there are several."""
    named = services.registry.roles.get(role, {})
    found = []
    for plugin, text in named.items():
        texts = Texts(services.catalogs[plugin].for_language(language), language)
        said = texts.t(text) if isinstance(text, Message) else html("{text}", text=text)
        found.append(html("{said} ({plugin})", said=said, plugin=plugin) if len(named) > 1 else said)
    return found


# --- giving


@routes.callback("role.give/{number:int}", role=OWNER)
async def ask_whom(ctx: Context, number: int) -> None:
    """Ask for a person, in whatever way Telegram has."""
    role = _role(services_of(ctx).registry.roles, number)
    if role is None:
        await page_of_roles.handler(ctx, 0)
        return
    ctx.ask(whom(role=role), within=OPEN)
    text = ctx.t(
        "Who shall have <b>{role}</b>?\n\nChoose people with the button below. Or send me a contact, forward a "
        "message of theirs, or write their id or @name.",
        role=role,
    )
    choose = ctx.request_users(N_("Choose people"), 1, most=SHARED, user_is_bot=False)
    ctx.reply(text, ctx.keyboard([[choose], [N_("Cancel")]], one_time=True))


@routes.question("whom", accept="any", role=OWNER)
async def whom(ctx: Context, role: str) -> None:
    """Give the role to whom the answer names."""
    if role not in services_of(ctx).registry.roles:
        _done(ctx, ctx.t("No plugin that runs uses the role <b>{role}</b> any more.", role=role))
        return
    if ctx.text == ctx.t("Cancel").unescape():
        _done(ctx, ctx.t("Nobody has got the role <b>{role}</b>.", role=role))
    else:
        await _give(ctx, role, await _named(ctx))
    await _show(ctx, role, (await _everybody(ctx))[role], 0, fresh=True)  # below what was done


async def _give(ctx: Context, role: str, people: Sequence[int]) -> None:
    services, had = services_of(ctx), (await _everybody(ctx))[role]
    wanted = [person for person in people if person not in had]
    if len(had) + len(wanted) > MOST_PEOPLE:
        raise Refuse(ctx.t("A role can have {n} people at most. Take it from somebody first.", n=MOST_PEOPLE))
    new = await give(ctx.session, role, wanted, ctx.user.id)
    lines = []
    for one in await _holders(ctx, role, people):
        if one.id not in new:
            lines.append(ctx.t("{who} had it before.", who=one.shown))
            continue
        ctx.defer(show_commands(user_id=one.id), lane=MENUS)
        ctx.after_commit(partial(log.info, "the role %s was given to %d by %d", role, one.id, ctx.user.id))
        if one.reachable:
            _tell(ctx, services, role, one)
            lines.append(ctx.t("{who} has it now, and I told them.", who=one.shown))
        else:
            lines.append(ctx.t("{who} has it now. I cannot write to them until they write to me.", who=one.shown))
    ctx.after_commit(services.roles.changed)
    _done(ctx, Markup("\n").join(lines))


def _tell(ctx: Context, services: Services, role: str, one: Holder) -> None:
    """Tell a person in their own chat and language; nothing depends on it."""
    language = services.spoken.pick(one.language)
    texts = ctx.texts(language)
    text = texts.t(
        "You have a new role here: <b>{role}</b>.\n{what}\n\nSee /help for what you can do now.",
        role=role, what=Markup("\n").join(purposes(services, role, language)),
    )  # fmt: skip
    scope_of(ctx).effects.text("core", Address(chat=one.id), text, None, optional=True)


def _done(ctx: Context, text: Markup) -> None:
    """Say what was done, and take the keyboard away."""
    ctx.reply(text, ctx.remove_keyboard())


async def _named(ctx: Context) -> list[int]:
    """Whom the answer names. Refuse, with what to send instead, if that is nobody."""
    message = ctx.message
    origin = message.forward_origin
    if message.users_shared is not None:
        found = [user.user_id for user in message.users_shared.users or ()]
    elif origin is not None:
        found = [_author(origin)]
    elif message.contact is not None:
        found = [message.contact.user_id]
        if found == [None]:
            raise Refuse(N_("This contact has no Telegram that I could see. Please choose them with the button."))
    else:
        found = [await _written(ctx.session, ctx.text.strip())]
    people = [one for one in dict.fromkeys(found) if isinstance(one, int) and 0 < one < 2**52 and one != ctx.bot_id]
    if not people:
        raise Refuse(N_("I cannot see a person in that. Please choose them with the button, or send their id."))
    return people


def _author(origin: View) -> object:
    """Who wrote a forwarded message."""
    user = origin.sender_user if origin.type == "user" else None
    if origin.type == "hidden_user":
        raise Refuse(
            N_("Telegram does not tell me who wrote this: they hide it. Please choose them with the button.")
        )
    if user is None:
        raise Refuse(N_("No person wrote this, but a group or a channel. Please choose people with the button."))
    if user.is_bot:
        raise Refuse(N_("A bot wrote this. Roles are for people."))
    return user.id


async def _written(session: AsyncSession, text: str) -> int:
    """The person that a text names: an id, or a @name that the bot knows."""
    if text.isascii() and text.isdecimal():
        return int(text[:20])
    name = text.removeprefix("https://").removeprefix("t.me/").removeprefix("@")
    if not name or not name.isascii() or not name.replace("_", "a").isalnum():
        raise Refuse(N_("Please choose people with the button, or send a contact, an id or a @name."))
    query = select(core_users.c.id).where(func.lower(core_users.c.username) == name.lower())
    found: int | None = await session.scalar(query.order_by(core_users.c.seen_at.desc()).limit(1))
    if found is None:
        raise Refuse(
            N_("Nobody with this name has written to me. Please choose them with the button, or send their id.")
        )
    return found


# --- taking


@routes.callback("role.take/{number:int}/{person:int}", role=OWNER)
async def ask_to_take(ctx: Context, number: int, person: int) -> None:
    """Ask once more."""
    people = await _everybody(ctx)
    role = _role(people, number)
    if role is None or person not in people[role]:
        await page_of_role.handler(ctx, number, 0)
        return
    [one] = await _holders(ctx, role, [person])
    text = ctx.t("Take the role <b>{role}</b> from {who}?", role=role, who=one.shown)
    yes = ctx.button(N_("Yes, take it"), take_away(number=number, person=person))
    ctx.show(text, [[yes], [ctx.button(N_("No, leave it"), page_of_role(number=number, page=0))]])


@routes.callback("role.taken/{number:int}/{person:int}", role=OWNER)
async def take_away(ctx: Context, number: int, person: int) -> None:
    """Take a role away, and show who has it now."""
    role = _role(await _everybody(ctx), number)
    if role is not None and await take(ctx.session, role, person):
        ctx.defer(show_commands(user_id=person), lane=MENUS)
        ctx.after_commit(services_of(ctx).roles.changed)
        ctx.after_commit(partial(log.info, "the role %s was taken from %d by %d", role, person, ctx.user.id))
    await page_of_role.handler(ctx, number, 0)


# --- small parts


async def _everybody(ctx: Context) -> dict[str, list[int]]:
    """Who has which role, those of astral.toml first; also roles that were given and that no plugin names now."""
    services = services_of(ctx)
    found = await given(ctx.session)
    fixed = services.settings.roles
    return {
        role: list(dict.fromkeys((*fixed.get(role, ()), *found.get(role, ()))))
        for role in {*services.registry.roles, *found}
    }


async def _holders(ctx: Context, role: str, people: Iterable[int]) -> list[Holder]:
    """What is known of people, in their order."""
    order, fixed = list(people), services_of(ctx).roles.fixed.get(role, frozenset())
    known = {row.id: row for row in await ctx.session.execute(select(core_users).where(core_users.c.id.in_(order)))}
    found = []
    for one in order:
        row = known.get(one)
        if row is None or not row.first_name:  # never here, or forgotten
            found.append(Holder(one, "", None, None, reachable=False, fixed=one in fixed))
            continue
        name = " ".join(filter(None, (row.first_name, row.last_name)))
        language = row.language or row.language_code
        found.append(Holder(one, name, row.username, language, row.blocked_at is None, one in fixed))
    return found


def _number(role: str) -> int:
    """What a button carries of a role: its place in a list changes with the plugins, and its name may be too long."""
    return int.from_bytes(hashlib.sha256(role.encode()).digest()[:6])


def _role(names: Iterable[str], number: int) -> str | None:
    """The role of a button; None if it is no more, or the button was forged."""
    return next((name for name in names if _number(name) == number), None)


def _cut(items: Sequence[T], page: int) -> Sequence[T]:
    """The items of a page; buttons may be forged, and lists may be shorter than they were."""
    return items[_start(page, len(items)) : _start(page, len(items)) + PAGE]


def _start(page: int, count: int) -> int:
    return min(max(page, 0), max(count - 1, 0) // PAGE) * PAGE


def _turn(ctx: Context, page: int, count: int, to: Callable[[int], CallbackCall]) -> list[Button]:
    """The buttons to the pages before and after."""
    now = _start(page, count) // PAGE
    found = [ctx.button("‹", to(now - 1))] if now else []
    return [*found, *([ctx.button("›", to(now + 1))] if (now + 1) * PAGE < count else [])]
