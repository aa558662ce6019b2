"""The inbox in the database: one flusher commits whatever has gathered, so that a commit serves many updates.

While one commit is under way, new operations queue up; the next commit takes all of them. No timer is involved:
under load batches grow by themselves, without load an update is committed at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import URGENT, Database, may_pass
from astral_core.db.tables import DEAD, DONE, PENDING, core_inbox, core_users, now, storable
from astral_core.errors import DatabaseError, IngestRefused

log = logging.getLogger("astral.inbox")
BATCH = 500
Write = Callable[[AsyncConnection], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A pending row. `payload` is JSON; `received_at` is when it was stored."""

    seq: int
    source: str
    ext_id: str
    lane: int
    kind: str
    express: bool
    payload: str
    received_at: datetime
    attempts: int = 0
    crashes: int = 0


@dataclass(slots=True)
class NewRow:
    """A row to be stored; the result is its InboxRow, or None for a duplicate."""

    source: str
    ext_id: str
    lane: int
    kind: str
    payload: str
    express: bool = False
    state: int = PENDING
    error: str | None = None
    user: dict[str, Any] | None = None

    def values(self, received_at: datetime) -> dict[str, Any]:
        """The columns of the row."""
        return {
            "source": self.source,
            "ext_id": self.ext_id,
            "lane": self.lane,
            "kind": self.kind,
            "express": self.express,
            "payload": self.payload,
            "state": self.state,
            "attempts": 0,
            "crashes": 0,
            "received_at": received_at,
            "error": self.error,
        }


@dataclass(slots=True)
class _Ticket:
    """An operation on its way to the next commit."""

    work: NewRow | Write
    result: asyncio.Future[Any]


@dataclass
class Store:
    """The flusher and its queue. `start` it in the running loop, `stop` it when nothing will be submitted."""

    database: Database
    max_pending: int = 20_000
    pending: int = 0
    dispatch: Callable[[Sequence[InboxRow]], None] | None = None
    committed: Callable[[int], None] | None = None
    _queue: list[_Ticket] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None
    _stopped: bool = False
    _handing: set[int] = field(default_factory=set)  # inserted here, not handed out yet: `load` leaves them out

    def start(self) -> None:
        """Begin to commit."""
        self._stopped = False
        self._task = asyncio.create_task(self._flush_forever(), name="astral-inbox-flusher")

    async def stop(self) -> None:
        """Commit what is queued, then end; whoever comes later gets a DatabaseError."""
        if self._task is None:
            return
        try:
            await self.write(_nothing)
        except DatabaseError as error:
            log.warning("the last commit before the end failed: %s", error)
        self._stopped = True
        task, self._task = self._task, None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        _fail(self._queue, DatabaseError("the inbox is stopped"))
        self._queue.clear()

    async def ingest(self, row: NewRow) -> InboxRow | None:
        """Store `row` durably; None for a duplicate. IngestRefused where the sender shall come back later."""
        if len(self._queue) >= 2 * BATCH:
            raise IngestRefused("the ingest queue is full", 1)
        if self.pending >= self.max_pending and not row.express:
            raise IngestRefused("too many updates are pending", 3)
        stored: InboxRow | None = await self._submit(row)
        return stored

    async def write(self, work: Write) -> Any:
        """Run a small write of the core's own in the next commit; a second time where another one spoilt that."""
        return await self._submit(work)

    def _submit(self, work: NewRow | Write) -> asyncio.Future[Any]:
        if self._stopped:
            raise DatabaseError("the inbox is stopped")
        ticket = _Ticket(work, asyncio.get_running_loop().create_future())
        self._queue.append(ticket)
        self._wake.set()
        return ticket.result

    async def _flush_forever(self) -> None:
        while True:
            await self._wake.wait()
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
        log.warning("a commit of %d operations failed: %s", len(batch), type(error).__name__)
        if len(batch) > 1 and not may_pass(error):  # one of them is bad: the others must not suffer
            for ticket in batch:
                if error is None or not may_pass(error):
                    error = await self._commit([ticket])
                if error is not None:
                    _fail([ticket], error)
            return
        _fail(batch, error)

    async def _commit(self, batch: Sequence[_Ticket]) -> Exception | None:
        """Commit `batch`, hand its rows out and tell those who wait; or return why it failed."""
        rows = [ticket.work for ticket in batch if isinstance(ticket.work, NewRow)]
        stored: list[InboxRow | None] = []
        results: list[Any] = []
        try:
            async with self.database.engine.connect() as connection:
                await connection.execution_options(**{URGENT: True})
                stored = await self.insert(connection, rows)
                inserted = iter(stored)
                for ticket in batch:
                    work = ticket.work
                    results.append(next(inserted) if isinstance(work, NewRow) else await work(connection))
                await connection.commit()
        except Exception as error:  # noqa: BLE001  # whatever it was, everybody who waits must learn of it
            self.give_up(stored)
            return error
        if self.committed:
            self.committed(len(batch))
        self.accept(stored)
        for ticket, result in zip(batch, results, strict=True):
            if not ticket.result.done():
                ticket.result.set_result(result)
        return None

    async def insert(self, connection: AsyncConnection, rows: Sequence[NewRow]) -> list[InboxRow | None]:
        """Insert `rows` in the caller's transaction, which must end with `accept` or `give_up`."""
        stored = await insert_rows(connection, rows)
        self._handing.update(row.seq for row in stored if row is not None)
        return stored

    def accept(self, stored: Iterable[InboxRow | None]) -> None:
        """Take committed rows into the count and hand them out, in the order of their seq."""
        rows = [row for row in stored if row is not None]
        self.give_up(rows)
        self.pending += len(rows)
        if self.dispatch and rows:
            self.dispatch(sorted(rows, key=lambda row: row.seq))

    def give_up(self, stored: Iterable[InboxRow | None]) -> None:
        """Forget inserted rows whose commit failed. Should it have succeeded unseen, `Lanes.adopt` finds them."""
        self._handing.difference_update(row.seq for row in stored if row is not None)

    async def load(self, lane: int | None, after: int, limit: int) -> list[InboxRow]:
        """Pending rows in order, of one lane or of all, without those that will be handed out in a moment."""
        query = select(core_inbox).where(core_inbox.c.state == PENDING, core_inbox.c.seq > after)
        if lane is not None:
            query = query.where(core_inbox.c.lane == lane, core_inbox.c.express.is_(False))
        async with self.database.engine.connect() as connection:
            result = await connection.execute(query.order_by(core_inbox.c.seq).limit(limit + len(self._handing)))
            records = result.all()
        return [_row(record) for record in records if record.seq not in self._handing][:limit]

    async def load_seqs(self, seqs: Sequence[int]) -> list[InboxRow]:
        """Those of `seqs` that are pending, in order."""
        query = select(core_inbox).where(core_inbox.c.state == PENDING, core_inbox.c.seq.in_(seqs))
        async with self.database.engine.connect() as connection:
            return [_row(record) for record in await connection.execute(query.order_by(core_inbox.c.seq))]

    async def pending_keys(self) -> list[tuple[int, int]]:
        """(seq, lane) of every pending row, in order, without those that will be handed out in a moment."""
        query = select(core_inbox.c.seq, core_inbox.c.lane).where(core_inbox.c.state == PENDING)
        async with self.database.engine.connect() as connection:
            records = (await connection.execute(query.order_by(core_inbox.c.seq))).all()
        return [(record.seq, record.lane) for record in records if record.seq not in self._handing]

    async def count_pending(self) -> int:
        """How many rows are pending."""
        query = select(func.count()).select_from(core_inbox).where(core_inbox.c.state == PENDING)
        async with self.database.engine.connect() as connection:
            self.pending = int((await connection.execute(query)).scalar_one())
        return self.pending


