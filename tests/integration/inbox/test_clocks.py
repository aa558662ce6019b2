"""Clocks that are set while the bot runs, and replicas whose clock is days off: what is due comes once, in time."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from astral_core.db import columns
from astral_core.db.tables import DEAD, DONE, PENDING, DueState, core_deaths, core_due, core_inbox, core_runs, now
from astral_core.errors import TelegramUnavailable
from astral_core.inbox import due, suspects
from astral_core.inbox import timer as timer_module
from astral_core.inbox import worker as worker_module
from astral_core.inbox.due import Due
from astral_core.inbox.retention import purge
from astral_core.inbox.schedule import Recurrence, Schedule, Trigger
from astral_core.inbox.work import UnitOfWork

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEPS = pytest.mark.parametrize("step", [-HOUR, -MINUTE, MINUTE, HOUR], ids=["-1h", "-1min", "+1min", "+1h"])


class SetClock:
    """A clock that a test sets, in both directions: SQLite's machine, or the database's as the code sees it."""

    def __init__(self) -> None:
        self.added = 0.0

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time() + self.added

    def ahead(self) -> float:
        """By how much it was set."""
        return self.added

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`: nobody sets the monotonic clock."""
        await asyncio.sleep(seconds)

    def set(self, by: timedelta) -> None:
        """Set it."""
        self.added += by.total_seconds()

    def now(self) -> datetime:
        """What it shows."""
        return datetime.fromtimestamp(self.time(), UTC)


