"""Personal data: what is known, what is given out, what is deleted. Plugins answer for their own tables."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Callable
from typing import Any

from markupsafe import Markup
from sqlalchemy import delete, insert, or_, select
from sqlalchemy import update as sql_update

from astral_core.bot import wording
from astral_core.bot.archive import Archive
from astral_core.bot.commands import MENUS, show_commands
from astral_core.bot.context import Context
from astral_core.bot.home import menu
from astral_core.bot.speaking import scope_of
from astral_core.db import states
from astral_core.db.tables import core_dialogs, core_facts, core_files, core_slots, core_users, now
from astral_core.db.wipe import truncate_log
from astral_core.errors import ArchiveTooLarge, Parked
from astral_core.host import roles
from astral_core.host.context import PluginContext, services_of
from astral_core.host.host import Host
from astral_core.i18n import N_
from astral_core.inbox import personal
from astral_core.inbox.personal import Person
from astral_core.inbox.retention import FORGOTTEN
from astral_core.routes import Routes

routes = Routes()


class Privacy:
    """Asks every plugin for its part. Provided by the core under its own type."""

    def __init__(self, host: Host, hush: Callable[[int], None] = lambda _user_id: None) -> None:
        self._host = host
        self.hush = hush  # takes a person out of the telemetry under way

    async def export(self, user_id: int) -> dict[str, bytes | AsyncIterable[bytes]]:
        """All files of all plugins, by `<plugin>/<name>`: their content, or what reads it piece by piece."""
        files: dict[str, bytes | AsyncIterable[bytes]] = {}
        for plugin, result in self._host.runner.each("astral_export_user", self._here(), user_id=user_id):
            files |= {f"{plugin}/{name}": content for name, content in (await result).items()}
        return files

    async def delete(self, user_id: int) -> int:
        """Delete in every plugin, dependents before what they depend on; return the number of rows."""
        calls = list(self._host.runner.each("astral_delete_user", self._here(), user_id=user_id, reason="user"))
        total = 0
        for _, result in reversed(calls):
            total += await result
        return total

    async def delete_in(self, plugin: str, user_id: int) -> None:
        """Delete in one plugin. Raises Parked while it is away, so that its row waits for it."""
        context = self._here().get(plugin)
        if context is None:
            raise Parked(plugin)
        found = self._host.runner.call("astral_delete_user", plugin, ctx=context, user_id=user_id, reason="user")
        if found is not None:
            await found

    @property
    def away(self) -> list[str]:
        """Plugins that are not here and hold something of users: it is deleted when they are back."""
        return sorted(name for name, one in self._host.registry.away.items() if one.holds_user_data)

    def _here(self) -> dict[str, PluginContext]:
        return {plugin.id: self._host.contexts[plugin.id] for plugin in self._host.alive}


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


@routes.callback("mydata")
@routes.command("mydata", description=N_("A copy of your data"))
async def mydata(ctx: Context) -> None:
    """One zip with the core's and every plugin's files."""
    parts = ctx.find(Privacy)
    files: dict[str, bytes | AsyncIterable[bytes]] = {
        f"core/{name}.json": json.dumps(known, ensure_ascii=False, indent=2).encode()
        for name, known in (await _known(ctx)).items()
        if known
    }
    await scope_of(ctx).unit.release_reads()  # the plugins' files may take a while
    files |= await states.export(ctx.session, ctx.user.id)
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
        "outbox": await personal.unsent(session, person),
        "roles": await roles.of_person(session, person.id),
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
        await parts.delete(user.id)
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
        await parts.delete(user_id)
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
        await parts.delete_in(plugin, user_id)
        await _wipe_after(ctx)


async def _forget_person(ctx: Context, person: Person) -> None:
    """The core's own tables, and the core's memory after the commit."""
    people, session = scope_of(ctx).people, ctx.session
    await personal.forget(session, person, services_of(ctx).registry.payments)
    await session.execute(delete(core_dialogs).where(core_dialogs.c.user_id == person.id))
    await states.forget(session, person.id)
    await session.execute(delete(core_files).where(core_files.c.user_id == person.id))
    if await roles.forget(session, person.id):
        ctx.after_commit(services_of(ctx).roles.changed)
        ctx.defer(show_commands(user_id=person.id), lane=MENUS)
    ctx.after_commit(lambda: people.forget_person(person.id))


def _empty(user_id: int) -> Any:
    """The row itself stays, empty: payments that must be kept refer to it."""
    values = {"first_name": "", "last_name": None, "username": None, "language_code": None, "language": None}
    return sql_update(core_users).where(core_users.c.id == user_id).values(**values)
