"""Clocks that are wrong or are set: what is shared is known here, and what recurs keeps its pace."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import clock as clock_module
from astral_core.clock import SharedClock, now, sharing
from astral_core.inbox.schedule import Recurrence, Schedule, Trigger, following

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Machine:
    """A machine whose clock shows what a test says; its monotonic clock goes on."""

    def __init__(self, off: float = 0.0) -> None:
        self.off = off
        self.moved = 0.0

    def time(self) -> float:
        """What the machine shows, and a test has added."""
        return time.time() + self.off + self.moved

    def ahead(self) -> float:
        """What a test has added."""
        return self.moved

    async def sleep(self, seconds: float) -> None:
        """Nobody sleeps here."""
        raise NotImplementedError


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`steps(seconds)` lets time go by, for the monotonic clock and for the machine's."""
    passed = 0.0
    monotonic, wall = time.monotonic, time.time
    monkeypatch.setattr(clock_module.time, "monotonic", lambda: monotonic() + passed)
    monkeypatch.setattr(clock_module.time, "time", lambda: wall() + passed)

    def step(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    return step


def read(clock: SharedClock, shown: datetime, took: float = 0.0) -> None:
    """The database has shown this, and its answer took so long."""
    clock.read(shown, time.monotonic() - took)


@pytest.mark.parametrize("off", [-86_400.0, 0.0, 86_400.0], ids=["behind", "right", "ahead"])
def test_the_databases_clock_counts_whatever_the_machine_shows(off: float, steps: Callable[[float], None]) -> None:
    """It goes on by the monotonic clock until it is read again; setting the machine's changes nothing."""
    machine = Machine(off)
    clock = SharedClock(machine, local=False)
    read(clock, START)
    assert abs(clock.now() - START) < timedelta(seconds=1)
    assert abs(clock.off() - (machine.time() - START.timestamp())) < 1
    steps(600)
    machine.off -= 3600
    assert abs(clock.now() - START - timedelta(minutes=10)) < timedelta(seconds=1)


def test_before_it_was_read_the_machines_clock_has_to_do() -> None:
    """Then nothing is known of how far off it is."""
    clock = SharedClock(Machine(60.0), local=False)
    assert abs(clock.time() - time.time() - 60) < 1
    assert abs(clock.off()) < 1


def test_on_sqlite_the_machines_clock_counts_at_once() -> None:
    """There is one process: what its clock shows now is the time, also in the second in which it was set."""
    machine = Machine()
    clock = SharedClock(machine, local=True)
    read(clock, datetime.now(UTC))
    machine.off = -3600
    assert abs(clock.time() - time.time() + 3600) < 1


def test_answers_that_took_long_do_not_look_like_a_clock_that_was_set(steps: Callable[[float], None]) -> None:
    """An answer that was 5 s under way says little; what is known better stays, and is not off by them."""
    clock, begun = SharedClock(Machine(), local=False), time.monotonic()
    read(clock, START)
    for took in (5.0, 0.5, 5.0, 2.0):
        steps(took)
        shown = START + timedelta(seconds=clock_module.time.monotonic() - begun - took * 0.9)
        clock.read(shown, clock_module.time.monotonic() - took)
        passed = clock_module.time.monotonic() - begun
        assert abs(clock.time() - START.timestamp() - passed) < 0.2
    assert clock.set_back == 0


@pytest.mark.parametrize("by", [60.0, 3600.0, 86_400.0])
def test_a_clock_that_is_set_is_believed_and_steps_back_are_counted(by: float) -> None:
    """Forward it is followed; back it is followed, too, and is known to have been set back, and by how much."""
    clock = SharedClock(Machine(), local=False)
    read(clock, START)
    read(clock, START + timedelta(seconds=by))
    assert abs(clock.time() - START.timestamp() - by) < 1
    assert clock.set_back == 0
    read(clock, START)
    assert abs(clock.time() - START.timestamp()) < 1
    assert abs(clock.set_back - by) < 1


def test_a_test_that_moves_the_clock_moves_it_at_once() -> None:
    """What is shown, and the clock that nobody sets; a clock that is moved back was set back."""
    machine = Machine()
    clock = SharedClock(machine, local=False)
    read(clock, START)
    before = clock.steady()
    machine.moved = 3600.0
    assert abs(clock.now() - START - HOUR) < timedelta(seconds=1)
    assert abs(clock.steady() - before - 3600) < 1
    read(clock, START)
    assert clock.set_back == 0
    machine.moved = -3600.0
    read(clock, START)
    assert abs(clock.set_back - 7200) < 1


def test_now_shows_the_shared_clock_while_a_bot_runs() -> None:
    """What a plugin stores and compares is by one clock, on whichever replica it runs."""
    clock = SharedClock(Machine(86_400.0), local=False)
    read(clock, START)
    with sharing(clock):
        assert abs(now() - START) < timedelta(seconds=1)
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=1)


# --- what recurs

NINE = Trigger("cron", "UTC", fields={"hour": "9", "minute": "0"})


