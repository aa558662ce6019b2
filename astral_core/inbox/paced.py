"""What slots are to show, where their edits are paced: one row a slot, of the newest handler that has committed.

A row keeps its content until that is shown, and then for a while when that was: `inbox/pacer.py` shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Dialect, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from astral_core.db.engine import Database, brief
from astral_core.db.tables import core_paced, shared_now
from astral_core.db.upsert import inserting
from astral_core.inbox.effect import Effect, Paced, SlotKey
from astral_core.inbox.elsewhere import at
from astral_core.inbox.envelope import as_json
from astral_core.inbox.personal import Person
from astral_core.inbox.rows import InboxRow

LONGEST = 3600.0  # seconds between two edits of a slot
_effect = msgspec.json.Decoder(Effect)
_c = core_paced.c
_KEY = ("chat_id", "place", "user_id", "slot")
_NEW = ("lane", "plugin", "version", "every", "effect", "data")


def of(key: SlotKey) -> ColumnElement[bool]:
    """The row of a slot."""
    return and_(*(_c[name] == value for name, value in zip(_KEY, key, strict=True)))


async def want(connection: AsyncConnection, row: InboxRow, paced: Sequence[Paced]) -> None:
    """What the handler of `row` shows replaces what its slots were to show."""
    for one in sorted(paced, key=lambda one: one.key):  # in one order, so that two commits never wait for each other
        content = one.content
        values = (row.lane, content.effect.plugin, row.seq, one.every, content.record, content.data)
        given = dict(zip((*_KEY, *_NEW), (*one.key, *values), strict=True))
        await connection.execute(_wanting(connection.dialect), given)


@lru_cache(4)
def _wanting(dialect: Dialect) -> Any:
    """The statement that does it: to make it costs more than to run it."""
    new = inserting(dialect, core_paced)
    return new.on_conflict_do_update(index_elements=list(_KEY), set_={name: new.excluded[name] for name in _NEW})


async def look(database: Database, key: SlotKey) -> Any:
    """What a slot is to show, and when something was shown last; None if nothing is wanted."""
    query = select(_c.version, _c.every, _c.effect, _c.data, _c.shown_at).where(of(key), _c.effect.is_not(None))
    async with brief(database) as connection:
        return (await connection.execute(query)).first()


async def shown(connection: AsyncConnection, key: SlotKey, version: int, moment: datetime) -> bool:
    """Note that a version was shown at a moment; False if another one is wanted by now."""
    await connection.execute(update(core_paced).where(of(key)).values(shown_at=moment))
    gone = update(core_paced).where(of(key), _c.version == version).values(effect=None, data=None)
    return bool((await connection.execute(gone)).rowcount)


async def supersede(connection: AsyncConnection, key: SlotKey, seq: int) -> None:
    """The handler of the row `seq` shows something in the slot at once: what was wanted before is not shown."""
    older = update(core_paced).where(of(key), _c.version < seq, _c.effect.is_not(None))
    await connection.execute(older.values(effect=None, data=None))


# --- whose they are, and when they go


async def known(session: AsyncSession, person: Person) -> list[dict[str, Any]]:
    """What is to be shown to the person, for a copy of their data."""
    query = select(_c.effect).where(_theirs(person), _c.effect.is_not(None))
    return [{"state": "waits", "message": msgspec.json.decode(effect)} for effect in await session.scalars(query)]


async def forget(session: AsyncSession, person: Person) -> None:
    """Show nothing more of the person's; in groups their names are cut out of what others are to see."""
    await session.execute(delete(core_paced).where(_theirs(person)))
    others = select(core_paced).where(_c.chat_id < 0, _c.effect.is_not(None))
    for row in (await session.execute(others)).all():
        effect = msgspec.json.decode(row.effect)
        left = as_json({**effect, "params": person.cut_from(effect.get("params"))})
        if left != row.effect:
            same = (of((row.chat_id, row.place, row.user_id, row.slot)), _c.version == row.version)
            await session.execute(update(core_paced).where(*same).values(effect=left))


def _theirs(person: Person) -> ColumnElement[bool]:
    return or_(_c.user_id == person.id, _c.chat_id == person.id)


async def move(connection: AsyncConnection, old: int, new: int) -> bool:
    """The group `old` is the supergroup `new`: what it was to show is shown there; whether there was something."""
    rows = (await connection.execute(select(core_paced).where(_c.chat_id == old, _c.effect.is_not(None)))).all()
    for row in rows:
        effect = at(_effect.decode(row.effect), new)
        values = {**row._asdict(), "chat_id": new, "lane": new, "effect": as_json(effect), "shown_at": None}
        fresh = inserting(connection.dialect, core_paced).values(values)
        await connection.execute(fresh.on_conflict_do_nothing(index_elements=list(_KEY)))
    await connection.execute(delete(core_paced).where(_c.chat_id == old))
    return bool(rows)


async def purge(connection: AsyncConnection) -> None:
    """Forget when slots were shown, once that holds up no edit any more."""
    before = shared_now(connection.dialect) - timedelta(seconds=2 * LONGEST)
    idle = (_c.effect.is_(None), or_(_c.shown_at.is_(None), _c.shown_at < before))
    await connection.execute(delete(core_paced).where(*idle))
