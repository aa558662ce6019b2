"""A group that becomes a supergroup gets another id: what waits for it, and is kept for it, moves there.

https://core.telegram.org/bots/api#message (migrate_to_chat_id), #responseparameters
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import Database
from astral_core.db.tables import (
    PARKED,
    PENDING,
    core_chats,
    core_dialogs,
    core_due,
    core_inbox,
    core_outbox,
    core_ptb,
    core_slots,
    core_state,
    now,
)
from astral_core.db.upsert import inserting
from astral_core.inbox import once, paced, row_updates

log = logging.getLogger("astral.inbox")
GONE = ("left", "kicked")  # statuses of a ChatMember that is not in the chat; a restricted one may be, or not


async def move(database: Database, connection: AsyncConnection, old: int, new: int, after: int | None) -> None:
    """Move everything of the group `old` to the supergroup `new`; once done, it does nothing more.

    `after` is the row that is being handled in the lane of `old`, by its owner: those behind it move. Otherwise the
    rows stay, and are handled where they are; what they say goes to `new`.
    """
    if new >= 0 or old >= 0 or not await _remember(database, connection, old, new):
        log.warning("chat %d cannot have become %d: nothing is moved", old, new)
        return
    keys = (core_dialogs.c.place, core_dialogs.c.user_id)
    await _rename(connection, core_dialogs, core_dialogs.c.chat_id, keys, old, new)
    await _rename(connection, core_due, core_due.c.lane, (core_due.c.route, core_due.c.key), old, new)
    kept = (core_state.c.plugin, core_state.c.name, core_state.c.user_id)
    await _rename(connection, core_state, core_state.c.chat_id, kept, old, new)
    held = (core_ptb.c.plugin, core_ptb.c.store, core_ptb.c.user_id, core_ptb.c.item)
    await _rename(connection, core_ptb, core_ptb.c.chat_id, held, old, new)
    await once.move(connection, old, new)
    # The supergroup counts its messages from one: an old number would be another message there.
    await connection.execute(delete(core_slots).where(core_slots.c.chat_id == old))
    if await paced.move(connection, old, new):
        await row_updates.arrived(database, connection, [new])
    if after is not None:
        await _move_rows(database, connection, old, new, after)


async def moved_to(database: Database, chat: int) -> int | None:
    """The supergroup that a group has become; None for every other chat."""
    if chat >= 0:
        return None
    async with database.engine.connect() as connection:
        found: int | None = await connection.scalar(select(core_chats.c.migrated_to).where(core_chats.c.id == chat))
        return found


async def _remember(database: Database, connection: AsyncConnection, old: int, new: int) -> bool:
    """Note it; False if the supergroup itself is said to have become another chat."""
    names = ("title", "status", "rights", "status_at", "migrated_to")
    query = select(core_chats.c.id, *(core_chats.c[name] for name in names)).where(core_chats.c.id.in_([old, new]))
    known = {row["id"]: dict(row) for row in (await connection.execute(query)).mappings()}
    if known.get(new, {}).get("migrated_to") is not None:
        return False
    facts = {name: known[old][name] for name in names[:-1]} if old in known else {}
    if facts.get("status") in GONE:
        facts |= {"status": None, "rights": None, "status_at": None}
    new_row = inserting(database.engine.dialect, core_chats)
    fresh = new_row.values(id=new, type="supergroup", created_at=now(), **facts)
    moved = new_row.values(id=old, type="group", migrated_to=new, created_at=now())
    changes = {
        new: fresh.on_conflict_do_nothing(index_elements=["id"]),
        old: moved.on_conflict_do_update(index_elements=["id"], set_={"migrated_to": new}),
    }
    for number in sorted(changes):  # in the order in which commits of updates lock them
        await connection.execute(changes[number])
    return True


async def _rename(
    connection: AsyncConnection, table: Table, chat: ColumnElement[int], keys: tuple[Any, ...], old: int, new: int
) -> None:
    """Let the rows of a table be the new chat's; where that has one of the same key already, its own stays."""
    there = table.alias()
    same = and_(there.c[chat.key] == new, *(there.c[key.key] == key for key in keys))  # type: ignore[index]  # a column's
    await connection.execute(update(table).where(chat == old, ~exists().where(same)).values({chat.key: new}))
    await connection.execute(delete(table).where(chat == old))


async def _move_rows(database: Database, connection: AsyncConnection, old: int, new: int, after: int) -> None:
    """Move what waits behind a row, while that is still to be ended: then no other owner of its lane has begun it."""
    current = core_inbox.alias()
    held = exists().where(current.c.seq == after, current.c.state == PENDING)
    waits = (core_inbox.c.lane == old, core_inbox.c.state.in_([PENDING, PARKED]), core_inbox.c.seq > after)
    await connection.execute(update(core_inbox).where(*waits, held).values(lane=new))
    unsent = (core_outbox.c.lane == old, core_outbox.c.seq != after)
    await connection.execute(update(core_outbox).where(*unsent, held).values(lane=new))
    await row_updates.arrived(database, connection, [new])
