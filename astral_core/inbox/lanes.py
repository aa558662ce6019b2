"""Lanes: one queue a chat, in order inside, side by side across. No worker ever waits inside a lane.

What is in memory is a part of what waits in the database: its beginning. A lane that may have missed something is
`stale` and is read anew before its next step; one with more rows behind those in memory is read when these are done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from astral_core.db.tables import CLAIMED, ORPHANED
from astral_core.inbox.backlog import Backlog
from astral_core.inbox.crowd import Crowd
from astral_core.inbox.failure import is_infrastructure
from astral_core.inbox.journal import Journal
from astral_core.inbox.lane import WAKE, Handler, Lane
from astral_core.inbox.places import Places
from astral_core.inbox.rows import InboxRow, InsertResult, LaneArrival, LaneSnapshot, is_express
from astral_core.observe.logs import LogThrottle
from astral_core.supervisor import Supervisor

log = logging.getLogger("astral.inbox")
FAILED_DELAY = 1.0  # seconds, after a step that raised
READ = 50  # rows that are read of a lane at once
MEMORY = 5_000  # pending rows beyond which a lane keeps one row in memory, the others in the database
IDLE = 5.0  # seconds that an owned lane may be idle before other replicas may have it
GIVE_BACK = 5.0  # seconds that this may take at the end
ADOPT = 200  # lanes that are claimed at once
SHARE = 2_000  # lanes that are claimed between two heartbeats


class Lanes:
    """Gives lanes that have something to do to a fixed number of workers; express lanes have a task of their own.

    What is committed before `open` is not taken: it is read from the database then. `forgotten(lane)` is told of
    lanes that may be another replica's from now on.
    """

    def __init__(
        self, journal: Journal, backlog: Backlog, supervisor: Supervisor, crowd: Crowd, workers: int, max_lane: int,
        *, shared: bool, forgotten: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        self._journal = journal
        self._backlog = backlog
        self._supervisor = supervisor
        self._max_lane = max_lane
        self._forgotten = forgotten
        self._shared = shared
        self._handler: Handler | None = None
        self._lanes: dict[int, Lane] = {}
        self._places = Places(workers, self._turn, self._waits, crowd, supervisor)
        self._express: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._complaints = LogThrottle()

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def active(self) -> int:
        """Lanes with something to do."""
        return sum(lane.busy for lane in self._lanes.values())

    def find(self, number: int) -> Lane | None:
        """The lane of this number, where something is to be done in it or it is this process's."""
        return self._lanes.get(number)

    def open(self, handler: Handler) -> None:
        """Take rows from now on, for `handler` to work on once `start` was called."""
        self._handler = handler

    def start(self) -> None:
        """Begin to work."""
        self._places.start()
        for lane in self._lanes.values():
            if is_express(lane.id) and lane.busy:
                self._run_express(lane)

    async def stop(self, grace: float) -> None:
        """Give away what is not begun, finish running steps within `grace` seconds, cancel the rest."""
        self._stopping = True
        self._places.stop()
        await self._give_back([lane for lane in self._lanes.values() if not lane.begun])
        running = {*self._places.tasks, *self._express}
        if running:
            _, late = await asyncio.wait(running, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._handler is not None:
            for lane in [lane for lane in self._lanes.values() if lane.deliveries]:
                try:
                    await self._handler.keep(lane)
                except Exception as error:  # noqa: BLE001  # then its handler runs again
                    log.warning("lane %d: half-sent messages could not be kept: %s", lane.id, type(error).__name__)
        await self._give_back(list(self._lanes.values()))

    async def _give_back(self, lanes: Sequence[Lane]) -> None:
        """Let other replicas adopt `lanes`; the rows stay pending."""
        held = [LaneSnapshot(lane.id, lane.epoch, lane.arrivals) for lane in lanes]
        for lane in lanes:
            self._lose(lane)
        try:
            async with asyncio.timeout(GIVE_BACK):
                if await self._journal.release(held, idle=False):
                    await self._journal.announce([LaneArrival(0, None, 0, 0, 0, 0)])
        except Exception as error:  # noqa: BLE001  # the others find out by themselves that this process is gone
            log.warning("lanes could not be given back: %s", type(error).__name__)

    # --- rows come

    def dispatch(self, stored: InsertResult) -> None:
        """Take committed rows: of lanes that are ours, and that were not read meanwhile."""
        if self._handler is None:
            return
        if self._shared:
            welcome = {arrival.lane for arrival in stored.arrivals if self._expects(arrival)}
            rows = [row for row in stored.rows if row is not None and row.lane in welcome]
        else:
            rows = [row for row in stored.rows if row is not None]
        for row in rows:
            self._join(row)

    def _expects(self, arrival: LaneArrival) -> bool:
        """Whether the rows of `arrival` follow those that are known here; a gap makes the lane stale."""
        if arrival.owner is None or arrival.owner != self._journal.owner:
            return False
        lane = self._lanes.get(arrival.lane)
        before = arrival.arrivals - arrival.added
        if lane is None or lane.epoch != arrival.epoch:
            stale, died = arrival.state != CLAIMED, arrival.state == ORPHANED
            lane = self._take(arrival.lane, arrival.epoch, before, stale=stale, inherited=died)
        if lane.arrivals == before and not lane.stale:
            lane.arrivals = arrival.arrivals
            return True
        if lane.arrivals < arrival.arrivals:
            lane.invalidate()
            self._wake(lane)
        return False

    def _take(self, number: int, epoch: int, arrivals: int, *, stale: bool, inherited: bool = False) -> Lane:
        """Begin with a lane that was claimed."""
        old = self._lanes.get(number)
        if old is not None:
            self._lose(old)
        lane = self._made(Lane(number, epoch, arrivals, stale=stale, inherited=inherited, backlog=stale))
        self._lanes[number] = lane
        return lane

    def _made(self, lane: Lane) -> Lane:
        if not is_express(lane.id):
            lane.wake = partial(self._places.put, lane)
        return lane

    def _join(self, row: InboxRow) -> None:
        lane = self._lanes.get(row.lane)
        if lane is None:
            lane = self._lanes[row.lane] = self._made(Lane(row.lane))
        full = len(lane.rows) >= self._max_lane or (lane.rows and self._backlog.pending > MEMORY)
        if lane.more or lane.stale or full:
            lane.more = True
            lane.version += 1
        elif all(known.seq != row.seq for known in lane.rows):
            lane.add(row)
        if row.express and self._handler is not None:
            self._handler.watch(row)  # also where it is not in memory: its time has begun
        self._wake(lane)

    def notified(self, lanes: Iterable[int]) -> bool:
        """Other replicas stored rows of these lanes; False where one of them is unknown here."""
        known = True
        for number in lanes:
            lane = self._lanes.get(number)
            if lane is None:
                known = False
            else:
                lane.invalidate()
                self._wake(lane)
        return known

    async def sync(self, *, inherited: bool = False) -> None:
        """Compare memory with the database: rows of a commit whose answer was lost, of `astral inbox retry`.

        `inherited`: what is found was begun by an earlier process.
        """
        for found in await self._journal.waiting():
            lane = self._lanes.get(found.lane)
            if lane is None or lane.epoch != found.epoch:
                lane = self._take(found.lane, found.epoch, found.arrivals, stale=True, inherited=inherited)
            elif found.arrivals == lane.arrivals:
                continue
            lane.inherited = lane.inherited or (inherited and not lane.begun)
            lane.invalidate()
            self._wake(lane)

    async def check_resting(self) -> None:
        """Wake the lanes that rest here and into which another replica stored a row, should its notice be lost."""
        resting = {lane.id: lane.arrivals for lane in self._lanes.values() if not lane.busy and lane.idle}
        if resting:
            fed = await self._journal.fed(resting)
            self.notified(number for number in fed if number in self._lanes)

    async def adopt(self) -> int:
        """Claim lanes that wait and have no owner, a share of them at a time; return how many."""
        total = 0
        while not self._stopping and total < SHARE and (arrivals := await self._journal.adopt(ADOPT)):
            for arrival in arrivals:
                died = arrival.state == ORPHANED
                lane = self._take(arrival.lane, arrival.epoch, arrival.arrivals, stale=True, inherited=died)
                self._wake(lane)
            total += len(arrivals)
        return total

    # --- lanes go

    def forget_all(self) -> None:
        """This replica is not known any more: all its lanes are others'. What runs is fenced at its commit."""
        for lane in list(self._lanes.values()):
            self._lose(lane)

    def _lose(self, lane: Lane) -> None:
        lane.lost = True
        if self._lanes.get(lane.id) is lane:
            del self._lanes[lane.id]
            if self._forgotten:
                self._forgotten(lane.id)

    async def release_idle(self) -> None:
        """Give lanes back that have been idle for a while, so that the next row is its receiver's."""
        before = time.monotonic() - IDLE
        idle = [
            lane for lane in self._lanes.values()
            if not lane.busy and lane.idle and lane.idle_since < before
            and not (self._handler is not None and self._handler.paces(lane.id))
        ]  # fmt: skip
        if not idle:
            return
        held = [LaneSnapshot(lane.id, lane.epoch, lane.arrivals) for lane in idle]
        released = set(await self._journal.release(held, idle=True))
        for lane in idle:
            if lane.id in released:
                self._lose(lane)
            elif not lane.lost:
                lane.invalidate()
                self._wake(lane)

    # --- work

    def _wake(self, lane: Lane) -> None:
        if lane.busy or lane.lost:
            return
        lane.busy = True
        if not is_express(lane.id):
            self._places.put(lane)
        elif self._places.tasks:
            self._run_express(lane)

    def _run_express(self, lane: Lane) -> None:
        task = asyncio.create_task(self._drain(lane), name=f"astral-express-{lane.id}")
        self._express.add(task)
        task.add_done_callback(self._express.discard)
        self._supervisor.watch(task)

    async def _drain(self, lane: Lane) -> None:
        while not lane.idle and not lane.lost and not self._stopping:
            delay = await self._attempt(lane)
            if delay:
                await asyncio.sleep(delay)  # the pause that the step asked for, no polling
        self._rest(lane)

    async def _turn(self, lane: Lane) -> None:
        """What a worker does with a lane before it takes the next one: a row with all of its messages."""
        delay = await self._attempt(lane)
        while not delay and lane.deliveries and not lane.lost:
            delay = await self._attempt(lane)
        if lane.lost or lane.idle:
            self._rest(lane)
        elif delay == WAKE:
            return  # somebody has it, and wakes it
        elif delay > 0:
            asyncio.get_running_loop().call_later(delay, self._places.put, lane)
        else:
            self._places.put(lane)

    def _waits(self, task: asyncio.Task[None], known: bool) -> tuple[str, str] | None:
        return self._handler.waits(task, known=known) if self._handler else None

    def _rest(self, lane: Lane) -> None:
        lane.busy = lane.backlog = False
        lane.idle_since = time.monotonic()
        if not self._shared and lane.idle and self._lanes.get(lane.id) is lane:
            del self._lanes[lane.id]

    async def _attempt(self, lane: Lane) -> float:
        """Do one thing in `lane`; whatever it raises, the worker lives on."""
        delay = 0.0
        try:
            if not lane.deliveries and (lane.stale or (lane.more and not lane.rows)):
                await self._read(lane)
            elif lane.rows or lane.deliveries:
                lane.begun = True
                delay = await self._handler.step(lane) if self._handler else FAILED_DELAY
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise  # we are meant; else the step awaited something that was cancelled
            self._complain(lane, error)
            delay = FAILED_DELAY
        lane.begun = bool(lane.deliveries)
        return delay

    def _complain(self, lane: Lane, error: BaseException) -> None:
        """A bug is a traceback; a database that is away is one line a minute, however many lanes wait for it."""
        if not is_infrastructure(error):
            log.error("lane %d: a step failed; it is tried again", lane.id, exc_info=error)
        elif self._complaints() is not None:
            log.warning("lane %d and perhaps others: %s; they are tried again", lane.id, type(error).__name__)

    async def _read(self, lane: Lane) -> None:
        """Take from the database what waits: all of it that fits, in place of what is in memory."""
        lane.backlog = lane.backlog or (lane.more and not lane.stale)
        version, limit = lane.version, min(READ, self._max_lane)
        found = await self._journal.load(lane.id, lane.epoch, limit)
        if found is None:
            self._lose(lane)
            return
        lane.rows[:] = found.rows
        if is_express(lane.id) and self._handler is not None:
            for row in found.rows:
                self._handler.watch(row)
        lane.deliveries.extend(found.deliveries)
        if found.paced and self._handler is not None:
            self._handler.pace(lane.id, found.paced)
        lane.arrivals = found.arrivals
        lane.stale = lane.stale and lane.version != version
        lane.more = len(found.rows) == limit or lane.version != version
        if lane.inherited and self._handler and not found.deliveries:  # these go first: no row had been begun
            self._handler.inherit(found.rows[:1])
        lane.inherited = False
