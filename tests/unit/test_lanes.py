"""Lanes under every interleaving: nothing lost, nothing twice, in order; stopping, failing and forgetting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_core.db.tables import ADOPTED, CLAIMED
from astral_core.inbox import lanes as lanes_module
from astral_core.inbox.backlog import Backlog
from astral_core.inbox.crowd import Crowd
from astral_core.inbox.lane import Lane
from astral_core.inbox.lanes import Lanes
from astral_core.inbox.outbox import Delivery, LaneContents
from astral_core.inbox.rows import InboxRow, InsertResult, LaneArrival, LaneSnapshot, express_lane
from astral_core.supervisor import Supervisor

ME, OTHER = 1, 2


@pytest.fixture(autouse=True, scope="module")
def _no_pause():
    """A failed step is repeated at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes_module, "FAILED_DELAY", 0.0)
        yield


def row(seq: int, lane: int = 1, *, express: bool = False) -> InboxRow:
    """A row."""
    kind = "inline_query" if express else "message"
    number = express_lane(kind, lane) if express else lane
    return InboxRow(seq, "tg:1", str(seq), number, kind, express, "{}", datetime.now(UTC))


@dataclass
class FakeJournal:
    """The database: what is pending, how many rows came to each lane. A look into it takes some turns."""

    shared: bool = False
    turns: int = 1
    broken: int = 0
    owner: int | None = ME
    pending: dict[int, InboxRow] = field(default_factory=dict)
    handing: set[int] = field(default_factory=set)
    arrivals: dict[int, int] = field(default_factory=dict)
    deliveries: dict[int, list[Delivery]] = field(default_factory=dict)

    async def load(self, lane: int, epoch: int, limit: int) -> LaneContents:
        """Pending rows of a lane, as the real journals give them; the first `broken` times it fails."""
        if self.broken:
            self.broken -= 1
            raise ConnectionError("away")
        seen = [found for seq, found in sorted(self.pending.items()) if found.lane == lane]
        if not self.shared:
            seen = [found for found in seen if found.seq not in self.handing]
        arrivals = self.arrivals.get(lane, 0)
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return LaneContents(arrivals, seen[:limit], self.deliveries.pop(lane, []))

    async def waiting(self) -> list[LaneSnapshot]:
        """Lanes in which something may wait."""
        if self.shared:
            return [LaneSnapshot(lane, 1, arrivals) for lane, arrivals in self.arrivals.items()]
        lanes = {found.lane for found in self.pending.values()} | self.deliveries.keys()
        return [LaneSnapshot(lane, 0, -1) for lane in lanes]

    async def release(self, lanes: Sequence[LaneSnapshot], *, idle: bool) -> list[int]:
        """Everything can be given back."""
        return [lane.lane for lane in lanes]

    async def announce(self, arrivals: Sequence[LaneArrival]) -> None:
        """Nobody listens."""

    def commit(self, rows: Sequence[InboxRow]) -> InsertResult:
        """Rows appear in the database; what is returned is to be handed out."""
        arrivals = []
        self.pending.update({found.seq: found for found in rows})
        self.handing.update(found.seq for found in rows)
        for lane in sorted({found.lane for found in rows}):
            added = sum(found.lane == lane for found in rows)
            before = self.arrivals.get(lane, 0)
            self.arrivals[lane] = before + added
            state = ADOPTED if before else CLAIMED
            arrivals.append(LaneArrival(lane, ME, 1, before + added, added, state))
        return InsertResult(list(rows), arrivals if self.shared else [])


@dataclass
class Steps:
    """A handler that is one function."""

    step: Callable[[Lane], Awaitable[float]]
    watched: list[int]

    def waits(self, task: asyncio.Task[None], *, known: bool) -> tuple[str, str] | None:
        """Nobody waits for something slow."""
        return None

    async def keep(self, lane: Lane) -> None:
        """Nothing is half-sent."""

    def inherit(self, rows: Sequence[InboxRow]) -> None:
        """Nobody died."""

    def watch(self, row: InboxRow) -> None:
        """Take note of an express row."""
        self.watched.append(row.seq)

    def pace(self, lane: int, keys: Sequence[Any]) -> None:
        """Nothing is paced."""

    def paces(self, lane: int) -> bool:
        """Nothing is paced."""
        return False


