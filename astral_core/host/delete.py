"""The deletion of a person's rows that follows from the foreign keys of a plugin's tables."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, select, update
from sqlalchemy.exc import IntegrityError

from astral_core.db.people import Held, People, is_person, one
from astral_core.db.session import Session
from astral_core.host.context import PluginContext

BATCH = 5_000  # rows of one transaction: others want to write meanwhile, and a statement has 10 s
PIECE = 500  # rows of one statement that names them
TRIES = 3  # somebody may add a row while those are deleted to which it refers


async def delete_rows(ctx: PluginContext, people: People, user_id: int, until: float) -> tuple[int, bool]:
    """Delete the rows of a person in the plugin of `ctx`; return how many, and whether that is all.

    They go in one transaction, or if they are many in several; no other one is begun after the moment `until`, as
    time.monotonic() tells it. What rows of others say of the person becomes NULL, and is counted, too.
    """
    total = 0
    while True:
        count, is_all = await _some(ctx, people, user_id)
        total += count
        if is_all or time.monotonic() >= until:
            return total, is_all


async def _some(ctx: PluginContext, people: People, user_id: int) -> tuple[int, bool]:
    for _ in range(TRIES - 1):
        with contextlib.suppress(IntegrityError):
            async with ctx.work() as work:
                return await _Some(work.session, people, user_id).delete(ctx.id)
    async with ctx.work() as work:
        return await _Some(work.session, people, user_id).delete(ctx.id)


class _Some:
    """At most BATCH rows, in one transaction. What refers to other rows goes before these."""

    def __init__(self, session: Session, people: People, user_id: int) -> None:
        self._session = session
        self._people = people
        self._user = user_id
        self._left = BATCH

    async def delete(self, plugin: str) -> tuple[int, bool]:
        """Delete and empty; return the number of rows of the person, and whether none is left."""
        people, user = self._people, self._user
        rows = 0
        if people.tangled():
            rows += await _Circle(self._session, people, user).delete(plugin)
        for held, link in people.loose(plugin):
            if not people.is_tangled(link.parent):
                above = people.doomed(people.of(link.parent), user)
                await self._empty(held, link.columns, link.leads_to(above))
        for held in people.deleted(plugin):
            if self._left and not people.is_tangled(held.table):
                rows += await self._do(delete(held.table), held, people.doomed(held, user))
        for held, column in people.mentioning(plugin):
            rows += await self._empty(held, (column,), is_person(column, user))
        return rows, self._left > 0

    async def _empty(self, held: Held, columns: Sequence[Any], where: ColumnElement[bool]) -> int:
        if not self._left:
            return 0
        return await self._do(update(held.table).values(_nothing(columns)), held, where)

    async def _do(self, change: Any, held: Held, where: ColumnElement[bool]) -> int:
        some = select(*held.key).where(where).limit(self._left).correlate(None)
        done = await self._session.execute(change.where(one(held.key).in_(some)))
        count = int(done.rowcount)  # type: ignore[attr-defined]  # that of an UPDATE or a DELETE has it
        self._left -= count
        return count


class _Circle:
    """Rows of tables that refer to each other in a circle: all are found first, and go in one transaction."""

    def __init__(self, session: Session, people: People, user_id: int) -> None:
        self._session = session
        self._people = people
        self._user = user_id
        self._found: dict[str, dict[Any, None]] = {}  # by table, the keys in the order in which they were found

    async def delete(self, plugin: str) -> int:
        """Delete the plugin's rows in circles, and empty what else refers to them; return how many were deleted."""
        await self._find()
        for held, link in self._people.loose(plugin):
            if self._people.is_tangled(link.parent):
                for some in self._pieces(link.parent):
                    await self._session.execute(
                        update(held.table).where(link.leads_to(some)).values(_nothing(link.columns))
                    )
        rows = 0
        for held in self._people.deleted(plugin):
            if self._people.is_tangled(held.table):
                await self._close(held)
                for some in self._pieces(held.table):
                    done = await self._session.execute(delete(held.table).where(some))
                    rows += int(done.rowcount)  # type: ignore[attr-defined]  # a DELETE's has it
        return rows

    async def _find(self) -> None:
        """The person's rows, and whatever refers to them, however far away."""
        waiting: list[tuple[Held, ColumnElement[bool]]] = [
            (held, self._people.doomed(held, self._user)) for held in self._people.tangled()
        ]
        while waiting:
            held, where = waiting.pop()
            found = self._found.setdefault(held.table.name, {})
            rows = (await self._session.execute(select(*held.key).where(where))).all()
            new = [key for row in rows if (key := _plain(row)) not in found]
            found.update(dict.fromkeys(new))
            for child, link in self._people.following(held.table):
                waiting += ((child, link.leads_to(one(held.key).in_(some))) for some in _pieces(new))

    async def _close(self, held: Held) -> None:
        """Let rows that refer to others of their own table refer to themselves: then they can go in any order."""
        for link in held.links:
            if link.goes and link.parent is held.table:
                itself = dict(zip(link.columns, link.referred, strict=True))
                for some in self._pieces(held.table):
                    await self._session.execute(update(held.table).where(some).values(itself))

    def _pieces(self, table: Table) -> Iterator[ColumnElement[bool]]:
        key = one(self._people.of(table).key)
        return (key.in_(some) for some in _pieces(list(self._found.get(table.name, ()))))


def _nothing(columns: Sequence[Any]) -> dict[Any, None]:
    return dict.fromkeys(column for column in columns if column.nullable)


def _plain(row: Any) -> Any:
    return row[0] if len(row) == 1 else tuple(row)


def _pieces(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (keys[start : start + PIECE] for start in range(0, len(keys), PIECE))
