"""What happens when a handler, the database, Telegram or the process pool fails."""

from __future__ import annotations

import asyncio
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from astral_core.db.tables import DEAD, DEAD_EFFECT, DONE, PENDING, core_inbox, core_outbox
from astral_core.errors import (
    CpuBusy,
    CpuTimeout,
    DatabaseError,
    MigrationError,
    SessionClosed,
    TelegramThrottled,
    TelegramUnavailable,
)
from astral_core.inbox import lanes as lanes_module
from astral_core.inbox.effect import SendResult
from astral_core.inbox.lane import Lane
from astral_core.inbox.worker import is_infrastructure


async def one_row(bench: Any, **fields: Any) -> Lane:
    """A lane with one stored row, to be stepped by the test itself."""
    await bench.open()
    row = await bench.ingest(**fields)
    return bench.lane(row)


async def finish(bench: Any, lane: Lane) -> list[float]:
    """Step until nothing is left; the pauses that the steps asked for."""
    pauses = []
    while not lane.idle:
        pauses.append(await bench.step(lane))
    return pauses


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TelegramUnavailable("sendMessage", "no answer"), True),
        (TelegramThrottled("sendMessage", "slow down", 3.0), True),
        (BrokenProcessPool(), True),
        (CpuBusy("full"), True),
        (CpuTimeout("too late"), True),
        (ConnectionResetError(), True),
        (PoolTimeout(), True),
        (OperationalError("connect", None, ConnectionRefusedError()), True),
        (DatabaseError("the commit failed"), True),
        (SessionClosed("used late"), True),
        (ValueError("a bug"), False),
        (TimeoutError(), False),
        (FileNotFoundError(), False),
    ],
)
def test_what_counts_as_infrastructure(error: Exception, expected: bool) -> None:
    """Our database, our way to Telegram and our process pool; never a plugin's own mistake."""
    assert is_infrastructure(error) is expected


def test_a_database_error_is_what_caused_it() -> None:
    """A wrapped mistake stays a mistake: it is not repeated for a quarter of an hour."""
    for made in (SessionClosed("x"), MigrationError("x"), DatabaseError("x")):
        made.__cause__ = ValueError("a bug")
        assert not is_infrastructure(made)
    wrapped = DatabaseError("x")
    wrapped.__cause__ = PoolTimeout()
    assert is_infrastructure(wrapped)


@pytest.mark.parametrize("statement", ["SELECT * FROM nowhere", "SELEC 1", "INSERT INTO core_users (id) VALUES (1)"])
async def test_wrong_statements_are_bugs(bench, statement: str) -> None:
    """Both engines: a missing table, a typing error and a broken constraint are the caller's mistakes."""
    with pytest.raises(DBAPIError) as caught:
        async with bench.engine.connect() as connection:
            await connection.execute(text(statement))
    assert not is_infrastructure(caught.value)


