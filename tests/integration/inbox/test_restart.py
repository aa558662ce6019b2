"""What survives when the process's memory is gone: new lanes and a new worker on the same database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, update

from astral_core.db.tables import DEAD, DEAD_EFFECT, DONE, PENDING, core_blobs, core_inbox, core_outbox
from astral_core.inbox import places as places_module
from astral_core.inbox.effect import SendResult


async def answer(bench: Any, row: Any, work: Any, outcome: Any) -> None:
    """Write a note (kind "writes") and answer twice, the second time with a file."""
    if row.kind == "writes":
        await bench.add_note(work, row.ext_id)
    outcome.contents = [
        bench.message(f"{row.ext_id}a", row.lane),
        bench.message(f"{row.ext_id}b", row.lane, data=f"file of {row.ext_id}".encode()),
    ]


def use(bench: Any) -> None:
    """Let the runner `answer`."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await answer(bench, row, work, outcome)

    bench.runner.handler = handler


async def test_messages_of_a_handler_that_wrote_survive_a_crash_before_sending(bench) -> None:
    """Committed, not yet sent: the next process sends them once, with their files, and runs nothing again."""
    use(bench)
    await bench.open()
    row = await bench.ingest(ext_id="1", kind="writes")
    await bench.step(bench.lane(row))
    await bench.crash()
    assert bench.sender.sent == []
    await bench.start()
    await bench.settle()
    assert bench.sender.sent == ["1a", "1b"]
    assert bench.sender.files == [b"file of 1"]
    assert bench.runner.seen == ["1"]
    assert await bench.all_notes() == ["1"]
    assert (await bench.count(), await bench.count(core_blobs), bench.pending) == (0, 0, 0)
    await bench.crash()
    await bench.start()
    await bench.settle()
    assert bench.sender.sent == ["1a", "1b"]


async def test_a_crash_between_two_messages_sends_only_the_second(bench) -> None:
    """What was marked as sent is not sent again; the later message knows the earlier one's result."""
    use(bench)
    await bench.open()
    row = await bench.ingest(ext_id="1", kind="writes")
    lane = bench.lane(row)
    await bench.step(lane)
    await bench.step(lane)
    await bench.crash()
    await bench.open()
    (delivery,) = await unsent(bench)
    assert (delivery.results[0].message_id, delivery.next) == (1, 1)
    await bench.crash()
    await bench.start()
    await bench.settle()
    assert bench.sender.sent == ["1a", "1b"]


async def test_a_handler_that_wrote_nothing_runs_again_after_a_crash(bench) -> None:
    """Its inbox row is the only record: a crash before the mark runs it again."""
    use(bench)
    await bench.open()
    row = await bench.ingest(ext_id="1", kind="reads")
    lane = bench.lane(row)
    await bench.step(lane)
    await bench.crash()
    await bench.start()
    await bench.settle()
    assert bench.runner.seen == ["1", "1"]
    assert bench.sender.sent == ["1a", "1b"]
    assert await bench.states() == {"1": DONE}


async def test_unsent_messages_go_before_the_lanes_next_update(bench) -> None:
    """The order of a chat holds across a restart: first what was said, then what comes next."""
    use(bench)
    await bench.open()
    first = await bench.ingest(ext_id="1", kind="writes")
    await bench.ingest(ext_id="2", kind="reads")
    await bench.step(bench.lane(first))
    await bench.crash()
    await bench.start()
    await bench.settle()
    assert bench.sender.sent == ["1a", "1b", "2a", "2b"]


async def test_pending_rows_run_in_order_after_a_restart(bench) -> None:
    """Nothing that was acknowledged is lost, and the count of pending rows is right again."""
    use(bench)
    await bench.open()
    for number in range(40):
        await bench.ingest(lane=number % 4, ext_id=str(number), kind="writes")
    await bench.crash()
    await bench.start()
    await bench.settle()
    notes = [int(note) for note in await bench.all_notes()]
    assert sorted(notes) == list(range(40))
    for lane in range(4):
        mine = [number for number in notes if number % 4 == lane]
        assert mine == sorted(mine)
    assert bench.pending == 0


async def test_stopping_in_the_middle_of_a_handler_leaves_its_row_pending(bench) -> None:
    """At the end of the grace the handler is cancelled: nothing of it is committed, and it runs again later."""
    begun = asyncio.Event()
    patient = True

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, row.ext_id)
        begun.set()
        if patient:
            await asyncio.sleep(60)

    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1")
    await begun.wait()
    await bench.crash()
    assert await bench.all_notes() == []
    assert await bench.states() == {"1": PENDING}
    assert bench.busy_connections() == 0
    assert bench.database.lock is None or not bench.database.lock.held
    patient = False
    await bench.start()
    await bench.settle()
    assert await bench.all_notes() == ["1"]


