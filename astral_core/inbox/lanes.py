"""Lanes: one queue a chat, in order inside, side by side across. No worker ever waits inside a lane."""

from __future__ import annotations

import asyncio
import bisect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from astral_core.inbox.store import InboxRow, Store

if TYPE_CHECKING:
    from astral_core.inbox.outbox import Delivery

log = logging.getLogger("astral.inbox")


@dataclass(slots=True)
class Lane:
    """What is to be done for one chat: first the deliveries, then the rows."""

    id: int
    rows: list[InboxRow] = field(default_factory=list)
    deliveries: deque[Delivery] = field(default_factory=deque)
    busy: bool = False
    failures: int = 0
    last_seq: int = 0  # the newest row that was taken into memory
    unloaded: int = 0  # the newest row that was left in the database

    @property
    def idle(self) -> bool:
        """Whether nothing is left in memory."""
        return not self.rows and not self.deliveries

    @property
    def more(self) -> bool:
        """Whether rows of this lane wait in the database."""
        return self.unloaded > self.last_seq

    def add(self, row: InboxRow) -> None:
        """Put `row` in its place: by seq, but never before a row that is being handled."""
        bisect.insort(self.rows, row, lo=1 if self.busy and self.rows else 0, key=lambda item: item.seq)
        self.last_seq = max(self.last_seq, row.seq)


Step = Callable[[Lane], Awaitable[float]]


class Lanes:
    """Gives lanes that have something to do to a fixed number of workers.

    `step(lane)` does the next thing of a lane and returns the seconds to wait before the one after it.
    """

    def __init__(self, store: Store, step: Step, workers: int, max_lane: int) -> None:
        self._store = store
        self._step = step
        self._workers = workers
        self._max_lane = max_lane
        self._lanes: dict[int, Lane] = {}
        self._ready: asyncio.Queue[Lane | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._express: set[asyncio.Task[None]] = set()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._lanes)

    def start(self) -> None:
        """Begin to work."""
        for number in range(self._workers):
            self._tasks.add(asyncio.create_task(self._work(), name=f"astral-worker-{number}"))

    async def stop(self, grace: float) -> None:
        """Finish running steps within `grace` seconds, cancel the rest: their rows stay pending."""
        self._stopping = True
        for _ in self._tasks:
            self._ready.put_nowait(None)  # idle workers wake up and leave
        running = {*self._tasks, *self._express}
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def dispatch(self, rows: Sequence[InboxRow]) -> None:
        """Take committed rows: express ones run at once, the others join their lanes."""
        for row in rows:
            if row.express:
                self._run_express(row)
            else:
                self._join(row)

    def deliver(self, delivery: Delivery) -> None:
        """Take unsent messages of an earlier process; they go before the lane's rows."""
        lane = self._lane(delivery.lane)
        lane.deliveries.append(delivery)
        self._wake(lane)

    def _join(self, row: InboxRow) -> None:
        lane = self._lane(row.lane)
        if lane.more or len(lane.rows) >= self._max_lane:
            lane.unloaded = max(lane.unloaded, row.seq)
            return
        lane.add(row)
        self._wake(lane)

    def _lane(self, number: int) -> Lane:
        return self._lanes.setdefault(number, Lane(number))

    def _wake(self, lane: Lane) -> None:
        if not lane.busy:
            lane.busy = True
            self._ready.put_nowait(lane)

    def _run_express(self, row: InboxRow) -> None:
        task = asyncio.create_task(self._drain(Lane(row.lane, [row], busy=True)), name=f"astral-express-{row.seq}")
        self._express.add(task)
        task.add_done_callback(self._express.discard)

    async def _drain(self, lane: Lane) -> None:
        while not lane.idle and not self._stopping:
            try:
                delay = await self._step(lane)
            except Exception:
                log.exception("express row of %d: a step failed; it is tried again", lane.id)
                delay = 1.0
            await asyncio.sleep(delay)  # the pause that the step asked for, no polling

    async def _work(self) -> None:
        while True:
            lane = await self._ready.get()
            if lane is None or self._stopping:
                return
            try:
                delay = await self._step(lane)
                if lane.idle and lane.more:
                    await self._reload(lane)
            except Exception:
                log.exception("lane %d: a step failed; it is tried again", lane.id)
                delay = 1.0
            self._next(lane, delay)

    def _next(self, lane: Lane, delay: float) -> None:
        if lane.idle and not lane.more:
            del self._lanes[lane.id]
        elif delay > 0:
            asyncio.get_running_loop().call_later(delay, self._ready.put_nowait, lane)
        else:
            self._ready.put_nowait(lane)

    async def _reload(self, lane: Lane) -> None:
        rows = await self._store.load(lane.id, lane.last_seq, self._max_lane)
        for row in rows:
            lane.add(row)
        if not rows:
            lane.unloaded = lane.last_seq  # ended by somebody else, such as `astral inbox drop`
