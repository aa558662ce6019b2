"""Personal data: what is known, what is given out, what is deleted. Plugins answer for their own tables."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterable, Callable
from typing import Any, NamedTuple

from markupsafe import Markup
from sqlalchemy import delete, insert, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core.bot import wording
from astral_core.bot.archive import Archive
from astral_core.bot.commands import MENUS, show_commands
from astral_core.bot.context import Context
from astral_core.bot.home import menu
from astral_core.bot.speaking import scope_of
from astral_core.db import keyed, states
from astral_core.db.tables import (
    core_dialogs,
    core_facts,
    core_files,
    core_ptb,
    core_slots,
    core_state,
    core_users,
    now,
)
from astral_core.db.wipe import truncate_log
from astral_core.errors import ArchiveTooLarge, Parked
from astral_core.host import roles
from astral_core.host.context import PluginContext, services_of
from astral_core.host.delete import delete_rows
from astral_core.host.export import files_of_tables
from astral_core.host.host import Host
from astral_core.i18n import N_
from astral_core.inbox import once, paced, personal
from astral_core.inbox.personal import Person
from astral_core.inbox.retention import FORGOTTEN
from astral_core.ptb import store as foreign
from astral_core.routes import Routes

log = logging.getLogger("astral.host")
routes = Routes()
Files = dict[str, bytes | AsyncIterable[bytes]]
PATIENCE = 10.0  # seconds of a handler for one deletion; what is left by then goes in the next step
LONG = 600.0  # seconds to pack a copy: somebody may have a million rows
# The core's own tables whose rows are a person's: the column that names them. What they hold is in `_known`.
OWN = (core_dialogs.c.user_id, core_files.c.user_id)
KEPT = (core_state, core_ptb)  # what the core keeps for plugins


class Deleted(NamedTuple):
    """How many rows were deleted, or made anonymous; not `is_all`: there were too many, and some are left.

    `stuck` are plugins of whose rows a plugin that is away may have some.
    """

    rows: int
    is_all: bool
    stuck: tuple[str, ...] = ()


class Privacy:
    """Asks every plugin for its part. Provided by the core under its own type."""

    def __init__(self, host: Host, hush: Callable[[int], None] = lambda _user_id: None) -> None:
        self._host = host
        self.hush = hush  # takes a person out of the telemetry under way
        self.patience = PATIENCE

    async def export(self, user_id: int, plugin: str | None = None) -> Files:
        """All files of all plugins, or of one, by `<plugin>/<name>`: their content, or what reads it in pieces.

        They are the rows of the plugin's tables, and what its hook adds, or has better under the same name.
        """
        people, files = self._host.people(), Files()
        for name, ctx in self._asked(plugin):
            own: Files = {**await files_of_tables(ctx, people, user_id)}
            said = self._host.runner.call("astral_export_user", name, ctx=ctx, user_id=user_id)
            if said is not None:
                own |= await said
            files |= {f"{name}/{file}": content for file, content in own.items()}
        return files

    async def delete(self, user_id: int, plugin: str | None = None) -> Deleted:
        """Delete in every plugin, or in one: in dependents before what they depend on; first what its hook deletes.

        It ends early where there is very much, so that no handler runs out of time: call it again then.
        """
        people, rows, until = self._host.people(), 0, time.monotonic() + self.patience
        stuck: list[str] = []
        for name, ctx in reversed(self._asked(plugin)):
            said = self._host.runner.call("astral_delete_user", name, ctx=ctx, user_id=user_id, reason="user")
            rows += await said if said is not None else 0
            try:
                count, is_all = await delete_rows(ctx, people, user_id, until)
            except IntegrityError:
                if not self.away:
                    raise
                log.warning("plugin %r: what it holds of user %d waits for plugins that are away: %s", name, user_id,
                            ", ".join(self.away))  # fmt: skip
                stuck.append(name)
                continue
            rows += count
            if not is_all:
                return Deleted(rows, is_all=False, stuck=tuple(stuck))
        return Deleted(rows, is_all=True, stuck=tuple(stuck))

    async def delete_in(self, plugin: str, user_id: int) -> Deleted:
        """Delete in one plugin. Raises Parked while it is away, or another one keeps rows that refer to its own."""
        if not any(one.id == plugin for one in self._host.alive):
            raise Parked(plugin)
        deleted = await self.delete(user_id, plugin)
        if deleted.stuck:
            raise Parked(self.away[0])
        return deleted

    @property
    def away(self) -> list[str]:
        """Plugins that are not here and hold something of users: it is deleted when they are back."""
        return sorted(name for name, one in self._host.registry.away.items() if one.holds_user_data)

    def _asked(self, plugin: str | None) -> list[tuple[str, PluginContext]]:
        """The plugins that are asked, with their contexts, dependencies first."""
        return [(one.id, self._host.contexts[one.id]) for one in self._host.alive if plugin in (None, one.id)]


@routes.callback("privacy")
@routes.command("privacy", description=N_("Your data and how to delete it"))
async def privacy(ctx: Context) -> None:
    """What is kept, and the two buttons."""
    text = wording.page(
        ctx, "privacy", core=wording.kept_by_core(ctx), plugins=wording.kept_by_plugins(ctx), kept=wording.kept(ctx)
    )
    buttons = [
        [ctx.button(N_("Send me my data"), mydata())],
        [ctx.button(N_("Delete everything"), forget())],
        [ctx.menu_button()],
    ]
    wording.show_page(ctx, text, buttons)


@routes.callback("mydata", timeout=LONG)
@routes.command("mydata", description=N_("A copy of your data"), timeout=LONG)
async def mydata(ctx: Context) -> None:
    """One zip with the core's and every plugin's files."""
    parts = ctx.find(Privacy)
    files: Files = {
        f"core/{name}.json": json.dumps(known, ensure_ascii=False, indent=2).encode()
        for name, known in (await _known(ctx)).items()
        if known
    }
    files |= await export_kept(ctx.session, ctx.user.id)
    await scope_of(ctx).unit.release_reads()  # the plugins' files may take a while
    if parts is not None:
        files |= await parts.export(ctx.user.id)
    try:
        async with Archive() as archive:
            for name, content in sorted(files.items()):
                await archive.add(name, content)
            packed = await archive.read()
    except ArchiveTooLarge:
        ctx.reply(N_("Your data is more than one file in Telegram can hold. Please ask my owner for it."))
        return
    caption = ctx.t("Everything I know about you. Keep it safe.")
    if parts is not None and parts.away:
        caption = ctx.t("One part of me is not available right now; its data is not in here. Please ask again later.")
    ctx.send_document(packed, caption, filename="my-data.zip")


async def _known(ctx: Context) -> dict[str, Any]:
    """What the core itself knows of the person, by the name of a file."""
    user, session = ctx.user, ctx.session
    person = Person(user.id, user.username)
    own: dict[str, Any] = {
        "id": user.id, "first_name": user.first_name, "last_name": user.last_name, "username": user.username,
        "language": user.language, "language_code": user.language_code,
    }  # fmt: skip
    seen = select(core_users.c.created_at, core_users.c.seen_at).where(core_users.c.id == user.id)
    for row in await session.execute(seen):
        own |= {"first_seen": row.created_at.isoformat(), "last_seen": row.seen_at.isoformat()}
    questions = await session.execute(select(core_dialogs).where(core_dialogs.c.user_id == user.id))
    return {
        "user": own,
        "questions": [
            {"chat": row.chat_id, "route": row.route, "arguments": json.loads(row.args),
             "asked_at": row.created_at.isoformat()} for row in questions
        ],
        "inbox": await personal.waiting(session, person, but=ctx.row_id),
        "due": await personal.due(session, person),
        "outbox": [*await personal.unsent(session, person), *await paced.known(session, person)],
        "roles": await roles.of_person(session, person.id),
        "once": await once.known(session, person),
    }  # fmt: skip


@routes.callback("forget")
@routes.command("forget", description=N_("Delete your data"))
async def forget(ctx: Context) -> None:
    """Ask once more."""
    text = wording.page(ctx, "forget", kept=wording.kept(ctx))
    buttons = [
        [ctx.button(N_("Yes, delete everything"), forget_now())],
        [ctx.button(N_("No, keep it"), menu())],
    ]
    wording.show_page(ctx, text, buttons)


@routes.callback("forget.now")
async def forget_now(ctx: Context) -> None:
    """Delete in every plugin and in the core; what this very answer leaves goes after it."""
    user = ctx.user
    parts = ctx.find(Privacy)
    away = parts.away if parts is not None else []
    if parts is not None:
        parts.hush(user.id)
        away += (await parts.delete(user.id)).stuck
    names = tuple(name for name in (user.first_name, user.last_name) if name)
    await _forget_person(ctx, Person(user.id, user.username, names))
    await ctx.session.execute(_empty(user.id))
    for plugin in away:
        ctx.defer(forget_in(plugin=plugin, user_id=user.id))
    ctx.defer(forget_rest(user_id=user.id))
    wording.show_page(ctx, _done(ctx, complete=not away))


def _done(ctx: Context, *, complete: bool) -> Markup:
    done = N_("Done. I have deleted your data.")
    if not complete:
        done = N_("Done, except for one part of me that is not available right now: its data goes when it is back.")
    return wording.page(ctx, "forgotten", done=ctx.t(done), kept=wording.kept(ctx))


@routes.step("forget_rest")
async def forget_rest(ctx: Context, user_id: int) -> None:
    """Delete once more, when the answer is out: its message's place, and what other chats wrote meanwhile."""
    parts = ctx.find(Privacy)
    if parts is not None:
        parts.hush(user_id)
        deleted = await parts.delete(user_id)
        if not deleted.is_all:
            ctx.defer(forget_rest(user_id=user_id))
    await _forget_person(ctx, Person(user_id))
    own = or_(core_slots.c.chat_id == user_id, core_slots.c.user_id == user_id)
    await ctx.session.execute(delete(core_slots).where(own))
    await _wipe_after(ctx)


