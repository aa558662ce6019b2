"""Several processes on one database: one is refused on SQLite; on PostgreSQL they share the chats and take over."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import select, text, update

from astral_core.db.tables import DONE, core_lanes, core_outbox, core_replicas
from astral_core.errors import ConfigError, DatabaseBusy
from astral_core.inbox import lanes as lanes_module
from astral_core.inbox import replica as replica_module
from astral_core.inbox.filelock import FileLock

HOLD = """
import sys, time
from astral_core.inbox.filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


async def test_a_second_process_is_refused_on_sqlite_until_the_first_is_dead(tmp_path) -> None:
    """The refusal names the process that holds the file and what to do; kill -9 leaves no lock behind."""
    path = str(tmp_path / "astral.db")
    process = await asyncio.to_thread(
        subprocess.Popen, [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "held\n"
        with pytest.raises(DatabaseBusy, match=rf"astral\.db is used by the process {process.pid}\. Fix: "):
            FileLock(path).acquire()
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)
    for _ in range(3):
        lock = FileLock(path)
        lock.acquire()
        lock.release()


async def test_a_process_says_that_it_is_there_and_that_it_left(bench) -> None:
    """`core_replicas` holds one row a living process."""
    await bench.start()
    async with bench.engine.connect() as connection:
        (row,) = (await connection.execute(select(core_replicas))).all()
    assert (row.bot_id, row.leader) == (42, True)
    await bench.stop()
    assert await bench.count(core_replicas) == 0


# --- PostgreSQL: two replicas


def writes(bench: Any, hold: asyncio.Event | None = None) -> None:
    """Let handlers of this replica note what they handle, and answer; the first one waits for `hold`."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if hold is not None:
            await hold.wait()
        await bench.add_note(work, row.ext_id)
        outcome.contents = [bench.message(row.ext_id, row.lane)]

    bench.runner.handler = handler


async def until(condition: Any) -> None:
    """Wait for something that has no event."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.01)


def die(bench: Any) -> None:
    """What the others see of a kill -9: the connection with the lock is cut, and nothing is given back."""
    bench.replica._leaving = True
    if bench.replica._task is not None:
        bench.replica._task.cancel()
    bench.replica._link.sync_connection.connection.driver_connection.terminate()


@pytest.mark.postgres
async def test_a_chat_stays_with_the_replica_that_began_it(pair) -> None:
    """Rows that another replica receives are run by the chat's owner, in order, and by nobody twice."""
    first, second = pair
    writes(first)
    writes(second)
    for number in range(20):
        await (first, second)[number % 2].ingest(ext_id=str(number))
    await until(lambda: len(first.sender.sent) == 20)
    assert await first.all_notes() == first.sender.sent == [str(number) for number in range(20)]
    assert second.runner.seen == []


@pytest.mark.postgres
async def test_a_notice_that_is_lost_costs_two_heartbeats_at_most(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner compares the counts of its resting chats each second: nothing waits for the chat to be given back."""
    first, second = pair
    monkeypatch.setattr(lanes_module, "IDLE", 3600.0)
    monkeypatch.setattr(replica_module, "SYNC", 3600.0)
    writes(first)
    writes(second)
    await first.ingest(ext_id="1")
    await until(lambda: first.sender.sent == ["1"] and not first.lanes.active)
    beats, count = 0, first.store.journal.count  # the last thing of a heartbeat

    async def counted() -> Any:
        nonlocal beats
        beats += 1
        return await count()

    async def lost(arrivals: Any) -> None:
        """What a server does that forbids pg_notify, or a pooler that swallows notices."""

    second.store.journal.announce = lost
    await second.ingest(ext_id="2")
    first.store.journal.count = counted
    await until(lambda: first.sender.sent == ["1", "2"])
    assert beats <= 2
    assert second.runner.seen == []


@pytest.mark.postgres
async def test_idle_chats_go_to_whoever_receives_the_next_update(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while of silence a chat is nobody's; its order holds over the change."""
    first, second = pair
    monkeypatch.setattr(lanes_module, "IDLE", 0.0)
    writes(first)
    writes(second)
    for number, one in enumerate([first, second, first]):
        await one.ingest(ext_id=str(number))
        await until(lambda: not len(first.lanes) and not len(second.lanes))
    assert await first.all_notes() == ["0", "1", "2"]
    assert (first.runner.seen, second.runner.seen) == (["0", "2"], ["1"])


@pytest.mark.postgres
async def test_a_dead_replicas_chats_are_taken_over_and_its_late_commit_is_refused(pair) -> None:
    """What it was handling runs again elsewhere, once in effect: the dead one's own commit meets the fence."""
    first, second = pair
    hold = asyncio.Event()
    writes(first, hold)
    writes(second)
    await first.ingest(ext_id="1")
    await first.ingest(ext_id="2")
    await until(lambda: first.runner.seen == ["1"])
    die(first)
    await until(lambda: second.sender.sent == ["1", "2"])
    hold.set()
    await until(lambda: 7 not in first.lanes._lanes)
    assert await second.all_notes() == ["1", "2"]
    assert first.sender.sent == []
    assert await second.states() == {"1": DONE, "2": DONE}


@pytest.mark.postgres
async def test_messages_of_a_dead_replica_are_sent_by_the_next_before_its_own(pair) -> None:
    """Committed and unsent: the next owner sends them first, and says that the first of them is doubtful."""
    first, second = pair
    writes(first)
    writes(second)
    first.inbox.lease.valid = lambda: False  # it is frozen in the moment between the commit and the sending
    await first.ingest(ext_id="1")
    await until(lambda: first.lanes._lanes[7].deliveries)
    die(first)
    await second.ingest(ext_id="2")
    await until(lambda: second.sender.sent == ["1", "2"])
    await second.settle()  # what is sent is yet to be crossed out
    assert first.sender.sent == []
    assert await second.all_notes() == ["1", "2"]
    assert await second.count(core_outbox) == 0


@pytest.mark.postgres
async def test_a_frozen_replica_is_expelled_and_comes_back_under_another_number(pair, caplog) -> None:
    """Without a heartbeat its chats go; when it goes on it forgets them, registers anew and works again."""
    first, second = pair
    hold = asyncio.Event()
    writes(first, hold)
    writes(second)
    await first.ingest(ext_id="1")
    await until(lambda: first.runner.seen == ["1"])
    before, beat, stopped, thaw = first.replica.lease.number, first.replica._beat, asyncio.Event(), asyncio.Event()

    async def frozen() -> bool:
        stopped.set()
        await thaw.wait()
        return await beat()

    first.replica._beat = frozen
    await stopped.wait()
    async with second.engine.begin() as connection:
        old = text("UPDATE core_replicas SET last_seen = now() - interval '1 minute' WHERE id = :id")
        await connection.execute(old, {"id": before})
    await until(lambda: second.sender.sent == ["1"])
    first.replica._beat = beat
    thaw.set()
    hold.set()
    await until(lambda: first.replica.lease.number is not None and first.replica.lease.number != before)
    await until(lambda: first.store.journal.owner == first.replica.lease.number)
    assert "registers anew" in caplog.text
    await first.ingest(ext_id="2", lane=8)
    await until(lambda: "2" in first.sender.sent)
    assert await second.all_notes() == ["1", "2"]


@pytest.mark.postgres
async def test_a_stopping_replica_hands_its_waiting_rows_over_at_once(pair) -> None:
    """Nobody has to find out that it is gone; what runs is finished by itself."""
    first, second = pair
    hold = asyncio.Event()
    writes(first, hold)
    writes(second)
    for number in range(5):
        await first.ingest(ext_id=str(number), lane=number)
    first.workers = 1
    await until(lambda: len(first.runner.seen) == 5)
    await first.ingest(ext_id="late", lane=0)
    stopping = asyncio.create_task(first.lanes.stop(5.0))
    await until(lambda: first.lanes._stopping)
    hold.set()
    await stopping
    await until(lambda: "late" in second.sender.sent)
    assert sorted(await second.all_notes()) == ["0", "1", "2", "3", "4", "late"]
    async with second.engine.connect() as connection:
        owners = (await connection.execute(select(core_lanes.c.owner).distinct())).scalars().all()
    assert set(owners) <= {None, second.replica.lease.number}


@pytest.mark.postgres
async def test_one_of_them_leads_and_another_when_it_is_gone(pair) -> None:
    """What only one may do is done by the leader; there is a next one."""
    first, second = pair
    leader, other = (first, second) if first.inbox.election.leader else (second, first)
    assert not other.inbox.election.leader
    die(leader)
    async with asyncio.timeout(10):
        await other.inbox.election.wait_won()
    assert other.inbox.election.terms == 1


@pytest.mark.postgres
async def test_another_bot_on_the_same_database_is_refused(pair, make_bench, postgres_url) -> None:
    """It would handle this bot's updates with its own token."""
    stranger = make_bench(postgres_url, bot_id=43).replica
    with pytest.raises(ConfigError, match="the bot 42 runs on this database"):
        await stranger.join()
    await stranger.rest()
    await stranger.leave()


@pytest.mark.postgres
async def test_a_lane_that_is_not_ours_cannot_be_ended(pair) -> None:
    """Neither a done mark nor a handler's commit passes under an older claim."""
    first, _ = pair
    hold = asyncio.Event()
    writes(first, hold)
    await first.ingest(ext_id="1")
    await until(lambda: first.runner.seen == ["1"])
    async with first.engine.begin() as connection:
        await connection.execute(update(core_lanes).values(epoch=99))
    hold.set()
    await until(lambda: 7 not in first.lanes._lanes)
    assert await first.all_notes() == []
    assert first.sender.sent == []
