"""What updates tell of the bot's place in chats is noted before any handler sees them, and once for all of them.

A person blocks the bot or comes back, a group throws it out, a group becomes a supergroup under another id.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.bot.chats import Chats, Standing
from astral_core.bot.people import People
from astral_core.bot.update import PeekMessage
from astral_core.botapi.views import View, to_builtins, view_update
from astral_core.db.tables import (
    core_chats,
    core_dialogs,
    core_due,
    core_paced,
    core_slots,
    core_users,
    now,
    storable,
)
from astral_core.db.upsert import inserting
from astral_core.inbox.due import SOURCE as DUE
from astral_core.inbox.envelope import as_json
from astral_core.inbox.migrate import GONE, move
from astral_core.inbox.money import is_about_money
from astral_core.inbox.rows import InboxRow
from astral_core.inbox.store import Store

log = logging.getLogger("astral.bot")
KINDS = frozenset(("my_chat_member", "chat_member"))
BATCH = 500  # rows that are deleted at once
_FIRST, _LAST = 0, 2**33  # seconds; a moment beyond is none


class Membership:
    """Notes changes in the database and in the caches of this replica, which owns the lane of their chat."""

    def __init__(self, store: Store, people: People, chats: Chats, payments: Collection[str]) -> None:
        self._store = store
        self._people = people
        self._chats = chats
        self._payments = payments  # the plugins that take some: their due work is nobody's to end

    async def of_update(self, row: InboxRow) -> None:
        """Note an update of one of KINDS."""
        found = view_update(row.payload)
        if found is None or found[0] not in KINDS or found[1].new_chat_member is None:
            return  # a form that is not known here; handlers of plugins may know it
        kind, change = found
        if kind == "chat_member":
            self._chats.changed(row.chat)
        elif row.chat > 0:
            await self._of_person(row.chat, change)
        else:
            await self._of_chat(row.chat, change)

    async def of_message(self, row: InboxRow, message: PeekMessage) -> bool:
        """Note what a message in a group tells; True if rows behind `row` have moved to another lane."""
        if message.migrate_to_chat_id is not None and message.migrate_to_chat_id != row.chat:
            await self.moved(row.chat, message.migrate_to_chat_id, row.seq)
            return True
        if message.migrate_from_chat_id is not None and message.migrate_from_chat_id != row.chat:
            await self.moved(message.migrate_from_chat_id, row.chat)
        return False

    async def seen(self, row: InboxRow, message: PeekMessage | None) -> None:
        """Something comes from a group: the bot is there, whatever was said of it before."""
        standing = await self._chats.standing(row.chat)
        if not standing.gone or (message is not None and message.left_chat_member is not None):
            return
        at = _moment(message.date) if message is not None else standing.status_at
        if standing.status_at is None or (at is not None and at >= standing.status_at):
            await self._note_status(row.chat, {"status": None, "status_at": at}, standing)

    async def lost(self, chat_id: int) -> None:
        """Telegram says that the bot is in this chat no more; nobody else may have heard of a change meanwhile."""
        # By which clock that was is not known: whatever Telegram tells next is later.
        known = await self._chats.standing(chat_id)
        await self._note_status(chat_id, {"status": "left", "status_at": None}, known, gone=True)

    async def moved(self, old: int, new: int, after: int | None = None) -> None:
        """The group `old` is the supergroup `new` now. With `after`, the rows behind that one move as well."""
        log.info("the group %d is the supergroup %d now", old, new)
        database = self._store.database
        await self._store.write(lambda connection: move(database, connection, old, new, after))
        self._chats.changed(old)
        self._chats.changed(new)
        self._people.forget_chat(old)
        self._people.forget_chat(new)
        self._store.resync.request()  # the new lane's owner is told by the database, SQLite's by this

    async def _of_person(self, user_id: int, change: View) -> None:
        """Somebody blocked the bot, or came back."""
        blocked_at = _moment(change.date) if change.new_chat_member.status == "kicked" else None
        note = update(core_users).where(core_users.c.id == user_id).values(blocked_at=blocked_at)
        await self._store.write(lambda connection: connection.execute(note))
        self._people.note_blocked(user_id, blocked=blocked_at is not None)

    async def _of_chat(self, chat_id: int, change: View) -> None:
        member = to_builtins(change.new_chat_member)
        status = storable(str(member.get("status", "")), 16)
        if status == "restricted" and member.get("is_member") is False:
            status = "left"  # a restricted one may be in the chat, or not
        rights = as_json(sorted(name for name, value in member.items() if value is True))
        values = {"status": status, "rights": rights, "status_at": _moment(change.date)}
        await self._note_status(chat_id, values, gone=status in GONE)

    async def _note_status(
        self, chat_id: int, values: dict[str, Any], known: Standing | None = None, *, gone: bool = False
    ) -> None:
        """Write the bot's status, unless a later one is known; where it is gone, nothing waits any more.

        With `known`, only if the status is still the one that was known when this was found out.
        """
        insert = inserting(self._store.database.engine.dialect, core_chats)
        new = insert.values(**{"id": chat_id, "type": "group", "created_at": now(), **values})
        at = core_chats.c.status_at
        if known is not None:
            fits = core_chats.c.status.is_not_distinct_from(known.status) & at.is_not_distinct_from(known.status_at)
        else:
            fits = at.is_(None) | (at <= values["status_at"])

        async def write(connection: AsyncConnection) -> int:
            await connection.execute(new.on_conflict_do_update(index_elements=["id"], set_=values, where=fits))
            status = await connection.scalar(select(core_chats.c.status).where(core_chats.c.id == chat_id))
            return await self._end(connection, chat_id) if gone and status in GONE else 0

        ended = await self._store.write(write)
        self._chats.changed(chat_id)
        self._people.forget_chat(chat_id)
        if gone:
            log.info("the bot is no member of chat %d any more; with that %d due rows have ended", chat_id, ended)

    async def _end(self, connection: AsyncConnection, chat_id: int) -> int:
        """End what waits for a chat; not what has begun, and failed, nor what is about money."""
        for table in (core_slots, core_dialogs, core_paced):
            await connection.execute(delete(table).where(table.c.chat_id == chat_id))
        columns = (core_due.c.id, core_due.c.payload, literal(DUE).label("source"))
        waits = select(*columns).where(core_due.c.lane == chat_id, core_due.c.tries == 0)
        rows = (await connection.execute(waits)).all()
        over = [row.id for row in rows if not is_about_money(row, self._payments)]
        for start in range(0, len(over), BATCH):
            await connection.execute(delete(core_due).where(core_due.c.id.in_(over[start : start + BATCH])))
        return len(over)


def _moment(seconds: int | None) -> datetime:
    """A date of Telegram's; the bounds of what a clock can show for one beyond."""
    return datetime.fromtimestamp(min(max(seconds or 0, _FIRST), _LAST), UTC)
