"""Lanes under every interleaving: nothing lost, nothing twice, in order; stopping, failing and forgetting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_core.inbox import lanes as lanes_module
from astral_core.inbox.lanes import Lane, Lanes
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.store import InboxRow


@pytest.fixture(autouse=True, scope="module")
def _no_pause():
    """A failed step is repeated at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes_module, "FAILED_DELAY", 0.0)
        yield


def row(seq: int, lane: int = 1, *, express: bool = False) -> InboxRow:
    """A row."""
    return InboxRow(seq, "tg:1", str(seq), lane, "message", express, "{}", datetime.now(UTC))


@dataclass
class FakeStore:
    """The database: what is pending, and what of it is not handed out yet. Every query takes some turns."""

    turns: int = 1
    broken: int = 0
    pending: dict[int, InboxRow] = field(default_factory=dict)
    handing: set[int] = field(default_factory=set)

    async def load(self, lane: int | None, after: int, limit: int) -> list[InboxRow]:
        """Pending rows of a lane, as the real store gives them; the first `broken` times it fails."""
        if self.broken:
            self.broken -= 1
            raise ConnectionError("away")
        seen = [found for seq, found in sorted(self.pending.items()) if seq > after and found.lane == lane]
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return [found for found in seen if found.seq not in self.handing][:limit]


@dataclass
class Scene:
    """Lanes over a fake store; `plan` gives each step its turns, its delay and whether it fails first."""

    store: FakeStore
    plan: Sequence[tuple[int, float, bool]] = ((0, 0.0, False),)
    workers: int = 2
    max_lane: int = 3
    done: list[InboxRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lanes = Lanes(self.store, self.step, self.workers, self.max_lane)  # type: ignore[arg-type]
        self._plan = cycle(self.plan)
        self._active: set[int] = set()

    async def step(self, lane: Lane) -> float:
        """Handle the first row, alone in its lane."""
        assert lane.id not in self._active or lane.rows[0].express
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
            del self.store.pending[first.seq]
            self.done.append(first)
            return delay
        finally:
            self._active.discard(lane.id)

    def commit(self, rows: Sequence[InboxRow]) -> None:
        """Rows appear in the database."""
        self.store.pending.update({found.seq: found for found in rows})
        self.store.handing.update(found.seq for found in rows)

    def accept(self, rows: Sequence[InboxRow]) -> None:
        """Rows are handed out."""
        self.store.handing.difference_update(found.seq for found in rows)
        self.lanes.dispatch(rows)

    async def settle(self) -> None:
        """Until everything is done."""
        while len(self.lanes) or self.lanes._express:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0)


steps = st.tuples(
    st.integers(0, 3), st.sampled_from([0.0, 0.0, 0.0005]), st.sampled_from([False, False, False, True])
)
feeds = st.lists(st.tuples(st.lists(st.integers(1, 3), max_size=8), st.integers(0, 4), st.integers(0, 6)), max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    feeds=feeds, plan=st.lists(steps, min_size=1, max_size=7).filter(lambda plan: not all(step[2] for step in plan)),
    workers=st.integers(1, 3), max_lane=st.integers(1, 4), turns=st.integers(0, 5), broken=st.integers(0, 3),
)  # fmt: skip
def test_nothing_is_lost_or_doubled_and_lanes_keep_their_order(
    feeds: list[tuple[list[int], int, int]], plan: list[tuple[int, float, bool]], workers: int, max_lane: int,
    turns: int, broken: int,
) -> None:  # fmt: skip
    """Slow, pausing and failing steps, rows beyond the bound, slow and failing reloads, rows handed out late."""

    async def scene() -> None:
        made = Scene(FakeStore(turns, broken), plan, workers, max_lane)
        made.lanes.start()
        seq = 0
        for numbers, pause, late in feeds:
            rows = [row(seq + n, lane) for n, lane in enumerate(numbers, start=1)]
            seq += len(rows)
            made.commit(rows)
            for _ in range(late):
                await asyncio.sleep(0)
                assert all(len(lane.rows) <= max_lane for lane in made.lanes._lanes.values())
            made.accept(rows)
            for _ in range(pause):
                await asyncio.sleep(0)
        await made.settle()
        assert sorted(found.seq for found in made.done) == list(range(1, seq + 1))
        for number in (1, 2, 3):
            mine = [found.seq for found in made.done if found.lane == number]
            assert mine == sorted(mine)
        assert made.lanes._lanes == {}
        await made.lanes.stop(0)

    asyncio.run(scene())


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(range(1, 9)), max_lane=st.integers(1, 8), turns=st.integers(0, 3), gap=st.integers(0, 3))
def test_rows_that_come_out_of_order_are_neither_lost_nor_doubled(
    order: list[int], max_lane: int, turns: int, gap: int
) -> None:
    """Transactions may commit in another order than their numbers: also through a full lane each runs once."""

    async def scene() -> None:
        made = Scene(FakeStore(turns), [(1, 0.0, False)], 1, max_lane)
        made.lanes.start()
        for seq in order:
            made.commit([row(seq)])
            made.accept([row(seq)])
            for _ in range(gap):
                await asyncio.sleep(0)
        await made.settle()
        assert sorted(found.seq for found in made.done) == list(range(1, 9))
        await made.lanes.stop(0)

    asyncio.run(scene())