async def _wipe_after(ctx: Context) -> None:
    """On SQLite what was deleted shall leave the files as well: the log at once, unused parts of pages in an hour."""
    if services_of(ctx).database.is_sqlite:
        await ctx.session.execute(delete(core_facts).where(core_facts.c.name == FORGOTTEN))
        await ctx.session.execute(insert(core_facts).values(name=FORGOTTEN, value=now().isoformat()))
        ctx.defer(wipe(), lane=("wipe",))


@routes.step("wipe")
async def wipe(ctx: Context) -> None:
    """Take what was deleted out of SQLite's write-ahead log, too."""
    await truncate_log(services_of(ctx).database)


@routes.step("forget_in")
async def forget_in(ctx: Context, plugin: str, user_id: int) -> None:
    """Delete what a plugin holds that was away when everything else was deleted."""
    parts = ctx.find(Privacy)
    if parts is not None:
        deleted = await parts.delete_in(plugin, user_id)
        if not deleted.is_all:
            ctx.defer(forget_in(plugin=plugin, user_id=user_id))
        await _wipe_after(ctx)


async def export_kept(session: AsyncSession, user_id: int, plugin: str | None = None) -> dict[str, bytes]:
    """The files of what the core keeps of a person for plugins, or for one: the tables of KEPT."""
    return await states.export(session, user_id, plugin) | await foreign.export(session, user_id, plugin)


async def forget_kept(session: AsyncSession, user_id: int, plugin: str | None = None) -> int:
    """Delete the same; return how many rows."""
    return sum([await keyed.forget(session, table, user_id, plugin) for table in KEPT])


async def _forget_person(ctx: Context, person: Person) -> None:
    """The core's own tables, and the core's memory after the commit."""
    people, session = scope_of(ctx).people, ctx.session
    await personal.forget(session, person, services_of(ctx).registry.payments)
    await once.forget(session, person)
    await paced.forget(session, person)
    for column in OWN:
        await session.execute(delete(column.table).where(column == person.id))
    await forget_kept(session, person.id)
    if await roles.forget(session, person.id):
        ctx.after_commit(services_of(ctx).roles.changed)
        ctx.defer(show_commands(user_id=person.id), lane=MENUS)
    ctx.after_commit(lambda: people.forget_person(person.id))


def _empty(user_id: int) -> Any:
    """The row itself stays, empty: payments that must be kept refer to it."""
    values = {"first_name": "", "last_name": None, "username": None, "language_code": None, "language": None}
    return sql_update(core_users).where(core_users.c.id == user_id).values(**values)
