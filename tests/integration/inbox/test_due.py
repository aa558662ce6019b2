"""Due work: it runs once, when its time has come, whoever cancels, replaces, dies or fails meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from astral_core.db.tables import DEAD, DONE, DueState, core_due, core_inbox, now
from astral_core.errors import Refuse, TelegramThrottled, TelegramUnavailable
from astral_core.inbox import backlog as backlog_module
from astral_core.inbox import due
from astral_core.inbox import lanes as lanes_module
from astral_core.inbox import worker as worker_module
from astral_core.inbox.due import Cancel, Due
from astral_core.inbox.rows import NewRow
from astral_core.inbox.schedule import Schedule
from astral_core.inbox.work import UnitOfWork

FIRE = "weather.fire"


def fire(key: str = "k", after: float = 0.0, lane: int = 7, **fields: Any) -> Due:
    """Work of the test's plugin."""
    return Due("step", FIRE, lane, key, fields.pop("payload", "{}"), after=after, **fields)


async def commit(bench: Any, *changes: Due | Cancel) -> None:
    """Arm and cancel in one unit of work outside of a handler."""
    work = UnitOfWork(bench.database, bench.store, "weather")
    work.due += changes
    await work.commit()
    await work.close()


async def waiting(bench: Any) -> list[tuple[str, int, int]]:
    """Key, state and generation of every due row."""
    async with bench.engine.connect() as connection:
        query = select(core_due.c.key, core_due.c.state, core_due.c.generation).order_by(core_due.c.id)
        return [tuple(row) for row in (await connection.execute(query)).all()]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that has no event."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.005)


async def nothing_waits(bench: Any) -> bool:
    """Whether all due work is done."""
    return not await waiting(bench) and not bench.lanes.active


def notes_its_runs(bench: Any) -> list[float]:
    """Let the handler write down each run; the moments of the runs, by the loop's clock."""
    runs: list[float] = []

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        runs.append(asyncio.get_running_loop().time())
        await bench.add_note(work, f"{row.kind} {row.payload}")

    bench.runner.handler = handler
    return runs


async def test_it_runs_when_its_time_has_come_and_not_before(bench: Any) -> None:
    """Once, in the lane for which it was armed, by a timer and not by the next look; then nothing of it is left."""
    runs = notes_its_runs(bench)
    await bench.start()
    began = asyncio.get_running_loop().time()
    await commit(bench, fire(after=0.3, payload='{"n": 1}'))
    assert [(key, state) for key, state, _ in await waiting(bench)] == [("k", DueState.WAITING)]
    await until(lambda: nothing_waits(bench))
    assert len(runs) == 1
    assert runs[0] - began >= 0.3
    assert await bench.all_notes() == ['step {"n": 1}']


async def test_a_moment_may_be_named_and_may_be_over(bench: Any) -> None:
    """An aware moment; one of the past is due at once."""
    notes_its_runs(bench)
    await bench.start()
    await commit(bench, fire("past", at=now() - timedelta(days=1)), fire("later", at=now() + timedelta(days=1)))
    await until(lambda: count_is(bench, 1))
    assert [key for key, _, _ in await waiting(bench)] == ["later"]


async def count_is(bench: Any, number: int) -> bool:
    """Whether so many notes stand in the database."""
    return len(await bench.all_notes()) == number


async def test_it_begins_with_the_commit(bench: Any) -> None:
    """A unit of work that fails arms nothing."""
    await bench.start()
    work = UnitOfWork(bench.database, bench.store, "weather")
    work.due.append(fire())
    await work.close()
    assert await waiting(bench) == []


async def test_the_same_key_replaces_what_waits(bench: Any) -> None:
    """The last one counts, with its arguments and its moment; another lane's is another one."""
    notes_its_runs(bench)
    await bench.start()
    await commit(bench, fire(after=60, payload='"first"'), fire(after=60, lane=8, payload='"other"'))
    await commit(bench, fire(payload='"second"'))
    await until(lambda: count_is(bench, 1))
    assert await bench.all_notes() == ['step "second"']
    assert len(await waiting(bench)) == 1


