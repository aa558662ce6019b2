"""Telegram's command menus, in every language that the bot speaks.

There is one for private chats, one for groups, one for groups' administrators, and one for each person who may more
than others: owners, and people with a role. What a person's own menu shows is noted in `core_facts`; it is shown
again when it differs, by durable work that no handler waits for.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Collection, Iterable
from gettext import NullTranslations
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core.bot.announced import known_menus, note_menus
from astral_core.bot.context import Context
from astral_core.bot.speaking import scope_of
from astral_core.bot.transport import Transport
from astral_core.db.tables import core_facts, core_roles, core_users
from astral_core.declare import GROUP, OWNER, PRIVATE
from astral_core.errors import DatabaseError, IngestRefused, TelegramRefused
from astral_core.host.arguments import own_lane
from astral_core.host.context import services_of
from astral_core.host.services import Services
from astral_core.i18n import Texts
from astral_core.inbox.envelope import as_json
from astral_core.inbox.work import internal_row
from astral_core.kinds import RegisteredHandler
from astral_core.kinds.command import DESCRIPTION, LISTED, Commands
from astral_core.kinds.raw import Raws
from astral_core.languages.tags import SOURCE
from astral_core.markup import utf16
from astral_core.routes import Routes

log = logging.getLogger("astral.bot")
routes = Routes()
MENUS = ("commands",)  # the lane of all people's menus, one after the other
BATCH = 500  # people in one look
Listed = list[tuple[str, RegisteredHandler]]
Menu = dict[str, list[dict[str, str]]]  # the BotCommands by language code, "" for the first language


async def announce_commands(transport: Transport, services: Services) -> None:
    """Tell Telegram which commands work where; best effort, since the bot works without its menus."""
    commands = services.registry.of(Commands)
    groups = commands.listed(GROUP, lambda _: False)
    administrators = commands.listed(GROUP, lambda _: True)
    # The Bot API's scopes: https://core.telegram.org/bots/api#botcommandscope
    scopes: dict[str, Listed] = {
        "all_private_chats": commands.listed(PRIVATE, lambda _: False),
        "all_group_chats": groups,
        "all_chat_administrators": administrators if len(administrators) > len(groups) else [],
        # All chats without a menu of their own would show it, and earlier versions put the private commands there.
        "default": [],
    }
    menus = services.spoken.menus
    known, wanted = await known_menus(services.database), {code for code in menus if code}
    if not wanted <= known:
        await note_menus(services.database, known | wanted)  # first: the process may die before the last menu is set
    for code in [*menus, *sorted(known - wanted)]:
        for scope, listed in scopes.items():
            shown = _commands(services, listed, menus[code]) if code in menus else []
            if code in menus and scope != "default" and (shown or scope != "all_chat_administrators"):
                shown = _with_foreign(services, shown, code, private=scope == "all_private_chats")
            await transport.best_effort(*_call({"type": scope}, code, shown))
    if known - wanted:
        await note_menus(services.database, wanted)
    try:
        await _announce_to_people(services)
    except (SQLAlchemyError, DatabaseError, IngestRefused, OSError) as error:
        log.warning("the command menus of people with roles were not looked at (%s)", type(error).__name__)


async def _announce_to_people(services: Services) -> None:
    """Have the menu of each person shown that differs from what it shows."""
    for user_id in await _outdated(services):
        body = {"route": "core.show_commands", "args": {"user_id": user_id}}
        key = f"core.show_commands:{uuid.uuid4().hex}"
        await services.store.ingest(internal_row("step", key, own_lane("core", MENUS), body))


async def _outdated(services: Services) -> list[int]:
    """Whose menu differs. Who never wrote to the bot, or blocked it, has none."""
    mark = _fact(services, "")
    async with services.database.engine.connect() as connection:
        facts = select(core_facts).where(core_facts.c.name.startswith(mark, autoescape=True))
        shown = {int(row.name.removeprefix(mark)): row.value for row in await connection.execute(facts)}
        found = (await connection.execute(select(core_roles.c.user_id, core_roles.c.role))).all()
        roles = _with_fixed(services, ((row.user_id, row.role) for row in found))
        prints = {frozenset(some): _print(personal_menu(services, some)) for some in roles.values()}
        wanted = {person: prints[frozenset(some)] for person, some in roles.items()}
        differ = [
            person for person in wanted.keys() | shown.keys() if wanted.get(person, "") != shown.get(person, "")
        ]
        reachable: set[int] = set()
        for start in range(0, len(differ), BATCH):
            here = core_users.c.id.in_(differ[start : start + BATCH])
            known = select(core_users.c.id).where(here, core_users.c.blocked_at.is_(None))
            reachable |= set((await connection.execute(known)).scalars())
    return sorted(person for person in differ if person in reachable or person in shown)


def _with_fixed(services: Services, found: Iterable[tuple[int, str]]) -> dict[int, set[str]]:
    """The roles of each person: those found in the database, those of astral.toml, and the owners'."""
    roles, named = services.roles, services.registry.roles
    people: dict[int, set[str]] = {owner: {OWNER, *named} for owner in roles.owners}
    fixed = ((person, role) for role, holders in roles.fixed.items() for person in holders)
    for person, role in (*found, *fixed):
        if role in named:
            people.setdefault(person, set()).add(role)
    return people


