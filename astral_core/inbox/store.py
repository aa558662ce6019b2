"""The group commit: whatever has gathered while one commit was under way goes with the next one.

No timer is involved: under load batches grow by themselves, without load an update is committed at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.clock import Clock, SharedClock, SystemClock
from astral_core.db.engine import URGENT, Database, brief, is_transient
from astral_core.db.tables import PENDING
from astral_core.errors import DatabaseError, IngestRefused
from astral_core.inbox.backlog import Backlog
from astral_core.inbox.journal import Journal
from astral_core.inbox.observer import Observer
from astral_core.inbox.resync import Resync
from astral_core.inbox.rows import CommitResult, InboxRow, InsertResult, LaneArrival, NewRow, Progress
from astral_core.inbox.wakeup import Wakeup
from astral_core.observe.logs import LogThrottle

log = logging.getLogger("astral.inbox")
BATCH = 500
Write = Callable[[AsyncConnection], Awaitable[Any]]


class Dispatcher(Protocol):
    """Takes rows that were committed: the lanes."""

    def dispatch(self, stored: InsertResult) -> None:
        """Take committed rows."""


@dataclass(slots=True, eq=False)
class _Ticket:
    """An operation on its way to the next commit. A row's result is an InboxRow or None, a mark's whether it held."""

    work: NewRow | Progress
    result: asyncio.Future[Any]


@dataclass(repr=False)
class Store:
    """The flusher and its queue. `start` it in the running loop, `stop` it when nothing will be submitted.

    If a commit may have happened although it failed, a `resync` is requested: its rows are then in the database and
    nowhere else. `clock` is the bot's own, which a test may move; `shared` says when something is due.
    """

    database: Database
    journal: Journal
    backlog: Backlog
    dispatcher: Dispatcher
    resync: Resync
    wakeup: Wakeup = field(default_factory=Wakeup)
    clock: Clock = field(default_factory=SystemClock)
    shared: SharedClock = field(init=False)
    observer: Observer = field(default_factory=Observer)
    _complain: LogThrottle = field(default_factory=LogThrottle)
    _failing: bool = False
    _queue: list[_Ticket] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None
    _stopped: bool = False
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.shared = SharedClock(self.clock, local=self.database.is_sqlite)

    @property
    def failing(self) -> bool:
        """Whether the last commit failed for a reason that may pass: the disk is full, the server is away."""
        return self._failing

    async def start(self) -> None:
        """Begin to commit."""
        self._stopped = False
        await self.journal.open()
        await self._read_clock()
        self._task = asyncio.create_task(self._flush_forever(), name="astral-inbox-flusher")

    async def _read_clock(self) -> None:
        if self.database.is_sqlite:
            return
        since = time.monotonic()
        async with brief(self.database) as connection:
            shown = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
        self.shared.read(shown, since)

    async def stop(self) -> None:
        """Commit what is queued, then end; whoever comes later gets a DatabaseError."""
        if self._task is None:
            return
        self._stopped = True
        left = [ticket.result for ticket in self._queue]
        if left:
            await asyncio.wait(left)
        task, self._task = self._task, None
        task.cancel()
        await asyncio.gather(task, *self._telling, return_exceptions=True)
        await self.journal.close()

    async def ingest(self, row: NewRow, *, aside: bool = False, always: bool = False) -> InboxRow | None:
        """Store `row` durably; None for a duplicate. IngestRefused where the sender shall come back later.

        With `aside` its chat may have more than its share: where the sender cannot come back with it. What is about
        money is taken `always`.
        """
        if len(self._queue) >= 2 * BATCH:
            raise IngestRefused("the ingest queue is full", 1)
        if row.state == PENDING and not always:
            self.backlog.admit(row.lane, express=row.express, aside=aside)
        stored: InboxRow | None = await self._submit(row)
        return stored

    async def mark(self, mark: Progress, rows: Sequence[NewRow] = ()) -> bool:
        """Note `mark` in the next commit; False where its row was ended by somebody else before.

        `rows` are stored before: a process that dies in between has the rows, and notes the mark once more.
        """
        await asyncio.gather(*(self._submit(row) for row in rows))
        held: bool = await self._submit(mark)
        return held

    async def write(self, work: Write, rows: Sequence[NewRow] = ()) -> Any:
        """Run a rare, small write of the core's own in a transaction of its own, before other writers.

        `rows` are stored in it where its result is true.
        """
        return await self._transact(self.database.engine.connect(), work, lambda result: rows if result else ())

    async def move(self, work: Callable[[AsyncConnection], Awaitable[Sequence[NewRow]]]) -> int:
        """Run `work` and store the rows that it returns, in one transaction; return how many it returned."""
        return len(await self._transact(brief(self.database), work, lambda rows: rows))

    async def _transact(
        self, opened: AbstractAsyncContextManager[AsyncConnection], work: Write,
        rows_of: Callable[[Any], Sequence[NewRow]],
    ) -> Any:  # fmt: skip
        if self._stopped:
            raise DatabaseError("the inbox is stopped")
        stored = InsertResult([])
        try:
            async with opened as connection:
                await connection.execution_options(**{URGENT: True})
                result = await work(connection)
                if rows := rows_of(result):
                    stored = await self.journal.insert(connection, rows)
                await connection.commit()
        except BaseException as error:
            self.uncertain(stored)
            if not isinstance(error, Exception):
                raise
            raise _wrapped(error) from error
        self._failing = False
        if stored.rows:
            self.accept(stored)
        return result

    def _submit(self, work: NewRow | Progress) -> asyncio.Future[Any]:
        if self._stopped:
            raise DatabaseError("the inbox is stopped")
        ticket = _Ticket(work, asyncio.get_running_loop().create_future())
        self._queue.append(ticket)
        self._wake.set()
        return ticket.result

    async def _flush_forever(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(0)  # whoever is ready in this turn of the loop goes with this commit
            batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
            if not self._queue:
                self._wake.clear()
            try:
                await self._flush(batch)
            finally:
                _fail(batch, DatabaseError("the inbox was stopped before the commit"))  # whoever still waits

    async def _flush(self, batch: Sequence[_Ticket]) -> None:
        error = await self._commit(batch)
        if error is None:
            return
        if self._complain() is not None:
            log.warning("a commit of %d operations failed: %s", len(batch), type(error).__name__)
        if len(batch) > 1 and not is_transient(error):  # one of them is bad: the others must not suffer
            for ticket in batch:
                if error is None or not is_transient(error):
                    error = await self._commit([ticket])
                if error is not None:
                    _fail([ticket], error)
            return
        _fail(batch, error)

    async def _commit(self, batch: Sequence[_Ticket]) -> Exception | None:
        """Commit `batch`, hand its rows out and tell those who wait; or return why it failed."""
        rows = [ticket.work for ticket in batch if isinstance(ticket.work, NewRow)]
        marks = [ticket.work for ticket in batch if isinstance(ticket.work, Progress)]
        began = time.perf_counter()
        try:
            done = await self.journal.commit(rows, marks)
        except Exception as error:  # noqa: BLE001  # whatever it was, everybody who waits must learn of it
            self._failing = is_transient(error)
            if rows:
                self.resync.request()
            return error
        self._failing = False
        self.observer.committed(len(batch), time.perf_counter() - began)
        self.accept(done.stored)
        _tell(batch, done)
        return None

    def accept(self, stored: InsertResult) -> None:
        """Take committed rows into the count, hand them out, and tell other replicas what is theirs."""
        self.journal.handed(stored)
        for row in stored.rows:
            if row is not None:
                self.backlog.add(row.lane, internal=row.internal)
        self.dispatcher.dispatch(stored)
        elsewhere = [arrival for arrival in stored.arrivals if arrival.owner != self.journal.owner]
        if elsewhere:
            task = asyncio.create_task(self._announce(elsewhere), name="astral-announce")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def uncertain(self, stored: InsertResult) -> None:
        """The transaction that stored these rows failed; perhaps it was committed all the same."""
        self.journal.handed(stored)
        if stored.rows:
            self.resync.request()

    async def _announce(self, arrivals: Sequence[LaneArrival]) -> None:
        try:
            await self.journal.announce(arrivals)
        except Exception as error:  # noqa: BLE001  # the owner looks for itself, too
            log.warning("the owners of %d lanes could not be told: %s", len(arrivals), type(error).__name__)


def _tell(batch: Sequence[_Ticket], done: CommitResult) -> None:
    stored = iter(done.stored.rows)
    for ticket in batch:
        result = next(stored) if isinstance(ticket.work, NewRow) else ticket.work.seq not in done.fenced
        if not ticket.result.done():
            ticket.result.set_result(result)


def _wrapped(error: Exception) -> DatabaseError:
    wrapped = DatabaseError(f"the commit failed: {type(error).__name__}")
    wrapped.__cause__ = None if isinstance(error, DatabaseError) else error
    return wrapped


def _fail(tickets: Iterable[_Ticket], error: Exception) -> None:
    for ticket in tickets:
        if not ticket.result.done():
            ticket.result.set_exception(_wrapped(error))