def open_lanes(
    step: Callable[[Lane], Awaitable[float]], workers: int, max_lane: int = 10, journal: FakeJournal | None = None,
    watched: list[int] | None = None,
) -> Lanes:  # fmt: skip
    """Lanes that take rows, over a fake database."""
    database: Any = journal or FakeJournal()
    lanes = Lanes(database, Backlog(100, 100), Supervisor(), Crowd(64), workers, max_lane, shared=database.shared)
    handler: Any = Steps(step, [] if watched is None else watched)
    lanes.open(handler)
    return lanes


@dataclass
class Scene:
    """Lanes over a fake database; `plan` gives each step its turns, its delay and whether it fails first."""

    journal: FakeJournal = field(default_factory=FakeJournal)
    plan: Sequence[tuple[int, float, bool]] = ((0, 0.0, False),)
    workers: int = 2
    max_lane: int = 3
    done: list[InboxRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lanes = open_lanes(self.step, self.workers, self.max_lane, self.journal)
        self._plan = cycle(self.plan)
        self._active: set[int] = set()

    async def step(self, lane: Lane) -> float:
        """Handle the first row, alone in its lane."""
        assert lane.id not in self._active
        self._active.add(lane.id)
        try:
            first = lane.rows[0]
            turns, delay, fails = next(self._plan)
            for _ in range(turns):
                await asyncio.sleep(0)
            if fails:
                raise ValueError("a step failed")
            assert lane.rows[0] is first
            lane.rows.pop(0)
            del self.journal.pending[first.seq]
            self.done.append(first)
            return delay
        finally:
            self._active.discard(lane.id)

    def give(self, rows: Sequence[InboxRow]) -> None:
        """Rows are committed and handed out."""
        self.accept(self.journal.commit(rows))

    def accept(self, stored: InsertResult) -> None:
        """Rows are handed out."""
        self.journal.handing.difference_update(found.seq for found in stored.rows if found)
        self.lanes.dispatch(stored)

    async def settle(self) -> None:
        """Until everything is done."""
        while self.lanes.active:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0)