async def test_a_bug_is_tried_once_more_then_buried_with_one_apology(bench, caplog) -> None:
    """Two runs, no writes, a dead row with its error id, one message, one traceback; then the lane goes on."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.ext_id == "1":
            await bench.add_note(work, "never")
            raise ValueError("bad\x00 input")
        await bench.add_note(work, "fine")

    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1")
    await bench.ingest(ext_id="2")
    await bench.settle()
    assert bench.runner.seen == ["1", "1", "2"]
    assert await bench.all_notes() == ["fine"]
    assert await bench.states() == {"1": DEAD, "2": DONE}
    async with bench.engine.connect() as connection:
        dead = (await connection.execute(select(core_inbox).where(core_inbox.c.state == DEAD))).one()
    assert bench.sender.sent == [f"sorry {dead.error_id}"]
    assert dead.payload == "{}"
    assert dead.error.startswith("plugin 'weather', route 'now': ValueError: bad")
    assert dead.attempts == 1
    assert caplog.text.count(dead.error_id) == 1
    assert [told.outcome for told in bench.told] == ["retry", "dead", "ok"]
    assert bench.told[1].error_id == dead.error_id
    assert (bench.pending, await bench.count()) == (0, 0)


@pytest.mark.parametrize("odd", ["dead_letter", "take_out"])
async def test_a_row_whose_end_cannot_be_noted_ends_by_a_smaller_note(bench, monkeypatch, caplog, odd) -> None:
    """Whatever fails while a row is ended: the row is dead with its payload, and its chat goes on."""

    async def broken(*_: Any, **__: Any) -> Any:
        raise TypeError("no such note")

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.ext_id == "1":
            raise ValueError("a bug")
        await bench.add_note(work, "fine")

    monkeypatch.setattr(lanes_module, "FAILED_DELAY", 0.001)
    monkeypatch.setattr(bench.worker.ending, odd, broken)
    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1")
    await bench.ingest(ext_id="2")
    await bench.settle()
    assert await bench.all_notes() == ["fine"]
    assert await bench.states() == {"1": DEAD, "2": DONE}
    async with bench.engine.connect() as connection:
        dead = (await connection.execute(select(core_inbox).where(core_inbox.c.state == DEAD))).one()
    assert (dead.payload, dead.error) == ("{}", "its end could not be noted: TypeError")
    assert f"error {dead.error_id}" in caplog.text
    assert (bench.pending, await bench.count()) == (0, 0)


@pytest.mark.parametrize("writes", [False, True])
async def test_what_became_of_a_message_cannot_be_noted_and_the_chat_goes_on(bench, monkeypatch, writes) -> None:
    """The row, or what is left of its messages, is dead for the owner to look at; the next update is answered."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if writes:
            await bench.add_note(work, row.ext_id)
        outcome.contents = [bench.message(f"{row.ext_id}.{n}", row.lane) for n in range(2)]

    async def broken(mark: Any, rows: Any = ()) -> bool:
        if mark.seq == 1:
            raise OverflowError("no such number")
        return await noted(mark, rows)

    noted = bench.store.mark
    monkeypatch.setattr(lanes_module, "FAILED_DELAY", 0.001)
    monkeypatch.setattr(bench.store, "mark", broken)
    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1")
    await bench.ingest(ext_id="2")
    await bench.settle()
    assert bench.sender.sent[-2:] == ["2.0", "2.1"]
    assert bench.sender.sent.count("1.0") == 1
    assert (await bench.states())["2"] == DONE
    assert (await bench.states())["1"] == (DONE if writes else DEAD)
    assert bench.pending == 0


async def test_a_message_that_another_version_recorded_is_dead_and_its_chat_goes_on(bench) -> None:
    """A lane with an outbox row that cannot be read: that message waits for the owner, the others go out."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, row.ext_id)
        outcome.contents = [bench.message(f"{row.ext_id}.{n}", row.lane) for n in range(3)]

    bench.runner.handler = handler
    bench.sender.fail = lambda _text: (_ for _ in ()).throw(TelegramUnavailable("sendMessage", "away"))
    await bench.start()
    await bench.ingest(ext_id="1")
    while not await bench.count():  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.001)
    await bench.crash()
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_outbox).where(core_outbox.c.n == 1).values(effect='{"to": "Mars"}'))
    bench.sender.fail = lambda _text: None
    await bench.start()
    await bench.ingest(ext_id="2")
    await bench.settle()
    assert bench.sender.sent == ["1.0", "1.2", "2.0", "2.1", "2.2"]
    async with bench.engine.connect() as connection:
        (left,) = (await connection.execute(select(core_outbox))).all()
    assert (left.n, left.state, left.effect) == (1, DEAD_EFFECT, '{"to": "Mars"}')


async def test_a_bug_that_passes_the_second_time_is_forgotten(bench) -> None:
    """The second try may succeed; its writes happen once."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "once")
        if not row.attempts:
            raise KeyError("first time")

    bench.runner.handler = handler
    await finish(bench, await one_row(bench, ext_id="1"))
    assert await bench.all_notes() == ["once"]
    assert await bench.states() == {"1": DONE}


async def test_infrastructure_is_tried_again_with_growing_pauses(bench) -> None:
    """No attempt is counted, pauses grow to 15 s, nothing is buried while the update is young."""
    failures = 9

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if len(bench.runner.seen) <= failures:
            raise TelegramUnavailable("getFile", "no answer")
        await bench.add_note(work, "at last")

    bench.runner.handler = handler
    lane = await one_row(bench, ext_id="1")
    pauses = await finish(bench, lane)
    assert pauses[:failures] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0]
    assert await bench.all_notes() == ["at last"]
    assert await bench.states() == {"1": DONE}
    assert lane.failures == 0