async def test_stopping_lets_a_running_handler_finish(bench) -> None:
    """Within the grace a handler that has begun ends normally; its messages go out once, now or at the next start."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        begun.set()
        await go.wait()
        await answer(bench, row, work, outcome)

    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1", kind="writes")
    await begun.wait()
    stopping = asyncio.create_task(bench.lanes.stop(5.0))
    await asyncio.sleep(0)
    go.set()
    await stopping
    assert await bench.all_notes() == ["1"]
    await bench.crash()
    await bench.start()
    await bench.settle()
    assert bench.sender.sent == ["1a", "1b"]


async def unsent(bench: Any) -> list[Any]:
    """What a reader of lane 7 finds to be sent."""
    await bench.lanes.adopt()
    lane = bench.lanes._lanes.get(7)
    return (await bench.store.journal.load(7, lane.epoch if lane else 0, 50)).deliveries


async def test_dead_and_sent_messages_are_not_loaded(bench) -> None:
    """A restart reads what is unsent, not the whole history of refused messages with their files."""
    use(bench)
    bench.sender.fail = lambda words: SendResult(refused="400 no") if words.startswith("1") else None
    await bench.start()
    await bench.ingest(ext_id="1", kind="writes")
    await bench.settle()
    assert await bench.count() == 2
    assert await unsent(bench) == []
    values = {"n": 0, "lane": 7, "plugin": "x", "effect": '{"method":"m","params":{}}', "attempts": 0}
    async with bench.engine.begin() as connection:
        await connection.execute(
            insert(core_outbox),
            [{**values, "seq": 1000 + n, "state": DEAD_EFFECT if n % 2 else 0} for n in range(600)],
        )
    assert [delivery.seq for delivery in await unsent(bench)] == list(range(1000, 1600, 2))


async def test_rows_that_nobody_holds_are_found(bench, astral_retry) -> None:
    """A row made pending again, one of a lost commit and unsent messages are found; what is held is not doubled."""
    use(bench)
    await bench.start()
    await bench.ingest(ext_id="dead", kind="writes")
    await bench.settle()
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_inbox).values(state=DEAD, payload="{}"))
    await bench.lanes.sync()
    await bench.settle()
    assert bench.runner.seen == ["dead"]
    await astral_retry("dead")
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_inbox).where(core_inbox.c.ext_id == "none").values(attempts=0))
        stored = await bench.store.journal.insert(connection, [bench.row(lane=8, ext_id="lost", kind="writes")])
    bench.store.journal.handed(stored)
    await asyncio.gather(bench.lanes.sync(), bench.ingest(lane=9, ext_id="new", kind="writes"))
    await bench.lanes.sync()
    await bench.settle()
    assert sorted(bench.runner.seen) == ["dead", "dead", "lost", "new"]
    assert sorted(bench.sender.sent) == sorted(["deada", "deadb"] * 2 + ["losta", "lostb", "newa", "newb"])


async def test_looking_while_everything_runs_doubles_nothing(bench) -> None:
    """Under load the look into the database finds what is held already, and doubles nothing of it."""
    use(bench)
    bench.max_lane = 3
    bench.build()
    await bench.start()
    feeding = [asyncio.create_task(bench.ingest(lane=n % 3, ext_id=str(n), kind="writes")) for n in range(60)]
    for _ in range(15):
        await bench.lanes.sync()
        await asyncio.sleep(0)
    await asyncio.gather(*feeding)
    await bench.settle()
    assert sorted(bench.runner.seen, key=int) == [str(n) for n in range(60)]
    assert len(bench.sender.sent) == len(set(bench.sender.sent)) == 120
    assert bench.pending == 0


async def test_who_writes_after_a_restart_does_not_wait_for_the_whole_backlog(
    bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred chats wait from before: five newcomers are among the next, and the others are not lost."""
    monkeypatch.setattr(places_module, "LONG", 3600.0)  # who waits at the gate keeps the place
    bench.workers, gate, begun = 2, asyncio.Event(), asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        begun.set()
        await gate.wait()

    bench.runner.handler = handler
    bench.build()
    await bench.open(closed=True)
    for chat in range(200):
        await bench.ingest(lane=1_000 + chat, ext_id=f"old {chat}")
    await bench.crash()
    await bench.start()
    await begun.wait()
    for chat in range(5):
        await bench.ingest(lane=10 + chat, ext_id=f"new {chat}")
    gate.set()
    await bench.settle()
    places = [place for place, name in enumerate(bench.runner.seen) if name.startswith("new")]
    assert len(places) == 5
    assert max(places) < 15
    assert sum(name.startswith("old") for name in bench.runner.seen) == 200
    await bench.stop()
