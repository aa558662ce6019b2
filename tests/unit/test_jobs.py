"""Periodic jobs: one durable row a time slot, whatever fails in between."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from astral_core.errors import DatabaseError, IngestRefused
from astral_core.inbox.store import NewRow
from astral_core.jobs import SystemClock, lane_of, run_jobs


class FakeStore:
    """Keeps rows by their key, as the inbox does; the first `errors` are raised instead."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.rows: list[NewRow] = []
        self.asked = 0

    async def ingest(self, row: NewRow) -> NewRow | None:
        """Store a row once."""
        self.asked += 1
        if self.errors:
            raise self.errors.pop()
        if row.ext_id in {known.ext_id for known in self.rows}:
            return None
        self.rows.append(row)
        return row


async def rows_after(store: FakeStore, count: int, **jobs: float) -> list[NewRow]:
    """Run `jobs` (name = seconds) until `count` rows are there."""
    registry: Any = SimpleNamespace(jobs={name: (None, every) for name, every in jobs.items()})
    running = asyncio.create_task(run_jobs(registry, store, SystemClock()))  # type: ignore[arg-type]
    while len(store.rows) < count and not running.done():  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.002)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return store.rows


async def test_each_slot_is_one_row() -> None:
    """Slots follow each other without a gap; the row names the job and its slot."""
    rows = await rows_after(FakeStore(), 3, digest=0.05)
    slots = [int(row.ext_id.rpartition(":")[2]) for row in rows]
    assert slots == list(range(slots[0], slots[0] + 3))
    assert {(row.source, row.kind, row.lane) for row in rows} == {("internal:job", "job", lane_of("digest"))}
    assert rows[0].payload == '{"job":"digest"}'


async def test_a_restart_in_the_same_slot_adds_nothing() -> None:
    """A second process, or the same one started again, finds the slot taken."""
    store = FakeStore()
    first = list(await rows_after(store, 1, digest=3600))
    asked = store.asked
    registry: Any = SimpleNamespace(jobs={"digest": (None, 3600.0)})
    again = asyncio.create_task(run_jobs(registry, store, SystemClock()))  # type: ignore[arg-type]
    while store.asked < asked + 1:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.002)
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    assert store.rows == first or time.time() % 3600 < 1  # the hour may turn in between


async def test_a_slot_that_could_not_be_stored_is_tried_again() -> None:
    """The database or the inbox may say no: the job does not end, nor do the others."""
    store = FakeStore(DatabaseError("away"), IngestRefused("full", 3))
    rows = await rows_after(store, 2, digest=0.05)
    assert len(rows) == 2


@pytest.mark.parametrize("name", ["weather.digest", "", "я" * 50])
def test_a_jobs_lane_is_no_chats_lane(name: str) -> None:
    """It lies below every chat's id and fits the column; the same name has the same lane in every process."""
    assert -(2**63) < lane_of(name) < -(2**53)
    assert lane_of(name) == lane_of(name)
    assert lane_of("a") != lane_of("b")