@pytest.fixture
def clock(bench: Any, monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """The clock of `bench`, which looks at it often."""
    monkeypatch.setattr(timer_module, "LOOK", 0.05)
    bench.clock = SetClock()
    bench.build()
    found: SetClock = bench.clock
    return found


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that has no event."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.005)


async def keep(bench: Any, schedule: Recurrence) -> None:
    """What a start does with a job of this schedule."""
    job = Due(due.JOB, "weather.daily", -99, "", "{}", schedule=schedule)  # type: ignore[arg-type]
    await bench.store.write(
        lambda connection: due.keep_jobs(bench.database, connection, [job], ["weather"], bench.store.shared)
    )
    bench.store.wakeup.within(0.0)


async def defer(bench: Any, **fields: Any) -> None:
    """Arm a step of the test's plugin."""
    work = UnitOfWork(bench.database, bench.store, "weather")
    work.due.append(Due("step", "weather.fire", 7, "k", "{}", **fields))
    await work.commit()
    await work.close()


async def the_row(bench: Any) -> Any:
    """The one due row; None if there is none."""
    async with bench.engine.connect() as connection:
        return (await connection.execute(select(core_due))).one_or_none()


async def runs_are(bench: Any, number: int) -> bool:
    """Whether so many handlers, or more, have run, and the last one has ended."""
    return len(bench.runner.seen) >= number and not bench.lanes.active


@pytest.mark.parametrize(
    ("step", "moment"),
    [
        (-HOUR, "waiting"),
        pytest.param(-MINUTE, "running", marks=pytest.mark.rest),
        pytest.param(MINUTE, "waiting", marks=pytest.mark.rest),
        (HOUR, "running"),
    ],
)
async def test_a_job_keeps_its_pace_when_the_clock_is_set(
    bench: Any, clock: SetClock, step: timedelta, moment: str
) -> None:
    """It goes on at once, also after an hour was taken back; an hour that was skipped is one run, not many."""
    begun = asyncio.get_running_loop().time()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if moment == "running" and len(bench.runner.seen) == 2:
            clock.set(step)

    bench.runner.handler = handler
    await bench.start()
    await keep(bench, Schedule(0.4))
    await until(lambda: runs_are(bench, 2))
    if moment == "waiting":
        clock.set(step)
    await until(lambda: runs_are(bench, 5))
    passed = asyncio.get_running_loop().time() - begun
    assert len(bench.runner.seen) <= passed / 0.4 + 4  # the first at once, the one that is late, and even slots again


@pytest.mark.parametrize("every", [60.0, 3600.0])
@STEPS
async def test_a_job_that_waits_never_waits_longer_than_its_interval(
    bench: Any, clock: SetClock, step: timedelta, every: float
) -> None:
    """From the moment on in which the clock was set; where it is due by then, it has run once."""
    await bench.start()
    await keep(bench, Schedule(every))
    await until(lambda: runs_are(bench, 1))
    clock.set(step)
    shared = bench.store.shared

    async def is_right() -> bool:
        row = await the_row(bench)
        return row.state == DueState.WAITING and shared.now() < row.due_at <= shared.now() + timedelta(seconds=every)

    await until(is_right)
    assert len(bench.runner.seen) <= 2


@pytest.mark.parametrize("moment", ["before the run ends", "after it"])
async def test_a_time_of_day_that_comes_twice_is_one_run(bench: Any, clock: SetClock, moment: str) -> None:
    """Set back by an hour just after nine: nine o'clock comes again, the job does not."""
    nine = clock.now().replace(hour=9, minute=0, second=0, microsecond=0) + DAY
    clock.set(nine - clock.now() - MINUTE)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if moment == "before the run ends" and clock.now() > nine:
            clock.set(-HOUR)

    bench.runner.handler = handler
    await bench.start()
    await keep(bench, Trigger("cron", "UTC", fields={"hour": "9", "minute": "0"}))
    await until(lambda: runs_are(bench, 1))  # that of the start
    assert (await the_row(bench)).due_at == nine
    clock.set(2 * MINUTE)
    await until(lambda: runs_are(bench, 2))
    if moment == "after it":
        clock.set(-HOUR)
    clock.set(HOUR)
    await bench.inbox.timer.fire()
    await bench.settle()
    assert len(bench.runner.seen) == 2
    assert (await the_row(bench)).due_at == nine + DAY


async def test_after_a_clock_that_was_wrong_by_years_jobs_go_on(bench: Any, clock: SetClock) -> None:
    """A machine without a battery showed a year that is far away, and was set right: also while the bot was down."""
    clock.set(3650 * DAY)
    await bench.start()
    await keep(bench, Trigger("cron", "UTC", fields={"hour": "9", "minute": "0"}))
    await until(lambda: runs_are(bench, 1))
    await bench.stop()
    clock.set(-3650 * DAY)
    bench.build()
    await bench.start()
    await bench.inbox.timer.fire()
    assert clock.now() < (await the_row(bench)).due_at <= clock.now() + DAY


@STEPS
async def test_deferred_work_is_due_by_the_clock(bench: Any, clock: SetClock, step: timedelta) -> None:
    """Half an hour from now: it comes once, when the clock shows that moment, however it got there."""
    await bench.start()
    await defer(bench, after=1800.0)
    before = (await the_row(bench)).due_at
    clock.set(step)
    await bench.inbox.timer.fire()
    await bench.settle()
    if step == HOUR:
        assert (len(bench.runner.seen), await the_row(bench)) == (1, None)
    else:
        assert (len(bench.runner.seen), (await the_row(bench)).due_at) == (0, before)
        clock.set(before - clock.now())
        await until(lambda: runs_are(bench, 1))
    clock.set(-HOUR)
    clock.set(2 * HOUR)
    await bench.inbox.timer.fire()
    await bench.settle()
    assert len(bench.runner.seen) == 1


@STEPS
async def test_a_pause_before_another_try_is_as_long_as_it_was(bench: Any, clock: SetClock, step: timedelta) -> None:
    """What is tried again in a moment does not wait for an hour because the clock was set back."""
    failed = asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if len(bench.runner.seen) == 1:
            failed.set()
            raise TelegramUnavailable("getFile", "no answer")

    bench.runner.handler = handler
    await bench.start()
    await defer(bench)
    await failed.wait()
    await until(partial(waits_again, bench))
    clock.set(step)
    await until(lambda: runs_are(bench, 2))
    assert await the_row(bench) is None


async def waits_again(bench: Any) -> bool:
    """Whether the due row waits for another try."""
    row = await the_row(bench)
    return row is not None and row.tries > 0 and row.state == DueState.WAITING


@pytest.mark.parametrize("step", [-DAY, DAY], ids=["-1d", "+1d"])
async def test_how_long_a_step_is_tried_is_no_matter_of_clocks(
    bench: Any, clock: SetClock, step: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set by a day between its tries, it goes on; after 15 minutes of trying it is dead."""
    monkeypatch.setattr(worker_module, "backoff", lambda _: 0.05)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if len(bench.runner.seen) in (2, 4):
            clock.set(step)
        raise TelegramUnavailable("getFile", "no answer")

    bench.runner.handler = handler
    await bench.start()
    await defer(bench)
    await until(lambda: runs_are(bench, 6))
    assert DEAD not in (await bench.states()).values()
    monkeypatch.setattr(worker_module, "LONG_LIFE", 0.3)
    await until(partial(is_dead, bench))
    await bench.settle()
    assert await the_row(bench) is None


async def is_dead(bench: Any) -> bool:
    """Whether there is a dead letter."""
    return DEAD in (await bench.states()).values()


# --- suspects


async def test_a_suspect_that_was_put_off_comes_back_although_the_clock_was_set_back(bench: Any) -> None:
    """It waits for an hour at most, and by an hour that was taken back not for two."""
    await bench.open()
    row = await bench.ingest(ext_id="1")
    await bench.store.write(lambda connection: connection.execute(suspects.put_off(bench.database, row.seq, 600.0)))
    assert await suspects.release_due(bench.database, 600.0) == 0
    async with bench.engine.begin() as connection:
        put_off = (await connection.execute(select(core_inbox.c.due_at))).scalar_one()
        await connection.execute(update(core_inbox).values(due_at=put_off + HOUR))
    assert await suspects.release_due(bench.database, 600.0) == 1
    assert await bench.states() == {"1": PENDING}


async def test_a_death_that_is_still_to_come_does_not_hold_its_lane(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was set back just after a process died: that it may live after all is a matter of seconds."""
    monkeypatch.setattr(suspects, "DOUBT", 3.0)
    await bench.open()
    row = await bench.ingest(ext_id="1")
    async with bench.engine.begin() as connection:
        await connection.execute(insert(core_runs).values(seq=row.seq, process="gone", began_at=now() + HOUR))
        await connection.execute(insert(core_deaths).values(process="gone", at=now() + HOUR))
        case = await suspects.look(bench.database, connection, row.seq, 600.0)
    assert (case.deaths, case.fresh) == (1, False)


# --- a replica whose machine's clock is off


@pytest.fixture(params=[-4 * DAY, 4 * DAY], ids=["behind", "ahead"])
def machine_off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """This machine's clock, as all of the core reads it, is days off; that of PostgreSQL is right."""
    off: timedelta = request.param
    right, time_now = columns.now, time.time
    for name, module in list(sys.modules.items()):
        if name.startswith("astral_core") and getattr(module, "now", None) is right:
            monkeypatch.setattr(module, "now", lambda: right() + off)
    monkeypatch.setattr(time, "time", lambda: time_now() + off.total_seconds())
    return off


@asynccontextmanager
async def stopped(bench: Any) -> AsyncIterator[Any]:
    """A bench that is stopped at the end."""
    try:
        yield bench
    finally:
        await bench.stop(grace=0.0)
        await bench.database.dispose()


async def test_what_a_replica_with_a_wrong_clock_does_is_in_time(
    make_bench: Callable[..., Any], postgres_url: str, machine_off: timedelta
) -> None:
    """Jobs and steps run when the database's clock says so, and what is done is known for as long as promised."""
    del machine_off
    right = datetime.now(UTC)
    async with stopped(make_bench(postgres_url)) as bench:
        await bench.start()
        await keep(bench, Schedule(3600.0))
        await until(lambda: runs_are(bench, 1))
        row = await the_row(bench)
        assert right < row.due_at <= right + HOUR + MINUTE
        await keep(bench, Schedule(1800.0))
        assert right < (await the_row(bench)).due_at <= right + HOUR / 2 + MINUTE
        await defer(bench, after=0.2)
        await bench.ingest(ext_id="1", kind="callback_query")
        await until(lambda: runs_are(bench, 3))
        await bench.settle()
        assert set((await bench.states()).values()) == {DONE}
        assert await purge(bench.store, keep_done_hours=72, keep_dead_hours=168) == 0
        assert {told.wait_ms < 60_000 for told in bench.told} == {True}
        async with bench.engine.connect() as connection:
            done = (await connection.execute(select(core_inbox.c.done_at))).scalars().all()
        assert all(abs(moment - right) < 5 * MINUTE for moment in done)


async def test_what_ends_badly_on_a_replica_with_a_wrong_clock_is_kept_as_long(
    make_bench: Callable[..., Any], postgres_url: str, machine_off: timedelta
) -> None:
    """A dead letter, and what was tried again and ended then: both are dated by the database's clock."""
    del machine_off
    right = datetime.now(UTC)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.kind == "step" and not row.attempts:
            raise ValueError("once")
        if row.kind == "message":
            raise ValueError("always")

    async with stopped(make_bench(postgres_url)) as bench:
        await bench.start()
        bench.runner.handler = handler
        await defer(bench)
        await bench.ingest(ext_id="1")
        await until(lambda: ended(bench))
        assert await purge(bench.store, keep_done_hours=72, keep_dead_hours=72) == 0
        async with bench.engine.connect() as connection:
            rows = (await connection.execute(select(core_inbox.c.done_at, core_inbox.c.payload))).all()
        assert all(abs(row.done_at - right) < 5 * MINUTE for row in rows)
        assert [row.payload for row in rows].count(None) == 2


async def ended(bench: Any) -> bool:
    """Whether all rows have ended, one of them badly, and nothing waits."""
    states = list((await bench.states()).values())
    return states.count(DEAD) == 1 and states.count(DONE) == 2 and await the_row(bench) is None


# --- the same with a process whose clock is really off

Other = tuple[subprocess.Popen[str], timedelta]
REPLICA = """
import asyncio, importlib.util, json, sys, time
from astral_core.errors import TelegramUnavailable
spec = importlib.util.spec_from_file_location("inbox_conftest", sys.argv[1])
kit = importlib.util.module_from_spec(spec)
sys.modules["inbox_conftest"] = kit
spec.loader.exec_module(kit)

async def main():
    bench = kit.Bench(kit.open_database(sys.argv[2]))
    tries = {}

    async def handler(row, work, outcome):
        tries[row.ext_id] = tries.get(row.ext_id, 0) + 1
        if row.kind == "callback_query" and tries[row.ext_id] < 4:
            raise TelegramUnavailable("getFile", "no answer")
        await bench.add_note(work, f"{row.kind} {row.ext_id}")

    bench.runner.handler = handler
    await bench.start()
    print(json.dumps({"time": time.time()}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await bench.stop()
    await bench.database.dispose()

asyncio.run(main())
"""


def _libfaketime() -> str | None:
    return next((str(found) for found in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


@pytest.fixture
def replica_off(
    request: pytest.FixtureRequest, postgres_url: str
) -> Iterator[tuple[subprocess.Popen[str], timedelta]]:
    """A replica in a process of its own, whose machine's clock is a day off."""
    library = _libfaketime()
    if library is None:
        pytest.skip("libfaketime is not installed")
    off = request.param
    settings = {
        "LD_PRELOAD": library,
        "FAKETIME": off,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", REPLICA, str(Path(__file__).with_name("conftest.py")), postgres_url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | settings,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        shown = json.loads(process.stdout.readline())["time"]
        yield process, timedelta(seconds=shown - time.time())
    finally:
        process.communicate("", timeout=30)


@pytest.mark.rest
@pytest.mark.parametrize("replica_off", ["-1d", "+1d"], indirect=True)
async def test_two_replicas_of_which_one_is_a_day_off(
    make_bench: Callable[..., Any], postgres_url: str, replica_off: Other
) -> None:
    """They share the work: a job runs once a slot, a step when it is due, and a press is tried until it succeeds.

    The replica that is off handles all of it, as it does while the other one is busy or gone; both fire what is due.
    """
    process, off = replica_off
    assert abs(abs(off) - DAY) < HOUR
    async with stopped(make_bench(postgres_url)) as right:
        await right.open(closed=True)  # it stores, fires and looks after nobody's chats
        right.supervisor.start(right.inbox.timer.run(), "astral-due")
        begun = time.monotonic()
        await keep(right, Schedule(1.0))
        await defer(right, after=2.0)
        await right.ingest(ext_id="press", kind="callback_query", lane=8)
        await right.lanes.sync()
        await until(lambda: noted(right, "job", 4))
        await until(lambda: noted(right, "step", 1))
        assert time.monotonic() - begun >= 2.0
        await until(lambda: noted(right, "callback_query", 1))
        jobs = [note for note in await right.all_notes() if note.startswith("job")]
        assert len(jobs) == len(set(jobs)) <= time.monotonic() - begun + 2
        assert process.poll() is None


async def noted(bench: Any, kind: str, number: int) -> bool:
    """Whether so many rows of a kind, or more, were handled."""
    return sum(note.split()[0] == kind for note in await bench.all_notes()) >= number