async def test_throttling_waits_as_long_as_telegram_says(bench) -> None:
    """A 429 names its own pause: for a handler's call and for a message."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if len(bench.runner.seen) == 1:
            raise TelegramThrottled("getFile", "slow", 2.5)
        outcome.contents = [bench.message("hello", 7)]

    throttled = []

    def fail(words: str) -> None:
        if not throttled:
            throttled.append(words)
            raise TelegramThrottled("sendMessage", "slow", 3.5)

    bench.runner.handler, bench.sender.fail = handler, fail
    assert await finish(bench, await one_row(bench)) == [2.5, 0, 3.5, 0]
    assert bench.sender.sent == ["hello"]


@pytest.mark.parametrize(
    ("kind", "tried", "state"), [("callback_query", 151, DEAD), ("message", 151, PENDING), ("message", 901, DEAD)]
)
@pytest.mark.parametrize("off", [timedelta(days=-1), timedelta(days=1)], ids=["behind", "ahead"])
async def test_infrastructure_is_given_up_when_it_was_tried_for_long_enough(
    bench, kind: str, tried: int, state: int, off: timedelta
) -> None:
    """A button press is tried for 150 s, a message for 15 minutes; then the row is dead and the user told.

    That is counted from its first failure, whatever clock says when it was received, and any row is tried twice.
    """

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise TelegramUnavailable("getFile", "no answer")

    bench.runner.handler = handler
    lane = await one_row(bench, ext_id="1", kind=kind)
    lane.rows[0] = msgspec.structs.replace(lane.rows[0], received_at=lane.rows[0].received_at - off)
    for _ in range(3):
        await bench.step(lane)
        assert await bench.states() == {"1": PENDING}
    lane.failing -= tried
    await bench.step(lane)
    assert await bench.states() == {"1": state}
    assert bool(lane.deliveries) is (state == DEAD)


async def test_a_handler_that_takes_too_long_is_a_bug(bench) -> None:
    """The handler is cancelled, its writes roll back, its connection goes back to the pool."""
    bench.worker.handler_timeout = 0.05

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "never")
        await asyncio.sleep(60)

    bench.runner.handler = handler
    await finish(bench, await one_row(bench, ext_id="1"))
    assert await bench.states() == {"1": DEAD}
    assert await bench.all_notes() == []
    assert bench.busy_connections() == 0


async def test_a_handler_that_awaits_something_cancelled_does_not_end_the_worker(bench) -> None:
    """A CancelledError that was not meant for the worker is a failure of the handler; the one worker lives on."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.ext_id == "1":
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        await bench.add_note(work, row.ext_id)

    bench.runner.handler = handler
    bench.workers = 1
    bench.build()
    await bench.start()
    await bench.ingest(lane=1, ext_id="1")
    await bench.ingest(lane=2, ext_id="2")
    await bench.settle()
    assert await bench.states() == {"1": DEAD, "2": DONE}


async def test_a_handler_that_exits_does_not_end_the_process(bench) -> None:
    """sys.exit() in a plugin is a bug like any other: rolled back, tried once more, buried; the lane goes on."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, row.ext_id)
        if row.ext_id == "1":
            raise SystemExit(3)

    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1")
    await bench.ingest(ext_id="2")
    await bench.settle()
    assert bench.runner.seen == ["1", "1", "2"]
    assert await bench.all_notes() == ["2"]
    assert await bench.states() == {"1": DEAD, "2": DONE}


async def test_an_apology_or_refusal_that_fails_does_not_block_the_lane(bench, caplog) -> None:
    """A bug in the words themselves costs the words, not the lane."""
    from astral_core.errors import Refuse

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.ext_id == "refused":
            raise Refuse("no")
        if row.ext_id == "broken":
            raise ValueError("a bug")
        await bench.add_note(work, "fine")

    async def broken(*_: Any) -> list[Any]:
        raise KeyError("a bug in the texts")

    bench.runner.handler, bench.runner.refusal, bench.runner.apology = handler, broken, broken
    await bench.start()
    for ext_id in ("refused", "broken", "fine"):
        await bench.ingest(ext_id=ext_id)
    await bench.settle()
    assert await bench.states() == {"refused": DONE, "broken": DEAD, "fine": DONE}
    assert caplog.text.count("could not be told") == 2


async def test_telegram_away_keeps_the_message_and_its_order(bench) -> None:
    """An unreachable Telegram pauses the lane; nothing is skipped, nothing runs before the message is out."""
    away = [True] * 3

    def fail(words: str) -> None:
        if away:
            away.pop()
            raise TelegramUnavailable("sendMessage", "no answer")

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message(row.ext_id, 7)]

    bench.runner.handler, bench.sender.fail = handler, fail
    lane = await one_row(bench, ext_id="1")
    lane.rows.append(await bench.ingest(ext_id="2"))
    assert await finish(bench, lane) == [0, 0.5, 1.0, 2.0, 0, 0, 0]
    assert bench.sender.sent == ["1", "2"]


async def test_a_sender_that_breaks_on_one_message_goes_on_with_the_next(bench, caplog) -> None:
    """A bug in the sending of one message makes that message dead, with its traceback; the lane goes on."""

    def fail(words: str) -> None:
        if words == "odd":
            raise KeyError("a bug in the sender")

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message("odd", 7), bench.message("fine", 7)]

    bench.runner.handler, bench.sender.fail = handler, fail
    await finish(bench, await one_row(bench, ext_id="1"))
    assert bench.sender.sent == ["fine"]
    assert await bench.states() == {"1": DONE}
    assert "a bug in the sender" in caplog.text
    assert await bench.count() == 1


async def test_a_row_ended_elsewhere_is_not_buried(bench) -> None:
    """A failing handler whose row somebody else ended neither changes the row nor apologises."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        async with bench.engine.begin() as connection:
            await connection.execute(update(core_inbox).values(state=DONE))
        raise ValueError("a bug")

    bench.runner.handler = handler
    await finish(bench, await one_row(bench, ext_id="1"))
    assert await bench.states() == {"1": DONE}
    assert bench.sender.sent == []
    assert bench.pending == 0


