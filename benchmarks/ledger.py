"""What handlers of the benchmark write, and when it can be seen from outside: then it is committed."""

from __future__ import annotations

import asyncio
import time
from typing import Self

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, func, insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.load import CHATS, FIRST_CHAT
from benchmarks.report import PATIENCE, BenchError

_metadata = MetaData()
_effects = Table("bench_effects", _metadata, Column("id", Integer, primary_key=True), Column("number", BigInteger))
_counters = Table("bench_counters", _metadata, Column("id", BigInteger, primary_key=True), Column("n", Integer))
Table(
    "bench_raw",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger),
    Column("payload", Text),
)
LOOK = 0.008  # seconds between two looks at the effects
LATE = 100  # rows that are looked at again: transactions become visible in another order than they count


class Ledger:
    """The benchmark's tables in one database, read by this process while bots write them."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(url)
        self._seen: dict[int, float] = {}
        self._last = 0

    async def __aenter__(self) -> Self:
        async with self._engine.begin() as connection:
            await connection.run_sync(_metadata.create_all)
            rows = [{"id": FIRST_CHAT + index, "n": 0} for index in range(CHATS)]
            await connection.execute(insert(_counters), rows)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()

    async def count(self) -> int:
        """How many effects are committed."""
        async with self._engine.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(_effects))).scalar_one())

    async def grown(self, count: int, pause: float = 0.01) -> float:
        """Wait until `count` effects are committed; when that was seen (monotonic clock)."""
        came, changed = -1, time.monotonic()
        while (now := await self.count()) < count:
            if now != came:
                came, changed = now, time.monotonic()
            elif time.monotonic() - changed > PATIENCE:
                raise BenchError(f"{now} of {count} effects were committed, and no more for {PATIENCE:g} s")
            await asyncio.sleep(pause)
        return time.monotonic()

    async def seen(self, numbers: set[int], limit: float, pause: float = LOOK) -> dict[int, float]:
        """Watch for up to `limit` seconds until all `numbers` are committed; when each was first seen."""
        end = time.monotonic() + limit
        while not numbers <= self._seen.keys() and time.monotonic() < end:
            query = select(_effects.c.id, _effects.c.number).where(_effects.c.id > self._last - LATE)
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query)).all()
            now = time.monotonic()
            for row in rows:
                self._seen.setdefault(row.number, now)
                self._last = max(self._last, row.id)
            await asyncio.sleep(pause)
        return {number: self._seen[number] for number in numbers & self._seen.keys()}