steps = st.tuples(
    st.integers(0, 3), st.sampled_from([0.0, 0.0, 0.0005]), st.sampled_from([False, False, False, True])
)
feeds = st.lists(st.tuples(st.lists(st.integers(1, 3), max_size=8), st.integers(0, 4), st.integers(0, 6)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(
    feeds=feeds, plan=st.lists(steps, min_size=1, max_size=7).filter(lambda plan: not all(step[2] for step in plan)),
    workers=st.integers(1, 3), max_lane=st.integers(1, 4), turns=st.integers(0, 5), broken=st.integers(0, 3),
    shared=st.booleans(),
)  # fmt: skip
def test_nothing_is_lost_or_doubled_and_lanes_keep_their_order(
    feeds: list[tuple[list[int], int, int]], plan: list[tuple[int, float, bool]], workers: int, max_lane: int,
    turns: int, broken: int, shared: bool,
) -> None:  # fmt: skip
    """Slow, pausing and failing steps, rows beyond the bound, slow and failing reads, rows handed out late."""

    async def scene() -> None:
        made = Scene(FakeJournal(shared, turns, broken), plan, workers, max_lane)
        made.lanes.start()
        seq = 0
        for numbers, pause, late in feeds:
            rows = [row(seq + n, lane) for n, lane in enumerate(numbers, start=1)]
            seq += len(rows)
            stored = made.journal.commit(rows)
            for _ in range(late):
                await asyncio.sleep(0)
                assert all(len(lane.rows) <= max_lane for lane in made.lanes._lanes.values())
            made.accept(stored)
            for _ in range(pause):
                await asyncio.sleep(0)
        await made.settle()
        assert sorted(found.seq for found in made.done) == list(range(1, seq + 1))
        for number in (1, 2, 3):
            mine = [found.seq for found in made.done if found.lane == number]
            assert mine == sorted(mine)
        assert shared or made.lanes._lanes == {}
        await made.lanes.stop(0)

    asyncio.run(scene())


told = st.sampled_from(["mine", "told", "told late", "never told"])
shares = st.lists(st.tuples(st.integers(1, 2), told, st.integers(0, 4)), max_size=16)


@settings(max_examples=200, deadline=None)
@given(feeds=shares, turns=st.integers(0, 4), max_lane=st.integers(1, 4), workers=st.integers(1, 2))
def test_rows_that_other_replicas_store_are_found_in_order(
    feeds: list[tuple[int, str, int]], turns: int, max_lane: int, workers: int
) -> None:
    """Told in time, late or never: a gap in the count of arrivals holds the lane until the missing row is read."""

    async def scene() -> None:
        made = Scene(FakeJournal(True, turns), [(1, 0.0, False)], workers, max_lane)
        made.lanes.start()
        late: list[int] = []
        for seq, (lane, how, pause) in enumerate(feeds, start=1):
            stored = made.journal.commit([row(seq, lane)])
            if how == "mine":
                made.accept(stored)
            elif how == "told" and not made.lanes.notified([lane]):
                await made.lanes.sync()
            elif how == "told late":
                late.append(lane)
            for _ in range(pause):
                await asyncio.sleep(0)
        made.lanes.notified(late)
        await made.lanes.sync()
        await made.settle()
        assert sorted(found.seq for found in made.done) == list(range(1, len(feeds) + 1))
        for number in (1, 2):
            mine = [found.seq for found in made.done if found.lane == number]
            assert mine == sorted(mine)
        await made.lanes.stop(0)

    asyncio.run(scene())


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(range(1, 9)), max_lane=st.integers(1, 8), turns=st.integers(0, 3), gap=st.integers(0, 3))
def test_rows_that_come_out_of_order_are_neither_lost_nor_doubled(
    order: list[int], max_lane: int, turns: int, gap: int
) -> None:
    """Transactions may commit in another order than their numbers: also through a full lane each runs once."""

    async def scene() -> None:
        made = Scene(FakeJournal(turns=turns), [(1, 0.0, False)], 1, max_lane)
        made.lanes.start()
        for seq in order:
            made.give([row(seq)])
            for _ in range(gap):
                await asyncio.sleep(0)
        await made.settle()
        assert sorted(found.seq for found in made.done) == list(range(1, 9))
        await made.lanes.stop(0)

    asyncio.run(scene())


async def test_a_lane_that_another_replica_took_over_begins_anew() -> None:
    """A row that comes under a newer claim of ours throws away what the older one had in memory."""
    made = Scene(FakeJournal(True), [(0, 0.0, False)], 1, 100)
    made.give([row(1)])
    old = made.lanes._lanes[1]
    made.lanes.dispatch(InsertResult([row(2)], [LaneArrival(1, ME, 3, 5, 1, ADOPTED)]))
    assert old.lost
    assert made.lanes._lanes[1].epoch == 3
    assert made.lanes._lanes[1].stale
    made.lanes.dispatch(InsertResult([row(3)], [LaneArrival(1, OTHER, 4, 6, 1, ADOPTED)]))
    assert made.lanes._lanes[1].rows == []
    made.lanes.forget_all()
    assert len(made.lanes) == 0


async def test_rows_that_have_not_begun_take_their_place_by_number() -> None:
    """A smaller number goes before those that wait, but never before the row that is being handled."""
    made = Scene(FakeJournal(), [(5, 0.0, False)], 1, 100)
    for seq in (3, 5, 4):
        made.give([row(seq)])
    made.lanes.start()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    made.give([row(1)])
    await made.settle()
    assert [found.seq for found in made.done] == [3, 1, 4, 5]
    await made.lanes.stop(0)


async def test_deliveries_of_an_earlier_process_go_first() -> None:
    """What was said before the restart comes before what is handled after it."""
    order: list[str] = []

    async def step(lane: Lane) -> float:
        if lane.deliveries:
            order.append(f"delivery {lane.deliveries.popleft().seq}")
        else:
            order.append(f"row {lane.rows.pop(0).seq}")
        return 0

    journal = FakeJournal(deliveries={7: [Delivery(1, 7, {}, recorded=True), Delivery(2, 7, {}, recorded=True)]})
    journal.commit([row(3, 7)])
    journal.handing.clear()
    lanes = open_lanes(step, 2, journal=journal)
    await lanes.sync(inherited=True)
    lanes.start()
    while lanes.active:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    assert order == ["delivery 1", "delivery 2", "row 3"]
    await lanes.stop(0)


async def test_rows_for_a_pausing_lane_wait_for_its_pause() -> None:
    """A wake-up that is pending is not doubled by new rows, and none is lost."""
    made = Scene(FakeJournal(), [(0, 0.02, False)], 2, 10)
    made.lanes.start()
    for seq in (1, 2, 3):
        made.give([row(seq)])
        await asyncio.sleep(0.005)
    await made.settle()
    assert [found.seq for found in made.done] == [1, 2, 3]
    assert made.lanes._places.empty()
    await made.lanes.stop(0)


async def test_express_rows_run_at_once_beside_a_busy_lane_and_busy_workers() -> None:
    """No worker is needed for them and no order kept."""
    made = Scene(FakeJournal(), [(200, 0.0, False)], 1, 10)
    made.lanes.start()
    made.give([row(1), row(2)])
    await asyncio.sleep(0)
    made._plan = cycle([(0, 0.0, False)])
    made.give([row(3, express=True)])
    await made.settle()
    assert [found.seq for found in made.done] == [3, 1, 2]
    await made.lanes.stop(0)


async def test_a_step_that_awaits_something_cancelled_does_not_end_its_worker(caplog) -> None:
    """The only worker survives a stray CancelledError and does the row again."""
    tries: list[int] = []

    async def step(lane: Lane) -> float:
        tries.append(1)
        if len(tries) == 1:
            raise asyncio.CancelledError
        lane.rows.clear()
        return 0

    lanes = open_lanes(step, 1)
    lanes.start()
    lanes.dispatch(InsertResult([row(1)]))
    while len(lanes):  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    assert len(tries) == 2
    assert "tried again" in caplog.text
    await lanes.stop(0)


async def test_stop_waits_for_running_steps_and_begins_no_new_ones() -> None:
    """What runs may finish; what waits stays in the database."""
    made = Scene(FakeJournal(), [(3, 0.0, False)], 1, 10)
    made.lanes.start()
    made.give([row(seq) for seq in range(1, 5)])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await made.lanes.stop(5)
    assert [found.seq for found in made.done] == [1]
    assert sorted(made.journal.pending) == [2, 3, 4]
    assert all(task.done() for task in made.lanes._places.tasks)


async def test_stop_cancels_what_does_not_end_in_time() -> None:
    """After the grace running steps and express rows are cancelled; no task is left."""
    begun: list[int] = []
    cancelled: list[int] = []

    async def step(lane: Lane) -> float:
        begun.append(lane.rows[0].seq)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(lane.rows[0].seq)
            raise
        return 0

    lanes = open_lanes(step, 2)
    lanes.start()
    lanes.dispatch(InsertResult([row(1), row(2, 2, express=True)]))
    while len(begun) < 2:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    await lanes.stop(0.01)
    await asyncio.sleep(0)
    assert sorted(cancelled) == [1, 2]
    assert lanes._express == set()


async def test_one_long_lane_does_not_starve_the_others() -> None:
    """Lanes take turns row by row, also with one worker."""
    made = Scene(FakeJournal(), [(0, 0.0, False)], 1, 100)
    long, short = [row(seq, 1) for seq in range(1, 51)], [row(seq, 2) for seq in range(51, 54)]
    made.give(long + short)
    made.lanes.start()
    await made.settle()
    assert max(made.done.index(found) for found in short) <= 6
    await made.lanes.stop(0)


async def test_the_time_of_an_express_row_begins_when_it_comes() -> None:
    """Also while its lane is busy with another one and has to be read from the database anew."""
    journal, begun, go, watched = FakeJournal(), asyncio.Event(), asyncio.Event(), []

    async def step(lane: Lane) -> float:
        begun.set()
        await go.wait()
        del journal.pending[lane.rows.pop(0).seq]
        return 0

    lanes = open_lanes(step, 1, journal=journal, watched=watched)
    lanes.start()
    first, second = row(1, express=True), row(2, express=True)
    lanes.dispatch(journal.commit([first]))
    await begun.wait()
    lanes._lanes[first.lane].invalidate()
    lanes.dispatch(journal.commit([second]))
    assert watched == [1, 2]
    go.set()
    while lanes.active:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    await lanes.stop(0)
