"""Lanes: one queue a chat, in order inside, side by side across. No worker ever waits inside a lane."""

from __future__ import annotations

import asyncio
import bisect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from astral_core.inbox import outbox
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.store import InboxRow, Store

log = logging.getLogger("astral.inbox")
ADOPT_EVERY = 30.0  # seconds
FAILED_DELAY = 1.0  # seconds, after a step that raised
CHUNK = 1_000


@dataclass(slots=True)
class Lane:
    """What is to be done for one chat: first the deliveries, then the rows."""

    id: int
    rows: list[InboxRow] = field(default_factory=list)
    deliveries: deque[Delivery] = field(default_factory=deque)
    busy: bool = False
    begun: bool = False  # the first row is being handled, or its messages are on their way
    failures: int = 0
    left: int = 0  # rows that were left in the database, at least 1 while there may be any

    @property
    def idle(self) -> bool:
        """Whether nothing is left in memory."""
        return not self.rows and not self.deliveries

    def add(self, row: InboxRow) -> None:
        """Put `row` in its place: by seq, but never before a row that was begun."""
        bisect.insort(self.rows, row, lo=1 if self.begun and self.rows else 0, key=lambda item: item.seq)


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
        self._express: dict[int, asyncio.Task[None]] = {}
        self._stopping = False

    def __len__(self) -> int:
        return len(self._lanes)

    def start(self) -> None:
        """Begin to work."""
        self._tasks.add(asyncio.create_task(self._adopt_forever(), name="astral-adopt"))
        for number in range(self._workers):
            self._tasks.add(asyncio.create_task(self._work(), name=f"astral-worker-{number}"))

    async def stop(self, grace: float) -> None:
        """Finish running steps within `grace` seconds, cancel the rest: their rows stay pending."""
        self._stopping = True
        for task in self._tasks:
            if task.get_name() == "astral-adopt":
                task.cancel()
            self._ready.put_nowait(None)  # idle workers wake up and leave
        running = {*self._tasks, *self._express.values()}
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
        if lane.left or len(lane.rows) >= self._max_lane:
            lane.left += 1  # it comes back with `_reload`, after those before it
        else:
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
        self._express[row.seq] = task
        task.add_done_callback(lambda _: self._express.pop(row.seq, None))

    async def _drain(self, lane: Lane) -> None:
        while not lane.idle and not self._stopping:
            delay = await self._attempt(lane)
            await asyncio.sleep(delay)  # the pause that the step asked for, no polling

    async def _work(self) -> None:
        while True:
            lane = await self._ready.get()
            if lane is None or self._stopping:
                return
            delay = await self._attempt(lane)
            while not delay and self._is_last_word(lane):
                delay = await self._attempt(lane)
            self._next(lane, delay)

    def _is_last_word(self, lane: Lane) -> bool:
        """Whether the bot stops while messages of a handler that has just run are still to go out."""
        return self._stopping and bool(lane.deliveries)

    async def _attempt(self, lane: Lane) -> float:
        """Do one step of `lane`; whatever it raises, the worker lives on."""
        delay = 0.0
        try:
            if not lane.idle:
                lane.begun = True
                delay = await self._step(lane)
            if lane.idle and lane.left:
                await self._reload(lane)
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise  # we are meant; else the step awaited something that was cancelled
            log.exception("lane %d: a step failed; it is tried again", lane.id)
            delay = FAILED_DELAY
        lane.begun = bool(lane.deliveries)
        return delay

    def _next(self, lane: Lane, delay: float) -> None:
        if lane.idle and not lane.left:
            del self._lanes[lane.id]
        elif delay > 0:
            asyncio.get_running_loop().call_later(delay, self._ready.put_nowait, lane)
        else:
            self._ready.put_nowait(lane)

    async def _reload(self, lane: Lane) -> None:
        known = lane.left
        lane.begun = False
        rows = await self._store.load(lane.id, 0, self._max_lane)  # all that this lane had in memory has ended
        for row in rows:
            lane.add(row)
        lane.left += bool(rows) - known  # rows that came meanwhile are among them or behind them: look again

    async def adopt(self) -> None:
        """Take what is pending or unsent in the database and held by nobody here.

        Such rows come from a commit whose answer was lost, from an owner before us that ended late, from
        `astral inbox retry`. What is held is looked up between two queries: a row that ended meanwhile is not in
        the second, one that comes now is not in the first.
        """
        pending, unsent = await self._store.pending_keys(), await outbox.unsent_seqs(self._store.database)
        held = {row.seq for lane in self._lanes.values() for row in lane.rows} | self._express.keys()
        sending = {delivery.seq for lane in self._lanes.values() for delivery in lane.deliveries}
        waiting = {number for number, lane in self._lanes.items() if lane.left}
        strays = [seq for seq, lane in pending if seq not in held and lane not in waiting]
        if strays:
            log.info("%d pending rows were held by nobody", len(strays))
            for start in range(0, len(strays), CHUNK):
                self._store.accept(await self._store.load_seqs(strays[start : start + CHUNK]))
        unsent = [seq for seq in unsent if seq not in sending and seq not in held]
        if unsent:
            for delivery in await outbox.load_unsent(self._store.database, unsent[:CHUNK]):
                self.deliver(delivery)

    async def _adopt_forever(self) -> None:
        while not self._stopping:
            await asyncio.sleep(ADOPT_EVERY)
            try:
                await self.adopt()
            except Exception:
                log.exception("could not look for rows that are held by nobody; it is tried again")