def every(seconds: float) -> list[Recurrence]:
    """Work that runs every so often: a plugin's job, and one of python-telegram-bot's job queue."""
    began = (START - 30 * DAY).isoformat()
    return [Schedule(seconds), Trigger("interval", "UTC", start=began, seconds=seconds)]


@pytest.mark.parametrize("back", [timedelta(minutes=1), HOUR, DAY])
@pytest.mark.parametrize("schedule", every(60.0))
def test_an_interval_never_waits_longer_than_it_is(schedule: Recurrence, back: timedelta) -> None:
    """The clock was set back while it ran, or after that: the next run comes within its interval."""
    soon = START - back + timedelta(seconds=1)
    found = following(schedule, START, soon)
    assert found is not None
    assert soon < found <= soon + timedelta(seconds=60)
    waiting = schedule.after(START)
    assert waiting is not None
    assert schedule.near(waiting, soon) <= soon + timedelta(seconds=60)


def test_what_has_run_today_does_not_run_again_today() -> None:
    """Nine o'clock comes twice where a clock is set back by an hour at half past; the job runs once."""
    nine = START.replace(hour=9)
    assert following(NINE, nine, nine - HOUR + timedelta(minutes=30)) == nine + DAY
    assert following(NINE, nine, nine + timedelta(seconds=1)) == nine + DAY
    assert following(NINE, nine, nine - timedelta(milliseconds=2)) == nine + DAY  # a replica's guess of the clock


def test_a_clock_that_was_wrong_by_a_year_does_not_cost_a_year() -> None:
    """It ran, and was armed, a year ahead: with the clock right again its next run is the next one there is."""
    nine, later = START.replace(hour=9), START.replace(hour=9, year=2027)
    assert following(NINE, later, START) == nine + DAY
    assert NINE.near(later, START) == nine + DAY
    yearly = Trigger("cron", "UTC", fields={"month": "2", "day": "1"})
    assert yearly.near(datetime(2027, 2, 1, tzinfo=UTC), START) == datetime(2027, 2, 1, tzinfo=UTC)


def test_a_first_run_at_a_moment_that_was_named_waits_for_it() -> None:
    """`first=` of run_repeating may be days away."""
    first = START + 3 * DAY
    trigger = Trigger("interval", "UTC", start=first.isoformat(), seconds=60.0)
    assert trigger.near(first, START) == first
    assert trigger.near(first + timedelta(seconds=60), START) == START + timedelta(seconds=60)  # its first run was


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, -60.0, 60.0, -3600.0, 3600.0, -86_400.0, 86_400.0]),
        st.floats(0.0, 400.0),
        st.booleans(),
    ),
    max_size=30,
)


@given(seconds=st.sampled_from([1.0, 20.0, 60.0, 300.0]), moves=STEPS, kind=st.integers(0, 1))
def test_an_interval_keeps_its_pace_whatever_happens_to_the_clock(
    seconds: float, moves: list[tuple[float, float, bool]], kind: int
) -> None:
    """Clocks are set while it waits or runs. No wait is longer than the interval, and no step brings many runs.

    Time that goes by is the monotonic clock's. A row is looked at when the clock was set, as the timer does.
    """
    schedule = every(seconds)[kind]
    off, passed, runs, due_at = timedelta(), 0.0, 0, START

    def shown() -> datetime:
        return START + off + timedelta(seconds=passed)

    for step, lasts, while_it_runs in moves:
        end = passed + lasts
        if not while_it_runs:
            off += timedelta(seconds=step)
            due_at = schedule.near(due_at, shown())
        while (wait := max((due_at - shown()).total_seconds(), 0.0)) <= end - passed:
            passed, runs = passed + wait, runs + 1
            if while_it_runs:
                off, while_it_runs = off + timedelta(seconds=step), False
            found = following(schedule, due_at, shown())
            assert found is not None
            assert shown() < found <= shown() + timedelta(seconds=seconds)
            due_at = found
        passed = end
    assert runs <= passed / seconds + 2 * (len(moves) + 1)  # the one that is late, and one until slots are even again


@given(moves=STEPS)
def test_a_time_of_day_runs_once_a_day_whatever_happens_to_the_clock(moves: list[tuple[float, float, bool]]) -> None:
    """Each run is of a later day than the one before, as long as no step is longer than a day."""
    off, passed, due_at = timedelta(), 0.0, START.replace(hour=9) + DAY
    ran: list[datetime] = []

    def shown() -> datetime:
        return START + off + timedelta(seconds=passed)

    for step, lasts, while_it_runs in moves:
        passed += lasts * 200
        if not while_it_runs:
            off += timedelta(seconds=max(step, -3600.0))
        due_at = NINE.near(due_at, shown())
        if shown() >= due_at:
            ran.append(due_at)
            if while_it_runs:
                off += timedelta(seconds=max(step, -3600.0))
            found = following(NINE, due_at, shown())
            assert found is not None
            assert found > shown()
            due_at = found
    assert len({moment.date() for moment in ran}) == len(ran)
    assert ran == sorted(ran)