async def test_the_first_one_may_be_kept(bench: Any) -> None:
    """`keep_first` leaves what waits alone, and arms where nothing does."""
    notes_its_runs(bench)
    await bench.start()
    await commit(bench, fire(after=60, payload='"first"'))
    await commit(bench, fire(payload='"second"', keep_first=True), fire("new", payload='"third"', keep_first=True))
    await until(lambda: count_is(bench, 1))
    assert await bench.all_notes() == ['step "third"']


async def test_the_first_one_is_kept_also_while_it_is_about_to_run(bench: Any) -> None:
    """It was fired and waits for its worker; what comes is dropped, not run beside it."""
    gate = asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await gate.wait()
        await bench.add_note(work, row.payload)

    bench.runner.handler = handler
    await bench.start()
    await commit(bench, fire(payload='"first"'))
    await until(lambda: seen(bench, 1))
    await commit(bench, fire(payload='"second"', keep_first=True))
    gate.set()
    await until(lambda: nothing_waits(bench))
    assert await bench.all_notes() == ['"first"']


async def seen(bench: Any, number: int) -> bool:
    """Whether so many handlers have begun."""
    return len(bench.runner.seen) == number


async def test_what_was_cancelled_does_not_run(bench: Any) -> None:
    """Before its time, and also after it was fired; to cancel what is not there is nothing."""
    notes_its_runs(bench)
    await bench.open()
    await commit(bench, fire("a", after=60), fire("b"), Cancel(FIRE, 7, "nobody"))
    assert await bench.inbox.timer.fire() == 1
    await commit(bench, Cancel(FIRE, 7, "a"), Cancel(FIRE, 7, "b"))
    assert await waiting(bench) == []
    await bench.replica.begin()
    await bench.settle()
    assert await bench.all_notes() == []
    assert bench.runner.seen == []
    assert set((await bench.states()).values()) == {DONE}


@pytest.mark.parametrize("writes", [False, True], ids=["reads", "writes"])
@pytest.mark.parametrize("change", [Cancel(FIRE, 7, "k"), fire(after=60)], ids=["cancel", "replace"])
async def test_cancelling_wins_over_a_handler_that_runs(bench: Any, change: Due | Cancel, writes: bool) -> None:
    """Its writes are rolled back and nothing is said: whoever cancelled was told that it does not happen."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        begun.set()
        await go.wait()
        if writes:
            await bench.add_note(work, "too late")
        outcome.contents = [bench.message("too late", row.lane)]

    bench.runner.handler = handler
    await bench.start()
    await commit(bench, fire())
    await begun.wait()
    await commit(bench, change)
    go.set()
    await bench.settle()
    assert await bench.all_notes() == bench.sender.sent == []
    assert set((await bench.states()).values()) == {DONE}
    assert len(await waiting(bench)) == isinstance(change, Due)


async def test_a_handler_may_arm_itself_again_under_its_own_key(bench: Any) -> None:
    """The commit that ends one run arms the next one."""
    runs = 0

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            work.due.append(fire())

    bench.runner.handler = handler
    await bench.start()
    await commit(bench, fire())
    await until(lambda: nothing_waits(bench))
    assert runs == 3


async def test_a_handler_that_only_reads_runs_once(bench: Any) -> None:
    """Its message is sent once, and nothing of it stays."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message("time for tea", row.lane)]

    bench.runner.handler = handler
    await bench.start()
    await commit(bench, fire())
    await until(lambda: nothing_waits(bench))
    assert bench.sender.sent == ["time for tea"]


async def test_a_stop_in_the_middle_of_its_messages_ends_it_all_the_same(bench: Any) -> None:
    """What is left is sent by the next process; the handler does not run again, and the due row is gone."""
    throttled = True

    def fail(words: str) -> None:
        if throttled and words == "two":
            raise TelegramThrottled("sendMessage", "Too Many Requests", 60.0)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message(words, row.lane) for words in ("one", "two")]

    bench.runner.handler, bench.sender.fail = handler, fail
    await bench.start()
    await commit(bench, fire())
    await until(lambda: seen(bench, 1))
    await until(lambda: sent(bench, ["one"]))
    await bench.stop()
    assert await waiting(bench) == []
    throttled = False
    bench.build()
    await bench.start()
    await until(lambda: sent(bench, ["one", "two"]))
    assert len(bench.runner.seen) == 1


async def sent(bench: Any, words: list[str]) -> bool:
    """Whether just these messages have left."""
    return bool(bench.sender.sent == words)


