"""Rows of a process that died: who may have killed it is tried apart, and whoever does it again is buried."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import select, update

from astral_core.db.tables import DEAD, DONE, PENDING, core_inbox
from astral_core.errors import TelegramUnavailable
from astral_core.inbox import worker as worker_module


async def crashes(bench: Any) -> dict[str, int]:
    """ext_id to the number of deaths that stands in the database."""
    async with bench.engine.connect() as connection:
        rows = await connection.execute(select(core_inbox.c.ext_id, core_inbox.c.crashes))
        return {row.ext_id: row.crashes for row in rows}


async def left_behind(bench: Any, *rows: tuple[str, int], deaths: int = 0) -> None:
    """Rows (ext_id, lane) that an earlier process left pending."""
    await bench.open()
    for ext_id, lane in rows:
        await bench.ingest(ext_id=ext_id, lane=lane)
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_inbox).values(crashes=deaths))
    await bench.crash()


async def test_a_row_that_four_processes_died_of_is_buried_unseen_and_the_next_one_runs(bench) -> None:
    """No fifth process dies of it: one dead letter, one apology; what stands behind it was never under suspicion."""
    await left_behind(bench, ("poison", 7), ("next", 7))
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_inbox).where(core_inbox.c.ext_id == "poison").values(crashes=4))
    await bench.start()
    await bench.settle()
    assert bench.runner.seen == ["next"]
    assert await bench.states() == {"poison": DEAD, "next": DONE}
    assert [text.partition(" ")[0] for text in bench.sender.sent] == ["sorry"]
    async with bench.engine.connect() as connection:
        (error,) = (await connection.execute(select(core_inbox.c.error).where(core_inbox.c.state == DEAD))).one()
    assert "the process died 4 times" in error


async def test_the_mark_is_durable_while_the_row_runs_and_only_for_the_first_of_a_lane(bench) -> None:
    """A process that dies now leaves a count; rows behind the first one, and new ones, cost nothing."""
    seen: dict[str, int] = {}

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        seen[row.ext_id] = (await crashes(bench))[row.ext_id]

    bench.runner.handler = handler
    await left_behind(bench, ("first", 7), ("second", 7), ("other", 8))
    await bench.start()
    await bench.ingest(ext_id="new", lane=9)
    await bench.settle()
    assert seen == {"first": 1, "second": 0, "other": 1, "new": 0}


async def test_a_row_that_fails_without_killing_is_no_suspect(bench) -> None:
    """Telegram away over several starts is no crash: the count is taken back, the row lives on."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise TelegramUnavailable("getFile", "no answer")

    bench.runner.handler = handler
    await left_behind(bench, ("1", 7))
    for tries in (1, 2, 3):
        await bench.start()
        async with asyncio.timeout(10):
            while len(bench.runner.seen) < tries or await crashes(bench) != {"1": 0}:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.01)
        await bench.crash()
    assert await bench.states() == {"1": PENDING}


async def test_what_is_under_suspicion_waits_until_its_process_has_lived_a_while(bench, monkeypatch) -> None:
    """Processes that are killed at random every second convict nobody: what they die with is not even begun."""
    monkeypatch.setattr(worker_module, "CALM", 60.0)
    await left_behind(bench, ("suspect", 7), ("next", 7), ("other", 8), deaths=2)
    await bench.start()
    await bench.ingest(ext_id="new", lane=9)
    async with asyncio.timeout(10):
        while "new" not in bench.runner.seen:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.01)
    assert bench.runner.seen == ["new"]
    bench.worker._born -= 1000
    await bench.settle()
    assert set((await bench.states()).values()) == {DONE}


async def test_suspects_of_two_deaths_run_one_at_a_time(bench) -> None:
    """So the next death convicts one of them alone; the innocent end as if nothing had been."""
    running: list[str] = []
    together: list[int] = []
    counts: list[list[int]] = []

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        running.append(row.ext_id)
        together.append(len(running))
        counts.append(sorted((await crashes(bench)).values()))
        await asyncio.sleep(0.01)
        running.remove(row.ext_id)

    bench.runner.handler = handler
    await left_behind(bench, ("1", 1), ("2", 2), ("3", 3), deaths=1)
    await bench.start()
    await bench.settle()
    assert together == [1, 1, 1]
    assert all(count.count(2) == 1 for count in counts[:1])
    assert set((await bench.states()).values()) == {DONE}