async def test_rows_that_have_not_begun_take_their_place_by_number() -> None:
    """A smaller number goes before those that wait, but never before the row that is being handled."""
    made = Scene(FakeStore(), [(5, 0.0, False)], 1, 100)
    rows = {seq: row(seq) for seq in (3, 5, 4, 1)}
    made.commit(list(rows.values()))
    for seq in (3, 5, 4):
        made.accept([rows[seq]])
    made.lanes.start()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    made.accept([rows[1]])
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

    lanes = Lanes(FakeStore(), step, 2, 10)  # type: ignore[arg-type]
    lanes.deliver(Delivery(1, 7, {}, recorded=True))
    lanes.dispatch([row(2, 7)])
    lanes.deliver(Delivery(1, 7, {}, recorded=True))
    lanes.start()
    while len(lanes):  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    assert order == ["delivery 1", "delivery 1", "row 2"]
    await lanes.stop(0)


async def test_rows_for_a_pausing_lane_wait_for_its_pause() -> None:
    """A wake-up that is pending is not doubled by new rows, and none is lost."""
    made = Scene(FakeStore(), [(0, 0.02, False)], 2, 10)
    made.lanes.start()
    for seq in (1, 2, 3):
        made.commit([row(seq)])
        made.accept([row(seq)])
        await asyncio.sleep(0.005)
    await made.settle()
    assert [found.seq for found in made.done] == [1, 2, 3]
    assert made.lanes._ready.empty()
    await made.lanes.stop(0)


async def test_express_rows_run_at_once_beside_a_busy_lane_and_busy_workers() -> None:
    """No worker is needed for them and no order kept."""
    made = Scene(FakeStore(), [(200, 0.0, False)], 1, 10)
    made.lanes.start()
    made.commit([row(1), row(2)])
    made.accept([row(1), row(2)])
    await asyncio.sleep(0)
    made._plan = cycle([(0, 0.0, False)])
    made.commit([row(3, express=True)])
    made.accept([row(3, express=True)])
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

    lanes = Lanes(FakeStore(), step, 1, 10)  # type: ignore[arg-type]
    lanes.start()
    lanes.dispatch([row(1)])
    while len(lanes):  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    assert len(tries) == 2
    assert "tried again" in caplog.text
    await lanes.stop(0)


async def test_stop_waits_for_running_steps_and_begins_no_new_ones() -> None:
    """What runs may finish; what waits stays in the database."""
    made = Scene(FakeStore(), [(3, 0.0, False)], 1, 10)
    made.lanes.start()
    rows = [row(seq) for seq in range(1, 5)]
    made.commit(rows)
    made.accept(rows)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await made.lanes.stop(5)
    assert [found.seq for found in made.done] == [1]
    assert sorted(made.store.pending) == [2, 3, 4]
    assert all(task.done() for task in made.lanes._tasks)


async def test_stop_cancels_what_does_not_end_in_time() -> None:
    """After the grace running steps and express rows are cancelled; no task is left."""
    cancelled: list[int] = []

    async def step(lane: Lane) -> float:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(lane.rows[0].seq)
            raise
        return 0

    lanes = Lanes(FakeStore(), step, 2, 10)  # type: ignore[arg-type]
    lanes.start()
    lanes.dispatch([row(1), row(2, 2, express=True)])
    await asyncio.sleep(0.01)
    await lanes.stop(0.01)
    await asyncio.sleep(0)
    assert sorted(cancelled) == [1, 2]
    assert lanes._express == {}


async def test_one_long_lane_does_not_starve_the_others() -> None:
    """Lanes take turns row by row, also with one worker."""
    made = Scene(FakeStore(), [(0, 0.0, False)], 1, 100)
    long, short = [row(seq, 1) for seq in range(1, 51)], [row(seq, 2) for seq in range(51, 54)]
    made.commit(long + short)
    made.accept(long + short)
    made.lanes.start()
    await made.settle()
    assert max(made.done.index(found) for found in short) <= 6
    await made.lanes.stop(0)