async def test_many_that_are_due_at_once_run_once_each(bench: Any) -> None:
    """Their ends are noted together with others', and those of recurring ones arm the next run."""
    runs: list[str] = []

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        runs.append(row.payload)

    bench.runner.handler = handler
    await bench.start()
    await keep(bench, job(3600))
    await commit(bench, *[fire(str(n), lane=n % 40, payload=f'"{n}"') for n in range(300)])
    await until(lambda: seen_at_least(bench, 301))
    await bench.settle()
    assert len(runs) == len(set(runs)) == 301
    assert [(key, state) for key, state, _ in await waiting(bench)] == [("", DueState.WAITING)]


async def test_a_refusal_ends_it(bench: Any) -> None:
    """A handler that says no is not asked again; its words arrive."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise Refuse("not today")

    bench.runner.handler = handler
    await bench.start()
    await commit(bench, fire())
    await until(lambda: nothing_waits(bench))
    assert bench.sender.sent == ["not today"]


async def test_due_work_is_the_first_to_come_again_after_a_crash(bench: Any) -> None:
    """A process dies while it runs: the next one runs it, and its writes happen once."""
    hang = asyncio.Event()

    async def hangs(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "lost")
        await hang.wait()

    bench.runner.handler = hangs
    await bench.start()
    await commit(bench, fire())
    await until(lambda: seen(bench, 1))
    await bench.crash()
    notes_its_runs(bench)
    await bench.start()
    await until(lambda: nothing_waits(bench))
    assert await bench.all_notes() == ["step {}"]


async def test_two_replicas_fire_each_row_once(make_bench: Any, postgres_url: str) -> None:
    """Both look at the same moment; no row is run twice, and none is left."""
    pair = [make_bench(postgres_url), make_bench(postgres_url)]
    for one in pair:
        notes_its_runs(one)
        await one.start()
    first, second = pair
    await commit(first, *[fire(str(n), after=0.2, lane=n % 17, payload=f'"{n}"') for n in range(300)])
    await until(lambda: nothing_waits(first))
    await second.settle()
    noted = await first.all_notes()
    assert sorted(noted) == sorted(f'step "{n}"' for n in range(300))
    for one in pair:
        await one.stop()
        await one.database.dispose()


# --- failures


@pytest.mark.parametrize("armed", [False, True], ids=["at once", "due"])
async def test_a_step_that_waits_for_its_next_try_leaves_its_lane(bench: Any, armed: bool) -> None:
    """The chat goes on meanwhile; the step runs again, with its number of tries, and once in the end."""
    tries = 0

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        nonlocal tries
        if row.kind == "step":
            tries += 1
            if tries < 3:
                raise TelegramUnavailable("getFile", "no answer")
        await bench.add_note(work, row.kind)

    bench.runner.handler = handler
    await bench.start()
    if armed:
        await commit(bench, fire())
    else:
        await bench.store.ingest(NewRow("internal:step", "s", 7, "step", "{}"))
    await until(lambda: seen(bench, 1))
    await bench.ingest(ext_id="1", lane=7)
    await until(lambda: nothing_waits(bench))
    assert await bench.all_notes() == ["message", "step"]
    assert [told.outcome for told in bench.told if told.kind == "message"]
    assert tries == 3


async def test_an_update_that_waits_for_its_next_try_holds_its_lane(bench: Any) -> None:
    """What a person wrote first is answered first."""
    tries = 0

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        nonlocal tries
        tries += row.ext_id == "1"
        if tries == 1:
            raise TelegramUnavailable("getFile", "no answer")
        await bench.add_note(work, row.ext_id)

    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1")
    await bench.ingest(ext_id="2")
    await bench.settle()
    assert await bench.all_notes() == ["1", "2"]


async def test_a_bug_is_tried_once_more_and_then_a_dead_letter_that_may_be_retried(
    bench: Any, astral_retry: Any
) -> None:
    """The due row goes with it, so that the key is free; the owner's retry runs what it was."""
    fails = True

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if fails:
            raise ValueError("a bug")
        await bench.add_note(work, row.payload)

    bench.runner.handler = handler
    await bench.start()
    await commit(bench, fire(payload='"mended"'))
    await until(lambda: is_dead(bench))
    assert len(bench.runner.seen) == 2
    assert await waiting(bench) == []
    fails = False
    [dead] = [name for name, state in (await bench.states()).items() if state == DEAD]
    await astral_retry(dead)
    await bench.lanes.sync()
    await bench.lanes.adopt()
    await until(lambda: count_is(bench, 1))
    assert await bench.all_notes() == ['"mended"']