async def _nothing(connection: AsyncConnection) -> None:
    del connection


def _fail(tickets: Iterable[_Ticket], error: Exception) -> None:
    for ticket in tickets:
        if not ticket.result.done():
            wrapped = DatabaseError(f"the commit failed: {type(error).__name__}")
            wrapped.__cause__ = None if isinstance(error, DatabaseError) else error
            ticket.result.set_exception(wrapped)


def _row(record: Any) -> InboxRow:
    return InboxRow(
        seq=record.seq,
        source=record.source,
        ext_id=record.ext_id,
        lane=record.lane,
        kind=record.kind,
        express=record.express,
        payload=record.payload or "",
        received_at=record.received_at,
        attempts=record.attempts,
        crashes=record.crashes,
    )


def _insert(dialect: str) -> Any:
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


async def insert_rows(connection: AsyncConnection, rows: Sequence[NewRow]) -> list[InboxRow | None]:
    """Insert `rows` and their users; None stands for a row that was there already."""
    if not rows:
        return []
    insert = _insert(connection.dialect.name)
    users = {row.user["id"]: row.user for row in rows if row.user is not None}
    if users:
        await connection.execute(_upsert_users(insert, list(users.values())))
    moment = now()
    unique = {(row.source, row.ext_id): row for row in rows}
    statement = (
        insert(core_inbox)
        .values([row.values(moment) for row in unique.values()])
        .on_conflict_do_nothing(index_elements=["source", "ext_id"])
        .returning(core_inbox.c.seq, core_inbox.c.source, core_inbox.c.ext_id)
    )
    seqs = {(r.source, r.ext_id): r.seq for r in await connection.execute(statement)}
    stored: list[InboxRow | None] = []
    for row in rows:
        seq = seqs.pop((row.source, row.ext_id), None)
        stored.append(None if seq is None or row.state != PENDING else _stored(row, seq, moment))
    return stored


def _stored(row: NewRow, seq: int, moment: datetime) -> InboxRow:
    return InboxRow(seq, row.source, row.ext_id, row.lane, row.kind, row.express, row.payload, moment)


def _upsert_users(insert: Any, users: list[dict[str, Any]]) -> Any:
    moment = now()
    statement = insert(core_users).values([{**user, "created_at": moment, "seen_at": moment} for user in users])
    names = ("first_name", "last_name", "username", "language_code", "seen_at")
    changed = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=["id"], set_={**changed, "blocked_at": None})


def mark_done(seq: int) -> Any:
    """The statement that ends a row. It matches no row where somebody else ended it before: the fence."""
    return (
        update(core_inbox)
        .where(core_inbox.c.seq == seq, core_inbox.c.state == PENDING)
        .values(state=DONE, payload=None, done_at=now())
    )


def mark_dead(seq: int, error_id: str, error: str) -> Any:
    """The statement that ends a row as a dead letter; its payload stays for a later retry."""
    return (
        update(core_inbox)
        .where(core_inbox.c.seq == seq, core_inbox.c.state == PENDING)
        .values(state=DEAD, done_at=now(), error_id=error_id, error=storable(error, 4000))
    )


def mark_attempt(seq: int, attempts: int) -> Any:
    """The statement that counts a failed attempt."""
    return update(core_inbox).where(core_inbox.c.seq == seq).values(attempts=attempts)


def mark_crashes(seq: int, crashes: int) -> Any:
    """The statement that notes how many processes died, counting the one that runs the row now."""
    return update(core_inbox).where(core_inbox.c.seq == seq).values(crashes=crashes)
