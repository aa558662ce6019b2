"""Lanes over the real store: overflow into the database, express rows, retention, several rows of one chat."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from astral_core.db.tables import DEAD, DONE, PENDING, core_blobs, core_inbox, now
from astral_core.inbox import lanes as lanes_module
from astral_core.inbox import retention
from astral_core.inbox.work import UnitOfWork


async def test_a_long_lane_stays_in_the_database_and_comes_back_in_order(bench) -> None:
    """Beyond `max_lane` rows wait unloaded; all of them run once, in order; memory stays within the bound."""
    most = 0

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        nonlocal most
        most = max(most, *(len(lane.rows) for lane in bench.lanes._lanes.values()))
        await bench.add_note(work, row.ext_id)

    bench.runner.handler = handler
    bench.max_lane = 5
    bench.build()
    await bench.start()
    await asyncio.gather(*(bench.ingest(ext_id=str(n)) for n in range(60)))
    await bench.ingest(lane=8, ext_id="60")
    await bench.settle()
    notes = await bench.all_notes()
    assert [note for note in notes if note != "60"] == [str(n) for n in range(60)]
    assert len(notes) == 61
    assert most <= 5
    assert bench.pending == 0


async def test_an_overflowing_lane_with_deferred_rows_between_commits_loses_nothing(bench) -> None:
    """Rows that handlers defer, and updates that arrive meanwhile, all find their way through a full lane."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.kind == "message":
            work.add_row("step", f"after-{row.ext_id}", row.lane, {})
        await bench.add_note(work, row.ext_id)

    bench.runner.handler = handler
    bench.max_lane = 2
    bench.build()
    await bench.start()
    await asyncio.gather(*(bench.ingest(lane=n % 2, ext_id=str(n)) for n in range(30)))
    await bench.settle()
    notes = await bench.all_notes()
    assert sorted(notes) == sorted([*map(str, range(30)), *(f"after-{n}" for n in range(30))])
    assert bench.pending == 0


async def test_an_express_row_passes_a_blocked_lane(bench) -> None:
    """A payment question is answered while the same chat's handler takes its time."""
    go = asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if not row.express:
            await go.wait()
        outcome.contents = [bench.message(row.ext_id, row.lane)]

    bench.runner.handler = handler
    bench.workers = 1
    bench.build()
    await bench.start()
    await bench.ingest(ext_id="slow")
    await bench.ingest(ext_id="express", kind="pre_checkout_query", express=True)
    while not bench.sender.sent:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.005)
    assert bench.sender.sent == ["express"]
    go.set()
    await bench.settle()
    assert bench.sender.sent == ["express", "slow"]
    assert bench.pending == 0


async def test_a_pausing_lane_does_not_hold_up_the_others(bench) -> None:
    """With one worker, a chat that waits after a failure costs the other chats nothing."""
    from astral_core.errors import TelegramThrottled

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.lane == 1 and len(set(bench.runner.seen)) < 6:
            raise TelegramThrottled("getFile", "slow", 0.02)
        await bench.add_note(work, row.ext_id)

    bench.runner.handler = handler
    bench.workers = 1
    bench.build()
    await bench.start()
    await bench.ingest(lane=1, ext_id="waits")
    for n in range(5):
        await bench.ingest(lane=2, ext_id=str(n))
    await bench.settle()
    assert await bench.all_notes() == ["0", "1", "2", "3", "4", "waits"]


async def test_a_failed_reload_is_repeated(bench, monkeypatch) -> None:
    """The database may be away just when a lane wants its next rows: they come with the next try."""
    failed = []

    async def fail_twice(lane: int, epoch: int, limit: int) -> Any:
        if len(failed) < 2:
            failed.append(lane)
            raise ConnectionError("the database is away")
        return await load(lane, epoch, limit)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, row.ext_id)

    bench.runner.handler = handler
    bench.max_lane = 1
    bench.build()
    await bench.start()
    load = bench.store.journal.load
    monkeypatch.setattr(bench.store.journal, "load", fail_twice)
    await asyncio.gather(*(bench.ingest(ext_id=str(n)) for n in range(4)))
    await bench.settle()
    assert await bench.all_notes() == ["0", "1", "2", "3"]
    assert len(failed) == 2