async def is_dead(bench: Any) -> bool:
    """Whether there is a dead letter."""
    return DEAD in (await bench.states()).values()


async def test_what_waits_for_another_try_can_be_cancelled(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key still names it."""
    monkeypatch.setattr(worker_module, "BUG_DELAY", 60.0)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise ValueError("a bug")

    bench.runner.handler = handler
    await bench.start()
    await commit(bench, fire())
    await until(lambda: waits_again(bench))
    await commit(bench, Cancel(FIRE, 7, "k"))
    assert await waiting(bench) == []


async def waits_again(bench: Any) -> bool:
    """Whether something was fired and waits again."""
    return [(state, generation) for _, state, generation in await waiting(bench)] == [(DueState.WAITING, 2)]


# --- recurring work


def job(every: float, key: str = "") -> Due:
    """A job of the test's plugin."""
    return Due(due.JOB, "weather.daily", -99, key, '{"job":"weather.daily"}', schedule=Schedule(every))


async def keep(bench: Any, *jobs: Due, plugins: tuple[str, ...] = ("weather",)) -> None:
    """What a start does."""
    await bench.store.write(
        lambda connection: due.keep_jobs(bench.database, connection, jobs, plugins, bench.store.shared)
    )
    bench.store.wakeup.within(0.0)


async def test_a_job_runs_at_once_and_then_slot_by_slot(bench: Any) -> None:
    """No slot twice, also where a job starts again and again."""
    runs = notes_its_runs(bench)
    await bench.start()
    await keep(bench, job(0.2))
    await until(lambda: seen_at_least(bench, 3))
    for _ in range(5):
        await keep(bench, job(0.2))
    await until(lambda: seen_at_least(bench, 5))
    assert len(runs) <= (runs[-1] - runs[0]) / 0.2 + 2
    assert len(await waiting(bench)) == 1


async def seen_at_least(bench: Any, number: int) -> bool:
    """Whether so many handlers have begun."""
    return len(bench.runner.seen) >= number


async def test_missed_runs_of_a_job_are_one_run(bench: Any) -> None:
    """The bot was down for a week; the job runs once, and then in its next slot."""
    notes_its_runs(bench)
    await bench.open()
    await keep(bench, job(3600))
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_due).values(due_at=now() - timedelta(days=7)))
    await bench.begin()
    await until(lambda: count_is(bench, 1))
    await bench.settle()
    async with bench.engine.connect() as connection:
        due_at = (await connection.execute(select(core_due.c.due_at))).scalar_one()
    assert now() < due_at <= now() + timedelta(hours=1)


async def test_a_job_that_fails_runs_in_its_next_slot(bench: Any) -> None:
    """One dead letter for each failed run; the job itself goes on."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise ValueError("a bug")

    bench.runner.handler = handler
    await bench.start()
    await keep(bench, job(3600))
    await until(lambda: is_dead(bench))
    assert [state for _, state, _ in await waiting(bench)] == [DueState.WAITING]


async def test_a_job_with_another_schedule_and_a_job_that_is_gone(bench: Any) -> None:
    """A new interval counts from the next start; what its plugin declares no more is forgotten; others' stay."""
    await bench.open()
    await keep(bench, job(3600))
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_due).values(due_at=now() + timedelta(days=30)))
    await keep(bench, job(60))
    async with bench.engine.connect() as connection:
        row = (await connection.execute(select(core_due.c.due_at, core_due.c.schedule))).one()
    assert row.due_at <= now() + timedelta(seconds=60)
    assert row.schedule == Schedule(60).encoded()
    await keep(bench, plugins=("another",))
    assert len(await waiting(bench)) == 1
    await keep(bench)
    assert await waiting(bench) == []


# --- the window, and cleaning up


