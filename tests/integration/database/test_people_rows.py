"""The deletion that follows from foreign keys, against a model: any schema of keys, circles included, any rows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Table, event, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from astral_core import core_users, plugin_metadata
from astral_core.db.people import KEPT, people_of
from astral_core.db.tables import metadata as core_metadata
from astral_core.host import delete
from astral_core.host.context import PluginContext

ANNA, BORIS = 1, 2
NEVER = time.monotonic() + 86_400


@dataclass
class Shape:
    """A table: its number, whether it is kept, whose its rows are, whom they mention, and what they refer to."""

    number: int
    kept: bool
    owned: bool
    mentions: bool
    keys: list[tuple[int, bool]]  # (number of the table, may it be NULL)

    @property
    def name(self) -> str:
        """The table's name."""
        return f"t_{self.number}"


@dataclass
class Model:
    """What is in the tables, and what has to be left."""

    shapes: list[Shape]
    rows: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)

    def expect(self) -> tuple[dict[str, dict[int, dict[str, Any]]], int]:
        """The rows that are left without Anna, and how many were deleted or made anonymous."""
        belonging = self._belonging()
        doomed: set[tuple[str, int]] = set()
        while True:
            more = {
                (shape.name, number)
                for shape in self.shapes if not shape.kept
                for number, row in self.rows[shape.name].items()
                if self._goes(shape, row, doomed, belonging)
            }  # fmt: skip
            if more <= doomed:
                break
            doomed |= more
        anonymous = 0
        left: dict[str, dict[int, dict[str, Any]]] = {}
        for shape in self.shapes:
            kept = {n: dict(row) for n, row in self.rows[shape.name].items() if (shape.name, n) not in doomed}
            for row in kept.values():
                for n, (parent, _) in enumerate(shape.keys):
                    if (f"t_{parent}", row[f"key_{n}"]) in doomed:
                        row[f"key_{n}"] = None
                if shape.mentions and not shape.kept and row["seen_by"] == ANNA:
                    row["seen_by"] = None
                    anonymous += 1
            left[shape.name] = kept
        return left, len(doomed) + anonymous

    def _goes(self, shape: Shape, row: dict[str, Any], doomed: set[Any], belonging: set[Any]) -> bool:
        if shape.owned and row["user_id"] == ANNA:
            return True
        for n, (parent, nullable) in enumerate(shape.keys):
            place = (f"t_{parent}", row[f"key_{n}"])
            if nullable:
                continue
            if place in doomed or (self.shapes[parent].kept and not shape.owned and place in belonging):
                return True
        return False

    def _belonging(self) -> set[tuple[str, int]]:
        """Anna's rows in kept tables."""
        found: set[tuple[str, int]] = set()
        while True:
            more = {
                (shape.name, number)
                for shape in self.shapes if shape.kept
                for number, row in self.rows[shape.name].items()
                if (row["user_id"] == ANNA if shape.owned else any(
                    not nullable and (f"t_{parent}", row[f"key_{n}"]) in found
                    for n, (parent, nullable) in enumerate(shape.keys)
                ))
            }  # fmt: skip
            if more <= found:
                return found
            found |= more


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Up to five tables with keys to any of them, and up to four rows in each."""
    count = draw(st.integers(1, 5))
    shapes: list[Shape] = []
    for number in range(count):
        keys = draw(st.lists(st.tuples(st.integers(0, count - 1), st.booleans()), max_size=2))
        above = [parent for parent, _ in keys]
        may_be_kept = all(parent < number and shapes[parent].kept for parent in above)
        shapes.append(
            Shape(number, may_be_kept and draw(st.booleans()), draw(st.booleans()), draw(st.booleans()), keys)
        )
    model = Model(shapes)
    sizes = [draw(st.integers(1, 4)) for _ in shapes]
    for shape in shapes:
        rows = model.rows[shape.name] = {}
        for number in range(1, sizes[shape.number] + 1):
            row: dict[str, Any] = {"id": number}
            if shape.owned:
                row["user_id"] = draw(st.sampled_from((ANNA, BORIS)))
            if shape.mentions:
                row["seen_by"] = draw(st.sampled_from((ANNA, BORIS, None)))
            for n, (parent, nullable) in enumerate(shape.keys):
                known = st.integers(1, sizes[parent])
                row[f"key_{n}"] = draw(st.none() | known if nullable else known)
            rows[number] = row
    return model


def tables_of(model: Model) -> MetaData:
    """The schema. A key that no order of inserts could fill is checked at the commit, as its author would have it."""
    metadata = plugin_metadata("t")
    for shape in model.shapes:
        columns: list[Column[Any]] = [Column("id", Integer, primary_key=True)]
        if shape.owned:
            columns.append(Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False))
        if shape.mentions:
            columns.append(Column("seen_by", BigInteger, ForeignKey(core_users.c.id)))
        for n, (parent, nullable) in enumerate(shape.keys):
            late = {"deferrable": True, "initially": "DEFERRED"} if parent > shape.number and not nullable else {}
            key = ForeignKey(f"t_{parent}.id", **late)
            columns.append(Column(f"key_{n}", Integer, key, nullable=nullable))
        Table(shape.name, metadata, *columns, info={"person": KEPT} if shape.kept else {})
    return metadata


class Context:
    """A plugin's context that opens units of work, on a database in memory."""

    id = "t"

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @contextlib.asynccontextmanager
    async def work(self) -> AsyncIterator[Any]:
        """A transaction."""
        async with AsyncSession(self._engine) as session, session.begin():
            yield type("Work", (), {"session": session})


