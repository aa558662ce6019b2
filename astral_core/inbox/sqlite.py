"""The inbox on SQLite: one process, one connection of its own, a whole group commit in one hop to its thread.

A statement through SQLAlchemy and aiosqlite costs several hops between threads; a hop costs more than the statement.
The process's write lock is taken for the commit, before all other writers. What a handler's own transaction writes
into the inbox goes in one hop to its connection's thread (`inbox/sqlite_rows.py`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core.db.engine import PRAGMAS, Database, driver_of
from astral_core.db.lock import WriteLock
from astral_core.db.tables import DEAD, DEAD_EFFECT, DONE, PARKED, PENDING, SENDING, SENT, UNSENT, DueState, now
from astral_core.db.thread import WorkThread
from astral_core.errors import InboxError
from astral_core.inbox import sqlite_rows
from astral_core.inbox.address import decode
from astral_core.inbox.effect import OutgoingEffect
from astral_core.inbox.outbox import LaneContents, read_deliveries
from astral_core.inbox.rows import (
    CommitResult,
    Ended,
    Fired,
    InboxRow,
    InboxStats,
    InsertResult,
    LaneArrival,
    LaneSnapshot,
    NewRow,
    Progress,
    chat_of,
    unique,
)
from astral_core.inbox.sqlite_rows import as_moment, as_text, listed

T = TypeVar("T")

_USERS = (
    "INSERT INTO core_users (id, first_name, last_name, username, language_code, created_at, seen_at)"
    " VALUES (:id, :first_name, :last_name, :username, :language_code, :now, :now) ON CONFLICT (id) DO UPDATE SET"
    " first_name = excluded.first_name, last_name = excluded.last_name, username = excluded.username,"
    " language_code = excluded.language_code, seen_at = excluded.seen_at"
)
_CHATS = (
    "INSERT INTO core_chats (id, type, title, username, is_forum, created_at)"
    " VALUES (:id, :type, :title, :username, :is_forum, :now) ON CONFLICT (id) DO UPDATE SET type = excluded.type,"
    " title = excluded.title, username = excluded.username, is_forum = excluded.is_forum"
)
_PENDING = (
    f"SELECT json_group_array(seq) FROM core_inbox WHERE state = {PENDING}"
    " AND seq IN (SELECT value FROM json_each(?))"
)
_ALL_DONE = (
    f"UPDATE core_inbox SET state = {DONE}, payload = NULL, done_at = ?"
    f" WHERE state = {PENDING} AND seq IN (SELECT value FROM json_each(?))"
)
_SENT = "UPDATE core_outbox SET state = ?, message_id = ?, error_id = ?, error = ? WHERE seq = ? AND n = ?"
_BLOBS_GONE = (
    "DELETE FROM core_blobs WHERE id IN"
    " (SELECT blob_id FROM core_outbox WHERE seq IN (SELECT value FROM json_each(?))"
    f" AND state <> {DEAD_EFFECT} AND blob_id IS NOT NULL)"
)
_SENT_GONE = f"DELETE FROM core_outbox WHERE seq IN (SELECT value FROM json_each(?)) AND state <> {DEAD_EFFECT}"
_FIRED = (
    "SELECT id, generation, attempts, tries, since, schedule, due_at FROM core_due"
    f" WHERE state = {DueState.FIRED} AND id IN (SELECT value FROM json_each(?))"
)
_SLOT = (
    "INSERT INTO core_slots (chat_id, place, user_id, slot, message_id, photo) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (chat_id, place, user_id, slot) DO UPDATE SET"
    " message_id = excluded.message_id, photo = excluded.photo"
)
_FILE = (
    "INSERT INTO core_files (bot_id, key, file_id, user_id, created_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (bot_id, key) DO UPDATE SET file_id = excluded.file_id, user_id = excluded.user_id"
)
_BLOCKED = "UPDATE core_users SET blocked_at = ? WHERE id = ?"
_ROWS = (
    "SELECT seq, source, ext_id, lane, kind, express, payload, received_at, attempts, crashes, address"
    f" FROM core_inbox WHERE state = {PENDING} AND lane = ? ORDER BY seq LIMIT ?"
)
_UNSENT = (
    "SELECT o.seq, o.n, o.lane, o.state, o.message_id, o.effect, b.data FROM core_outbox AS o"
    " LEFT JOIN core_blobs AS b ON b.id = o.blob_id"
    " WHERE o.lane = ? AND o.seq IN"
    f" (SELECT seq FROM core_outbox WHERE lane = ? AND state IN ({UNSENT}, {SENDING})) ORDER BY o.id"
)
_WAITING = (
    f"SELECT lane FROM core_inbox WHERE state = {PENDING}"
    f" UNION SELECT lane FROM core_outbox WHERE state IN ({UNSENT}, {SENDING})"
    " UNION SELECT lane FROM core_paced WHERE effect IS NOT NULL"
)
_PACED = "SELECT chat_id, place, user_id, slot FROM core_paced WHERE lane = ? AND effect IS NOT NULL"
_COUNT = (
    f"SELECT (SELECT count(*) FROM core_inbox WHERE state = {PENDING}),"
    f" (SELECT count(*) FROM core_inbox WHERE state = {DEAD}),"
    " (SELECT received_at FROM core_inbox WHERE seq ="
    f" (SELECT min(seq) FROM core_inbox INDEXED BY ix_core_inbox_pending WHERE state = {PENDING})),"
    f" (SELECT count(*) FROM core_outbox WHERE state IN ({UNSENT}, {SENDING})), (SELECT count(*) FROM core_replicas),"
    f" (SELECT count(*) FROM core_inbox WHERE state = {PARKED}),"
    f" (SELECT count(*) FROM core_inbox WHERE state = {PENDING} AND source >= 'internal:' AND source < 'internal;')"
)

_FULLEST = (
    f"SELECT lane, count(*) FROM core_inbox WHERE state = {PENDING}"
    " AND NOT (source >= 'internal:' AND source < 'internal;') GROUP BY lane HAVING count(*) >= ?"
)


class SqliteJournal:
    """The one process's journal; every lane is its own, so that nothing is claimed, fenced or announced."""

    def __init__(self, database: Database, bot_id: int) -> None:
        if database.lock is None:
            raise InboxError("the SQLite journal was given another engine.")
        self._bot_id = bot_id
        self._path = str(database.engine.url.database)
        self._lock: WriteLock = database.lock
        self._thread = WorkThread("astral-inbox")
        self._connection: sqlite3.Connection | None = None
        self._handing: set[int] = set()  # inserted by handlers, not handed out yet: `load` leaves them out

    @property
    def owner(self) -> None:
        """Nobody has to claim a lane here."""
        return None

    async def open(self) -> None:
        """Connect."""
        await self._run(self._connect)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        if self._connection is not None:
            await self._run(self._connection.close)
            self._connection = None
        self._thread.close()

    async def commit(self, rows: Sequence[NewRow], marks: Sequence[Progress]) -> CommitResult:
        """Store `rows` and note `marks` in one transaction."""
        await self._lock.acquire(urgent=True)
        try:
            return await self._run(self._commit, rows, marks)
        finally:
            self._lock.release()

    async def insert(self, connection: AsyncConnection, rows: Sequence[NewRow]) -> InsertResult:
        """Insert `rows` in the caller's transaction."""
        moment = now()
        found = await driver_of(connection).run(sqlite_rows.insert, unique(rows), moment)
        self._handing.update(found.values())
        return InsertResult(sqlite_rows.answers(rows, found, moment))

    def handed(self, stored: InsertResult) -> None:
        """Rows of `insert` are handed out, or given up."""
        self._handing.difference_update(row.seq for row in stored.rows if row is not None)

    async def finish(
        self, connection: AsyncConnection, row: InboxRow, epoch: int, contents: Sequence[OutgoingEffect],
        over: Ended | None = None,
    ) -> None:  # fmt: skip
        """End `row`, the due row that is `over`, and record the messages; Fenced where somebody else ended it."""
        del epoch
        await driver_of(connection).run(sqlite_rows.finish, row, contents, over)

    async def record(
        self, connection: AsyncConnection, seq: int, lane: int, contents: Sequence[OutgoingEffect]
    ) -> None:
        """Put messages into the outbox in the caller's transaction."""
        await driver_of(connection).run(sqlite_rows.record, seq, lane, contents)

    async def fired(self, numbers: Sequence[int]) -> list[Fired]:
        """The due rows of these numbers that were fired and are still there."""
        found = await self._run(self._fetch, _FIRED, (listed(numbers),))
        return [
            Fired(
                number, generation, attempts, tries, as_moment(since) if since else None, schedule, as_moment(due_at)
            )
            for number, generation, attempts, tries, since, schedule, due_at in found
        ]

    async def load(self, lane: int, epoch: int, limit: int) -> LaneContents | None:
        """What waits in `lane`."""
        del epoch
        found = await self._run(self._load, lane, limit + len(self._handing))
        found.rows = [row for row in found.rows if row.seq not in self._handing][:limit]
        return found

    async def waiting(self) -> list[LaneSnapshot]:
        """Every lane in which something waits."""
        found = await self._run(self._fetch, _WAITING)
        return [LaneSnapshot(lane, 0, -1) for (lane,) in found]

    async def fed(self, resting: Mapping[int, int]) -> list[int]:
        """Nothing: there is nobody else."""
        del resting
        return []

    async def adopt(self, limit: int) -> list[LaneArrival]:
        """Nothing: there is nobody to adopt from."""
        del limit
        return []

    async def release(self, lanes: Sequence[LaneSnapshot], *, idle: bool) -> list[int]:
        """Nothing is owned, so all of it is free."""
        del idle
        return [lane.lane for lane in lanes]

    async def announce(self, arrivals: Sequence[LaneArrival]) -> None:
        """Nobody else is there to be told."""

    async def count(self) -> InboxStats:
        """How much there is of everything."""
        ((pending, dead, oldest, unsent, replicas, parked, internal),) = await self._run(self._fetch, _COUNT)
        age = (now() - as_moment(oldest)).total_seconds() if oldest else 0.0
        return InboxStats(pending, dead, max(age, 0.0), unsent, replicas, parked, internal)

    async def fullest(self, least: int) -> dict[int, int]:
        """The lanes in which at least so many updates are pending, with their numbers."""
        return dict(await self._run(self._fetch, _FULLEST, (least,)))

    # --- in the journal's thread

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run `work` in the journal's thread, with SQLAlchemy's errors, which the rest of the core knows."""
        try:
            return await self._thread.run(work, *arguments)
        except sqlite3.Error as error:
            raise DBAPIError.instance("inbox", None, error, sqlite3.Error, hide_parameters=True) from error

    def _connect(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=5, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        self._connection = connection

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("the inbox is not open")
        return self._connection

    def _fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._open.execute(query, parameters).fetchall()

    def _commit(self, rows: Sequence[NewRow], marks: Sequence[Progress]) -> CommitResult:
        connection, moment = self._open, now()
        connection.execute("BEGIN IMMEDIATE")
        try:
            stored = InsertResult(self._insert(rows, moment))
            fenced = self._mark(marks, as_text(moment)) if marks else set()
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite itself may have rolled back
                connection.execute("ROLLBACK")
            raise
        if failpoint.armed and rows:
            failpoint.hit("ingest.committed")
        return CommitResult(stored, fenced)

    def _insert(self, rows: Sequence[NewRow], moment: datetime) -> list[InboxRow | None]:
        users = {row.user["id"]: {**row.user, "now": as_text(moment)} for row in rows if row.user is not None}
        if users:
            self._open.executemany(_USERS, users.values())
        chats = {row.chat["id"]: {**row.chat, "now": as_text(moment)} for row in rows if row.chat is not None}
        if chats:
            self._open.executemany(_CHATS, chats.values())
        return sqlite_rows.answers(rows, sqlite_rows.insert(self._open, unique(rows), moment), moment)

    def _mark(self, marks: Sequence[Progress], moment: str) -> set[int]:
        for mark in marks:
            if mark.dead or (mark.recorded and not mark.ends):
                self._note(mark, moment)
            if mark.sent:
                self._remember(mark, moment)
        sent = [mark.seq for mark in marks if mark.recorded and mark.ends]
        if sent:
            self._open.execute(_BLOBS_GONE, (listed(sent),))
            self._open.execute(_SENT_GONE, (listed(sent),))
        fenced = self._end([mark.seq for mark in marks if mark.ends and not mark.recorded], moment)
        ended = [mark.due for mark in marks if mark.due is not None and mark.seq not in fenced]
        for due in ended:
            sqlite_rows.end_due(self._open, due)
        return fenced

    def _end(self, seqs: Sequence[int], moment: str) -> set[int]:
        """Rows are done; returns those that had ended before."""
        if not seqs:
            return set()
        ((pending,),) = self._fetch(_PENDING, (listed(seqs),))
        self._open.execute(_ALL_DONE, (moment, pending))
        return set(seqs).difference(msgspec.json.decode(pending))

    def _note(self, mark: Progress, moment: str) -> None:
        """Write down which messages are sent, and which will never be."""
        for n, sent in mark.sent.items():
            refused = sent.refused
            if mark.recorded:
                state = (
                    (DEAD_EFFECT, None, mark.error_id, refused) if refused else (SENT, sent.message_id, None, None)
                )
                self._open.execute(_SENT, (*state, mark.seq, n))
            elif refused:
                effect = msgspec.json.encode(mark.dead[n]).decode()
                plugin = mark.dead[n].plugin
                record = (mark.seq, n, mark.lane, plugin, effect, None, DEAD_EFFECT, moment, mark.error_id, refused)
                self._open.execute(sqlite_rows.OUTBOX, record)

    def _remember(self, mark: Progress, moment: str) -> None:
        """Keep what the sending taught: slots, file ids, users who blocked the bot."""
        for sent in mark.sent.values():
            if sent.slot is not None:
                slot = sent.slot
                key = slot.chat_id, slot.place, slot.user_id, slot.slot
                self._open.execute(_SLOT, (*key, slot.message_id, slot.photo))
            if sent.file_key is not None and sent.file_id is not None:
                self._open.execute(_FILE, (self._bot_id, sent.file_key, sent.file_id, sent.file_owner, moment))
            if sent.blocked is not None:
                self._open.execute(_BLOCKED, (moment, sent.blocked))

    def _load(self, lane: int, limit: int) -> LaneContents:
        rows = [_row(record) for record in self._fetch(_ROWS, (lane, limit))]
        deliveries = read_deliveries(self._fetch(_UNSENT, (lane, lane)))
        return LaneContents(0, rows, deliveries, self._fetch(_PACED, (lane,)))


def _row(record: Sequence[Any]) -> InboxRow:
    seq, source, ext_id, lane, kind, express, payload, received_at, attempts, crashes, address = record
    moment, to = as_moment(received_at), decode(address, chat_of(lane))
    return InboxRow(seq, source, ext_id, lane, kind, bool(express), payload or "", moment, attempts, crashes, to=to)