async def test_due_work_shuts_no_update_out(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands are due at once: they come in through a window, and updates are taken all the while."""
    monkeypatch.setattr(backlog_module, "WINDOW", 20)
    gate = asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.kind == "step":
            await gate.wait()

    bench.max_pending, bench.workers = 5, 64
    bench.build()
    bench.runner.handler = handler
    await bench.start()
    await commit(bench, *[fire(str(n), lane=n) for n in range(100)])
    await until(lambda: fired(bench, 20))
    for number in range(50):
        assert await bench.ingest(ext_id=str(number), lane=1000 + number) is not None
        await until(lambda done=21 + number: seen(bench, done))
    assert await fired(bench, 20)
    gate.set()
    await until(lambda: nothing_waits(bench))
    assert len(bench.runner.seen) == 150


async def fired(bench: Any, number: int) -> bool:
    """Whether just so many due rows are on their way."""
    return sum(state == DueState.FIRED for _, state, _ in await waiting(bench)) == number


async def test_the_bots_own_work_shuts_no_update_out(bench: Any) -> None:
    """However many steps were deferred, here and elsewhere: updates are counted by themselves."""
    bench.max_pending = 5
    bench.build()
    await bench.open()
    work = UnitOfWork(bench.database, bench.store, "weather")
    for number in range(1000):
        work.add_row("step", str(number), number, {})
    await work.commit()
    await work.close()
    assert bench.pending == 1000
    many = (
        "INSERT INTO core_inbox (source, ext_id, lane, kind, express, payload, state, attempts, crashes, received_at)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99000)"
        " SELECT 'internal:step', 'x' || i, i, 'step', false, '{}', 0, 0, 0, '2026-01-01 00:00:00.000000' FROM n"
    )
    if not bench.database.is_sqlite:
        many = many.replace("'2026-01-01 00:00:00.000000'", "now()")
    async with bench.engine.begin() as connection:
        await connection.exec_driver_sql(many)
    await bench.replica._tend()
    assert bench.pending == 100_000
    assert await bench.ingest(ext_id="1") is not None


async def test_a_dead_letter_whose_end_could_not_be_noted_may_be_retried(
    bench: Any, astral_retry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner's retry runs it all the same, and does not take it for a cancelled one."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise ValueError("a bug")

    async def broken(*_: Any) -> None:
        raise TypeError("no such note")

    monkeypatch.setattr(lanes_module, "FAILED_DELAY", 0.001)
    with monkeypatch.context() as patch:
        patch.setattr(bench.worker.ending, "dead_letter", broken)
        bench.runner.handler = handler
        await bench.start()
        await commit(bench, fire(payload='"mended"'))
        await until(lambda: is_dead(bench))
    notes_its_runs(bench)
    [dead] = [name for name, state in (await bench.states()).items() if state == DEAD]
    await astral_retry(dead)
    await bench.lanes.sync()
    await bench.lanes.adopt()
    await until(lambda: count_is(bench, 1))
    await bench.store.write(due.purge)
    assert await waiting(bench) == []


async def test_a_fired_row_whose_inbox_row_was_dropped_is_cleaned_up(bench: Any) -> None:
    """The owner dropped it: a step is gone for good, a job waits for its next run."""
    await bench.open()
    values = {"lane": 7, "generation": 1, "state": DueState.FIRED, "due_at": now(), "payload": "{}"}
    rows = [
        {"route": FIRE, "key": "gone", "kind": "step", "schedule": None, **values},
        {"route": "weather.daily", "key": "", "kind": "job", "schedule": Schedule(60).encoded(), **values},
    ]
    async with bench.engine.begin() as connection:
        await connection.execute(insert(core_due).values(rows))
    await bench.store.write(due.purge)
    assert [(key, state) for key, state, _ in await waiting(bench)] == [("", DueState.WAITING)]


async def test_pending_tells_when(bench: Any) -> None:
    """The moment of what waits; None before, and after it was fired."""
    await bench.open()
    moment = now() + timedelta(hours=1)

    async def ask() -> Any:
        async with bench.engine.connect() as connection:
            return await due.pending(connection, FIRE, 7, "k")

    assert await ask() is None
    await commit(bench, fire(at=moment))
    assert await ask() == moment
    await commit(bench, fire())
    await bench.inbox.timer.fire()
    assert await ask() is None
    async with bench.engine.connect() as connection:
        assert (await connection.execute(select(core_inbox.c.kind))).scalar_one() == "step"