async def test_a_deferred_row_of_a_slow_commit_is_not_run_twice_by_a_reload(bench) -> None:
    """A row that is committed but not yet handed out when its lane is read runs once, by whichever finds it."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message(row.ext_id, row.lane)]

    bench.runner.handler = handler
    bench.max_lane = 1
    bench.build()
    await bench.start()
    other = UnitOfWork(bench.database, bench.store, "weather")
    other.add_row("step", "late", 7, {})
    accept, waiting = bench.store.accept, []
    bench.store.accept = waiting.append
    await other.commit()
    bench.store.accept = accept
    await other.close()
    await asyncio.gather(*(bench.ingest(ext_id=str(n)) for n in range(3)))
    await bench.settle()
    bench.store.accept(waiting[0])
    await bench.settle()
    assert sorted(bench.sender.sent) == ["0", "1", "2", "late"]


async def test_retention_deletes_old_done_rows_and_nothing_else(bench, monkeypatch) -> None:
    """Young done rows stay for dedupe, pending and dead ones whatever their age; it works in batches."""
    monkeypatch.setattr(retention, "BATCH", 3)
    await bench.open()
    for n in range(10):
        await bench.ingest(ext_id=str(n))
    old, young = now() - timedelta(hours=73), now() - timedelta(hours=71)
    async with bench.engine.begin() as connection:
        for ext_id, state, moment in [*((str(n), DONE, old) for n in range(7)), ("7", DONE, young), ("8", DEAD, old)]:
            change = update(core_inbox).where(core_inbox.c.ext_id == ext_id)
            await connection.execute(change.values(state=state, done_at=moment))
    assert await retention.purge(bench.store, 72, 168) == 7
    assert await bench.states() == {"7": DONE, "8": DEAD, "9": PENDING}
    assert await retention.purge(bench.store, 72, 168) == 0
    assert await bench.ingest(ext_id="7") is None
    assert await bench.ingest(ext_id="0") is not None


async def test_retention_deletes_files_that_no_message_refers_to(bench) -> None:
    """The file of a dropped message goes, the file of a waiting one stays."""
    await bench.open()
    async with bench.engine.begin() as connection:
        await connection.execute(core_inbox.update().values(attempts=0))  # the transaction begins
        await bench.store.journal.record(connection, 1, 7, [bench.message("x", 7, data=b"needed")])
        await connection.execute(insert(core_blobs).values(data=b"orphan"))
    await retention.purge(bench.store, 72, 168)
    async with bench.engine.connect() as connection:
        assert (await connection.execute(select(core_blobs.c.data))).scalars().all() == [b"needed"]


async def test_a_seq_is_never_used_twice(bench) -> None:
    """The outbox refers to rows by seq: also after the newest row is deleted the next one has a new number."""
    await bench.open()
    first = await bench.ingest(ext_id="1")
    async with bench.engine.begin() as connection:
        await connection.execute(core_inbox.delete())
    second = await bench.ingest(ext_id="2")
    assert second.seq > first.seq


@pytest.mark.parametrize("workers", [1, 8])
async def test_lanes_are_forgotten_when_they_are_empty(bench, workers: int, monkeypatch) -> None:
    """A thousand chats that wrote once leave nothing in memory."""
    bench.workers = workers
    bench.build()
    await bench.start()
    await asyncio.gather(*(bench.ingest(lane=n) for n in range(200)))
    await bench.settle()
    monkeypatch.setattr(lanes_module, "IDLE", 0.0)  # PostgreSQL: lanes are owned for some seconds more
    await bench.lanes.release_idle()
    assert len(bench.lanes) == 0
    assert bench.lanes._places.empty()
    assert set((await bench.states()).values()) == {DONE}