def personal_menu(services: Services, roles: Collection[str]) -> Menu:
    """The commands of somebody with these roles; nothing if they are those of everybody."""
    listed = services.registry.of(Commands).listed(PRIVATE, lambda role: role in roles)
    if all(route.role is None for _, route in listed):
        return {}
    return {
        code: _with_foreign(services, _commands(services, listed, language), code, private=True)
        for code, language in services.spoken.menus.items()
    }


async def refresh_commands(ctx: Context) -> None:
    """Have the person's own menu shown if it differs: of who comes to the bot after a role was given to them."""
    services, person = services_of(ctx), ctx.user.id
    if all(route.role is None for _, route in services.registry.of(Commands).listed(PRIVATE, lambda _: True)):
        return
    roles = {role for role in (OWNER, *services.registry.roles) if await ctx.has_role(role)}
    if not roles:
        return
    if await _shown(ctx.session, services, person) != _print(personal_menu(services, roles)):
        ctx.defer(show_commands(user_id=person), lane=MENUS)


@routes.step("show_commands")
async def show_commands(ctx: Context, user_id: int) -> None:
    """Let Telegram show a person the commands that they may use, in their private chat."""
    services, session = services_of(ctx), ctx.session
    found = await session.execute(select(core_roles.c.role).where(core_roles.c.user_id == user_id))
    roles = _with_fixed(services, ((user_id, role) for role in found.scalars())).get(user_id, set())
    menu = personal_menu(services, roles)
    before, wanted = await _shown(session, services, user_id), _print(menu)
    if before == wanted:
        return
    await scope_of(ctx).unit.release_reads()
    scope = {"type": "chat", "chat_id": user_id}
    codes = {*menu, *_codes(before), *services.spoken.menus}
    try:
        for code in sorted(codes):
            method, params = _call(scope, code, menu.get(code, []))
            await ctx.call_now(method, **params)
    except TelegramRefused as error:  # who never wrote to the bot has no chat; /start tries again
        ctx.log.info("the command menu of %d is not shown: %s", user_id, error)
        wanted = ""
    await session.execute(delete(core_facts).where(core_facts.c.name == _fact(services, user_id)))
    if wanted:
        await session.execute(insert(core_facts).values(name=_fact(services, user_id), value=wanted))


async def _shown(session: AsyncSession, services: Services, user_id: int) -> str:
    """The print of what a person's own menu shows; empty if there is none."""
    fact = select(core_facts.c.value).where(core_facts.c.name == _fact(services, user_id))
    return (await session.scalar(fact)) or ""


def _fact(services: Services, user_id: int | str) -> str:
    return f"commands:{services.settings.bot_id}:{user_id}"


def _print(menu: Menu) -> str:
    """What tells one menu from another, and which languages it has: Telegram keeps them until they are taken away."""
    return f"{hashlib.sha256(as_json(menu).encode()).hexdigest()}:{','.join(menu)}" if menu else ""


def _codes(print_: str) -> list[str]:
    return print_.partition(":")[2].split(",")


def _call(scope: dict[str, Any], code: str, commands: list[dict[str, str]]) -> tuple[str, dict[str, Any]]:
    """The call that shows a menu; that which takes it away where there are no commands."""
    where = {"scope": scope, "language_code": code}
    return ("setMyCommands", {"commands": commands, **where}) if commands else ("deleteMyCommands", where)


def _commands(services: Services, listed: Listed, language: str) -> list[dict[str, str]]:
    """The BotCommands of these commands."""
    return [{"command": name, "description": _description(services, route, language)} for name, route in listed]


def _with_foreign(services: Services, own: list[dict[str, str]], code: str, *, private: bool) -> list[dict[str, str]]:
    """The commands that bots of python-telegram-bot want shown, and after them those of the others."""
    foreign = services.registry.of(Raws).menu(code, private=private)
    first = [{"command": name, "description": text} for name, text in foreign.items()]
    return [*first, *(one for one in own if one["command"] not in foreign)][:LISTED]


def _description(services: Services, route: RegisteredHandler, language: str) -> str:
    """The description in a language, or in English if the translation is longer than Telegram takes."""
    catalogs, declared = services.catalogs[route.plugin], route.declared
    text = Texts(catalogs.for_language(language), language).plain(declared.description)
    if utf16(text) <= DESCRIPTION:
        return text
    log.warning("the description of /%s in %r is longer than %d characters, so the menu has the English one",
                declared.name, language, DESCRIPTION)  # fmt: skip
    return Texts(NullTranslations(), SOURCE).plain(declared.description)