async def test_an_express_row_with_a_bug_is_buried_at_once(bench) -> None:
    """It has 10 s: a second try would come too late."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise ValueError("a bug")

    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1", kind="pre_checkout_query", express=True)
    await bench.settle()
    assert bench.runner.seen == ["1"]
    assert await bench.states() == {"1": DEAD}


@pytest.mark.postgres
async def test_deadlocks_and_cut_connections_are_infrastructure(postgres_url: str) -> None:
    """What PostgreSQL does to a transaction for reasons of its own may pass with the next try."""
    from astral_core.db.engine import open_database

    database = open_database(postgres_url)
    try:
        async with database.engine.connect() as connection:
            with pytest.raises(DBAPIError) as caught:
                await connection.execute(
                    text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'deadlock_detected'; END $$")
                )
        assert is_infrastructure(caught.value)
        async with database.engine.connect() as connection:
            with pytest.raises(DBAPIError) as cut:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert is_infrastructure(cut.value)
    finally:
        await database.dispose()


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/x", "postgresql://nobody@/x?host=/nowhere/at/all"])
async def test_a_server_that_is_away_is_infrastructure(url: str) -> None:
    """No server at the address: one kind of error, whatever the system says."""
    from astral_core.db.engine import open_database

    database = open_database(url)
    with pytest.raises(OperationalError) as caught:
        async with database.engine.connect():
            pass
    await database.dispose()
    assert is_infrastructure(caught.value)


async def broken(row: Any, work: Any, outcome: Any) -> None:
    """A handler that never succeeds."""
    raise ValueError("no")


async def test_the_alarm_of_a_dead_letter_is_committed_with_its_death(bench, monkeypatch) -> None:
    """Both or neither: where the commit fails the row is pending as before, and nobody is alarmed."""
    bench.runner.handler, bench.runner.alarms = broken, True
    lane = await one_row(bench, ext_id="a")
    await bench.step(lane)
    insert, failing = bench.store.journal.insert, [True]

    async def inserted(connection: Any, rows: Any) -> Any:
        stored = await insert(connection, rows)
        if failing:
            failing.clear()
            raise ConnectionError("lost")
        return stored

    monkeypatch.setattr(bench.store.journal, "insert", inserted)
    with pytest.raises(DatabaseError):
        await bench.worker.step(lane)
    assert await bench.states() == {"a": PENDING}
    await finish(bench, lane)
    assert await bench.states() == {"a": DEAD, "alarm:a": PENDING}


async def test_the_alarm_of_a_refused_message_is_stored_before_it_is_noted(bench, monkeypatch) -> None:
    """A process that dies in between tells of it all the same; the message is tried and noted once more."""

    async def says(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents.append(bench.message("hello", row.lane))

    bench.runner.handler = says
    bench.sender.fail = lambda _: SendResult(refused="400")
    bench.runner.refusals = True
    lane = await one_row(bench, ext_id="a")
    commit = bench.store.journal.commit

    async def dies(rows: Any, marks: Any) -> Any:
        if marks:
            raise ConnectionError("dead")
        return await commit(rows, marks)

    monkeypatch.setattr(bench.store.journal, "commit", dies)
    await bench.step(lane)
    with pytest.raises(DatabaseError):
        await bench.worker.step(lane)
    assert await bench.states() == {"a": PENDING, "sendMessage": PENDING}
    monkeypatch.setattr(bench.store.journal, "commit", commit)
    await finish(bench, lane)
    assert await bench.states() == {"a": DONE, "sendMessage": PENDING}
