"""The places in which lanes are worked on: so many at a time, beside those that wait for something slow.

A handler that waits for the network needs nothing that others want, and so no place: another lane gets it. Lanes
whose next row has just come go before those that hold an old backlog, or the bot's own work; these get their part of
the places nevertheless.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from astral_core.inbox.crowd import Crowd, leave_place
from astral_core.inbox.lane import Lane
from astral_core.supervisor import Supervisor

LOOK = 0.05  # seconds between looks for those who wait
LONG = 0.1  # seconds in a place after which it is asked what somebody waits for
YOUNG = 5.0  # seconds for which a row has just come
OLD_COST = 3.0  # turns of lanes with a young row for one turn of the others
Waits = Callable[["asyncio.Task[None]", bool], tuple[str, str] | None]


@dataclass(slots=True)
class _Turn:
    """What a worker does now: since when, and whose handler waits in it."""

    began: float
    crowd: str | None = None
    seen: bool = False  # waiting; else it was expected to wait


class Places:
    """A queue of lanes, and the workers that take them.

    `waits(worker, known)` tells whose handler waits for something slow there, and where; or looks after one of which
    that is known.

    Turns are given by start-time fair queueing (Goyal, Vin and Cheng, 1996) over two classes of lanes.
    """

    def __init__(
        self, number: int, work: Callable[[Lane], Awaitable[None]], waits: Waits, crowd: Crowd, supervisor: Supervisor
    ) -> None:
        self._number = number
        self._work = work
        self._waits = waits
        self._crowd = crowd
        self._supervisor = supervisor
        self._queue: asyncio.PriorityQueue[tuple[float, int, Lane | None]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._now = 0.0  # virtual time: the tag of the turn that was given last
        self._last = [0.0, 0.0]  # the tags of the last young and the last old lane
        self._turns: dict[asyncio.Task[None], _Turn] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._names = itertools.count()
        self._look: asyncio.Task[None] | None = None
        self._stopping = False
        self._context = contextvars.Context()  # that of the start

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The workers that live."""
        return set(self._tasks)

    def empty(self) -> bool:
        """Whether no lane waits for its turn."""
        return self._queue.empty()

    def start(self) -> None:
        """Begin to work."""
        self._context = contextvars.copy_context()
        for _ in range(self._number):
            self._hire()
        self._look = asyncio.create_task(self._look_around(), name="astral-places")
        self._supervisor.watch(self._look)

    def stop(self) -> None:
        """Let each worker leave when it has ended what it does."""
        self._stopping = True
        if self._look is not None:
            self._look.cancel()
        for _ in self._tasks:
            self._queue.put_nowait((-1.0, next(self._order), None))

    def put(self, lane: Lane) -> None:
        """Give `lane` a turn when it is due."""
        old = lane.backlog or not _is_young(lane)
        tag = max(self._now, self._last[old]) + (OLD_COST if old else 1.0)
        self._last[old] = tag
        self._queue.put_nowait((tag, next(self._order), lane))

    def _hire(self) -> None:
        # Not in the context of who asks: a handler that leaves its place lends its variables to nobody.
        name = f"astral-worker-{next(self._names)}"
        task = asyncio.create_task(self._serve(), name=name, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._supervisor.watch(task)

    async def _serve(self) -> None:
        me = asyncio.current_task()
        if me is None:
            raise RuntimeError("a worker is a task")
        while True:
            self._now, _, lane = await self._queue.get()
            if lane is None or self._stopping:
                return
            turn = self._turns[me] = _Turn(time.monotonic())
            leave_place.set(partial(self._relieve, turn))
            try:
                await self._work(lane)
            finally:
                del self._turns[me]
                if turn.crowd is not None:
                    self._crowd.end(turn.crowd, seen=turn.seen)
            if turn.crowd is not None:
                return  # somebody else has this one's place

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self._crowd.wake()
            before = time.monotonic() - LONG
            for task, turn in list(self._turns.items()):
                if turn.began > before:
                    continue
                found = self._waits(task, turn.crowd is not None)
                if found is not None:
                    self._relieve(turn, *found, seen=True)

    def _relieve(self, turn: _Turn, plugin: str, where: str, *, seen: bool = False) -> None:
        """Give the place of a worker to another one, once."""
        if turn.crowd is None:
            turn.crowd, turn.seen = plugin, seen
            self._crowd.begin(plugin, where, seen=seen)
            self._hire()  # also while it stops: the one that leaves its place takes no sentinel


def _is_young(lane: Lane) -> bool:
    """Whether the next thing of a lane answers somebody who has just written."""
    if lane.deliveries or not lane.rows:
        return True
    row = lane.rows[0]
    return not row.internal and time.monotonic() - row.seen < YOUNG