async def fill(session: AsyncSession, model: Model, metadata: MetaData) -> None:
    """Insert all rows: first without the keys that may be NULL."""
    people = [{"id": who, "first_name": "Somebody"} for who in (ANNA, BORIS)]
    await session.execute(insert(core_users), people)
    for shape in model.shapes:
        loose = {f"key_{n}" for n, (_, nullable) in enumerate(shape.keys) if nullable}
        rows = sorted(model.rows[shape.name].values(), key=lambda row: row["id"])
        own = [{name: value for name, value in row.items() if name not in loose} for row in rows]
        await session.execute(insert(metadata.tables[shape.name]).values(own))
    for shape in model.shapes:
        table = metadata.tables[shape.name]
        for number, row in model.rows[shape.name].items():
            if keys := {name: value for name, value in row.items() if name.startswith("key_")}:
                await session.execute(update(table).where(table.c.id == number).values(keys))


async def left_in(session: AsyncSession, metadata: MetaData) -> dict[str, dict[int, dict[str, Any]]]:
    """All rows of all tables."""
    return {
        name: {row["id"]: dict(row) for row in (await session.execute(select(table))).mappings()}
        for name, table in metadata.tables.items()
    }


@given(model=models(), batch=st.integers(1, 6), piece=st.integers(1, 3))
async def test_what_belongs_to_a_person_goes_and_nothing_else(model: Model, batch: int, piece: int) -> None:
    """Rows go with their owner and with what they refer to; keys that may be NULL are emptied; none is broken."""
    metadata = tables_of(model)
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    event.listen(engine.sync_engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=ON"))
    kept = delete.BATCH, delete.PIECE
    try:
        async with engine.begin() as connection:
            await connection.run_sync(core_metadata.tables["core_users"].create)
            await connection.run_sync(metadata.create_all)
        async with AsyncSession(engine) as session, session.begin():
            await fill(session, model, metadata)
        people, context = people_of({"t": metadata}), cast("PluginContext", Context(engine))
        expected, count = model.expect()
        async with AsyncSession(engine) as session:
            gone = {name: set(rows) - set(expected[name]) for name, rows in model.rows.items()}
            for held in people.exported("t"):
                ways = (select(held.table.c.id).where(people.belongs(held, ANNA, few=few)) for few in (False, True))
                theirs, few_asked = [set(await session.scalars(way)) for way in ways]
                assert theirs == few_asked, "a batch is looked at in another way"
                assert held.kept or theirs <= gone[held.table.name], "what is given out is deleted"
        delete.BATCH, delete.PIECE = batch, piece
        assert await delete.delete_rows(context, people, ANNA, NEVER) == (count, True)
        async with AsyncSession(engine) as session:
            assert await left_in(session, metadata) == expected
        assert await delete.delete_rows(context, people, ANNA, NEVER) == (0, True)
    finally:
        delete.BATCH, delete.PIECE = kept
        await engine.dispose()
