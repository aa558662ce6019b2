"""The inbox on PostgreSQL: N replicas, one statement a group commit, lanes claimed where their rows come in.

The statements go to asyncpg directly: arrays instead of a row a parameter, one round trip, prepared once. Safety
rests on three things in them: a row is ended once (`state = 0`), by the owner of the latest claim (owner and epoch),
and never before an earlier row of its lane. Liveness (who is dead, who takes over) is `inbox/replica.py`'s matter.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core.db.engine import Database
from astral_core.errors import Fenced, InboxError
from astral_core.inbox.effect import Content
from astral_core.inbox.outbox import LaneContents, read_deliveries
from astral_core.inbox.rows import Arrival, Committed, InboxRow, Mark, NewRow, Stored, Waiting

log = logging.getLogger("astral.inbox")

# The lanes are locked in the order of their numbers, so that two commits never wait for each other. An owner is not
# taken away from a lane; a claim counts the epoch up. A second commit into a lane makes its state ADOPTED, so that
# CLAIMED tells that nothing can be pending but what came with this very commit.
_STORE = """
WITH fresh AS (
  INSERT INTO core_inbox (source, ext_id, lane, kind, express, payload, state, attempts, crashes, received_at, error)
  SELECT source, ext_id, lane, kind, express, payload, state, 0, 0, now(), error
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bool[], $6::text[], $7::int[], $8::text[])
    WITH ORDINALITY AS new (source, ext_id, lane, kind, express, payload, state, error, place) ORDER BY place
  ON CONFLICT (source, ext_id) DO NOTHING
  RETURNING seq, source, ext_id, lane, state, received_at
), counted AS (
  SELECT lane, count(*) AS added FROM fresh WHERE state = 0 GROUP BY lane ORDER BY lane
), claimed AS (
  INSERT INTO core_lanes AS known (lane, owner, epoch, arrivals, state)
  SELECT lane, $9::int, 1, added, 1 FROM counted ORDER BY lane
  ON CONFLICT (lane) DO UPDATE SET
    owner = coalesce(known.owner, excluded.owner),
    epoch = CASE WHEN known.owner IS NULL AND excluded.owner IS NOT NULL THEN known.epoch + 1 ELSE known.epoch END,
    arrivals = known.arrivals + excluded.arrivals,
    state = CASE WHEN known.state = 0 THEN 1 ELSE 2 END
  RETURNING lane, owner, epoch, arrivals, state
)
SELECT seq, source, ext_id, received_at, lane, claimed.owner, claimed.epoch, claimed.arrivals, claimed.state, added
FROM fresh LEFT JOIN claimed USING (lane) LEFT JOIN counted USING (lane) WHERE fresh.state = 0 ORDER BY seq
"""
_USERS = """
INSERT INTO core_users (id, first_name, last_name, username, language_code, created_at, seen_at)
SELECT *, now(), now() FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) AS new (id)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name,
  username = excluded.username, language_code = excluded.language_code, seen_at = excluded.seen_at, blocked_at = NULL
"""
# What was answered already is done, whatever came in meanwhile; a handler that wrote can still be rolled back.
_DONE = """
UPDATE core_inbox AS done SET state = 1, payload = NULL, done_at = now()
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS mark (seq, lane, epoch)
WHERE done.seq = mark.seq AND done.state = 0
  AND EXISTS (SELECT 1 FROM core_lanes AS own
              WHERE own.lane = mark.lane AND own.owner = $4::int AND own.epoch = mark.epoch)
RETURNING done.seq
"""
_DONE_FIRST = _DONE.replace(
    "RETURNING",
    """  AND NOT EXISTS (SELECT 1 FROM core_inbox AS earlier
                  WHERE earlier.lane = mark.lane AND earlier.state = 0 AND earlier.seq < mark.seq)
RETURNING""",
)
_OUTBOX = """
INSERT INTO core_outbox (seq, n, lane, plugin, effect, blob_id, state, attempts, created_at, error_id, error)
SELECT seq, n, lane, plugin, effect, blob, state, 0, now(), error_id, error
FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::int[], $8::text[],
  $9::text[])
  WITH ORDINALITY AS new (seq, n, lane, plugin, effect, blob, state, error_id, error, place) ORDER BY place
"""
_SENT = """
UPDATE core_outbox AS old SET state = new.state, message_id = new.message_id, error_id = new.error_id,
  error = new.error
FROM unnest($1::bigint[], $2::int[], $3::int[], $4::bigint[], $5::text[], $6::text[])
  AS new (seq, n, state, message_id, error_id, error) WHERE old.seq = new.seq AND old.n = new.n
"""
_SENT_GONE = """
WITH gone AS (DELETE FROM core_outbox WHERE seq = ANY($1::bigint[]) AND state IN (0, 1, 3) RETURNING blob_id)
DELETE FROM core_blobs WHERE id IN (SELECT blob_id FROM gone WHERE blob_id IS NOT NULL)
"""
_SLOT = """
INSERT INTO core_slots (chat_id, slot, message_id, photo) VALUES ($1, $2, $3, $4)
ON CONFLICT (chat_id, slot) DO UPDATE SET message_id = excluded.message_id, photo = excluded.photo
"""
_FILE = """
INSERT INTO core_files (bot_id, key, file_id, created_at) VALUES ($1, $2, $3, now())
ON CONFLICT (bot_id, key) DO UPDATE SET file_id = excluded.file_id
"""
_BLOCKED = "UPDATE core_users SET blocked_at = now() WHERE id = $1"
_LOAD = """
SELECT own.epoch, own.arrivals, seq, source, ext_id, kind, express, payload, received_at, attempts, crashes
FROM core_lanes AS own LEFT JOIN LATERAL (
  SELECT * FROM core_inbox AS pending WHERE pending.lane = own.lane AND pending.state = 0 ORDER BY seq LIMIT $4
) AS row ON true
WHERE own.lane = $1 AND own.owner = $2 AND own.epoch = $3 ORDER BY seq
"""
_UNSENT = """
SELECT o.seq, o.n, o.lane, o.state, o.message_id, o.effect, b.data
FROM core_outbox AS o LEFT JOIN core_blobs AS b ON b.id = o.blob_id
WHERE o.lane = $1 AND o.seq IN (SELECT seq FROM core_outbox WHERE lane = $1 AND state IN (0, 3)) ORDER BY o.id
"""
_WAITING = "SELECT lane, epoch, arrivals FROM core_lanes WHERE owner = $1"
_ADOPT = """
WITH orphan AS (
  SELECT lane FROM core_lanes WHERE owner IS NULL AND state <> 0 ORDER BY lane LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE core_lanes AS own SET owner = $1, epoch = own.epoch + 1, state = 2 FROM orphan WHERE own.lane = orphan.lane
RETURNING own.lane, own.owner, own.epoch, own.arrivals, 0, own.state
"""
# `arrivals` is looked at again under the row's lock: a row that came meanwhile keeps its lane owned.
_RELEASE_IDLE = """
UPDATE core_lanes AS own SET owner = NULL, state = 0
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS idle (lane, epoch, arrivals)
WHERE own.lane = idle.lane AND own.owner = $1 AND own.epoch = idle.epoch AND own.arrivals = idle.arrivals
  AND NOT EXISTS (SELECT 1 FROM core_inbox AS pending WHERE pending.lane = own.lane AND pending.state = 0)
  AND NOT EXISTS (SELECT 1 FROM core_outbox AS unsent WHERE unsent.lane = own.lane AND unsent.state IN (0, 3))
RETURNING own.lane
"""
_RELEASE = """
UPDATE core_lanes AS own SET owner = NULL, state = 2 FROM unnest($2::bigint[], $3::bigint[]) AS held (lane, epoch)
WHERE own.lane = held.lane AND own.owner = $1 AND own.epoch = held.epoch RETURNING own.lane
"""
_COUNT = """
SELECT (SELECT count(*) FROM core_inbox WHERE state = 0), (SELECT count(*) FROM core_inbox WHERE state = 2),
  coalesce(extract(epoch FROM now() - (SELECT min(received_at) FROM core_inbox WHERE state = 0)), 0)
"""
CHANNEL = "astral"


class PostgresJournal:
    """The journal of one replica. Two connections are held: one stores, one marks; neither waits for the other."""

    def __init__(self, database: Database, bot_id: int) -> None:
        self.replica: int | None = None
        self._database = database
        self._bot_id = bot_id
        self._closed = False
        self._links: dict[str, AsyncConnection] = {}
        self._busy: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self) -> None:
        """Connect."""
        self._closed = False
        await self._query("store", "SELECT 1")

    async def close(self) -> None:
        """Close the journal's own connections."""
        self._closed = True
        links, self._links = self._links, {}
        for link in links.values():
            await link.close()

    async def commit(self, rows: Sequence[NewRow], marks: Sequence[Mark]) -> Committed:
        """Store `rows` in one statement and note `marks` in another, side by side; all or nothing of each."""
        if not marks:
            return Committed(await self._store(rows))
        if not rows:
            return Committed(Stored([]), await self._mark(marks))
        stored, fenced = await asyncio.gather(self._store(rows), self._mark(marks), return_exceptions=True)
        for outcome in (stored, fenced):
            if isinstance(outcome, BaseException):
                raise outcome
        return Committed(stored, fenced)  # type: ignore[arg-type]  # exceptions were raised above

    async def insert(self, connection: AsyncConnection, rows: Sequence[NewRow]) -> Stored:
        """Insert `rows` in the caller's transaction."""
        with translated():
            found = await (await _raw(connection)).fetch(_STORE, *_arrays(rows), self.replica)
        return self._stored(rows, found)

    def handed(self, stored: Stored) -> None:
        """Nothing: the count of arrivals tells which rows `load` has seen."""

    async def finish(
        self, connection: AsyncConnection, row: InboxRow, epoch: int, contents: Sequence[Content]
    ) -> None:
        """End `row` and record its messages; Fenced where it is not ours, not pending, or not the first."""
        raw = await _raw(connection)
        with translated():
            if not await raw.fetch(_DONE_FIRST, [row.seq], [row.lane], [epoch], self.replica):
                raise Fenced(f"row {row.seq} is not pending, not this replica's, or not the first of its lane")
            if contents:
                await self.record(connection, row.seq, row.lane, contents)

    async def record(self, connection: AsyncConnection, seq: int, lane: int, contents: Sequence[Content]) -> None:
        """Put messages into the outbox in the caller's transaction."""
        raw, records = await _raw(connection), []
        for n, content in enumerate(contents):
            blob = None
            if content.data is not None:
                blob = await raw.fetchval("INSERT INTO core_blobs (data) VALUES ($1) RETURNING id", content.data)
            effect = msgspec.json.encode(content.effect).decode()
            records.append((seq, n, lane, content.effect.plugin, effect, blob, 0, None, None))
        await raw.execute(_OUTBOX, *_turned(records, 9))

    async def load(self, lane: int, epoch: int, limit: int) -> LaneContents | None:
        """What waits in `lane`, as one snapshot; None where its claim of `epoch` is not this replica's any more."""
        found = await self._query("read", _LOAD, lane, self.replica, epoch, limit)
        if not found:
            return None
        rows = [
            InboxRow(r[2], r[3], r[4], lane, r[5], r[6], r[7] or "", r[8], r[9], r[10])
            for r in found
            if r[2] is not None
        ]
        deliveries = read_deliveries(await self._query("read", _UNSENT, lane))
        for delivery in deliveries:
            delivery.epoch = epoch
        return LaneContents(epoch, found[0][1], rows, deliveries)

    async def waiting(self) -> list[Waiting]:
        """Every lane that this replica owns."""
        if self.replica is None:
            return []
        return [Waiting(*record) for record in await self._query("read", _WAITING, self.replica)]

    async def adopt(self, limit: int) -> list[Arrival]:
        """Claim up to `limit` lanes that wait and have no owner, those that nobody else claims in this moment."""
        if self.replica is None:
            return []
        return [Arrival(*record) for record in await self._query("read", _ADOPT, self.replica, limit)]

    async def release(self, lanes: Sequence[Waiting], *, idle: bool) -> list[int]:
        """Give lanes back: idle ones where nothing came meanwhile, or all that are named, for others to adopt."""
        if not lanes or self.replica is None:
            return []
        numbers, epochs = [lane.lane for lane in lanes], [lane.epoch for lane in lanes]
        if idle:
            arrivals = [lane.arrivals for lane in lanes]
            found = await self._query("read", _RELEASE_IDLE, self.replica, numbers, epochs, arrivals)
        else:
            found = await self._query("read", _RELEASE, self.replica, numbers, epochs)
        return [record[0] for record in found]

    async def announce(self, arrivals: Sequence[Arrival]) -> None:
        """Notify other owners in a statement of its own: within the commit it would serialise all commits."""
        lanes = defaultdict(list)
        for arrival in arrivals:
            if arrival.owner != self.replica:
                lanes[arrival.owner].append(str(arrival.lane))
        for owner, numbers in lanes.items():
            channel = f"{CHANNEL}_{owner}" if owner is not None else CHANNEL
            text = ",".join(numbers)
            await self._query("notify", "SELECT pg_notify($1, $2)", channel, text if len(text) < 7900 else "")

    async def count(self) -> tuple[int, int, float]:
        """Pending rows of all replicas, dead rows, age of the oldest pending row in seconds."""
        ((pending, dead, age),) = await self._query("read", _COUNT)
        return pending, dead, float(age)

    # ---

    async def _query(self, link: str, query: str, *arguments: Any) -> list[Any]:
        """Run one statement on the connection of this name: made at first use, thrown away where it breaks."""
        async with self._busy[link]:
            if self._closed:
                raise InboxError("the inbox is closed.")
            connection = self._links.get(link)
            if connection is None:
                connection = await self._database.engine.connect()
                self._links[link] = connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            try:
                with translated():
                    return list(await (await _raw(connection)).fetch(query, *arguments))
            except OperationalError:
                self._links.pop(link, None)
                await connection.invalidate()
                await connection.close()
                raise
            except asyncio.CancelledError:  # the answer may still come in: nobody else may read it as theirs
                self._links.pop(link, None)
                await connection.invalidate()
                raise

    async def _store(self, rows: Sequence[NewRow]) -> Stored:
        users = {row.user["id"]: row.user for row in rows if row.user is not None}
        if users:  # before the lanes: a handler may hold a user's row and wait for a lane, never the other way round
            names = ("id", "first_name", "last_name", "username", "language_code")
            ordered = [users[key] for key in sorted(users)]
            await self._query("store", _USERS, *([user[name] for user in ordered] for name in names))
        stored = self._stored(rows, await self._query("store", _STORE, *_arrays(rows), self.replica))
        if failpoint.armed:
            failpoint.hit("ingest.committed")
        return stored

    @staticmethod
    def _stored(rows: Sequence[NewRow], records: Sequence[Any]) -> Stored:
        found = {(record[1], record[2]): record for record in records}
        lanes = {
            record[4]: Arrival(record[4], record[5], record[6], record[7], record[9], record[8]) for record in records
        }
        answers: list[InboxRow | None] = []
        for row in rows:
            record = found.pop((row.source, row.ext_id), None)
            answers.append(row.stored(record[0], record[3]) if record is not None else None)
        return Stored(answers, list(lanes.values()))

    async def _mark(self, marks: Sequence[Mark]) -> set[int]:
        plain = [mark for mark in marks if mark.ends and not mark.recorded]
        if len(plain) == len(marks) and not any(mark.sent and _teaches(mark) for mark in marks):
            return await self._done(plain)
        async with self._busy["marks"]:
            return await self._mark_all(marks, plain)

    async def _done(self, marks: Sequence[Mark]) -> set[int]:
        ended = {record[0] for record in await self._query("mark", _DONE, *_keys(marks), self.replica)}
        return {mark.seq for mark in marks if mark.seq not in ended}

    async def _mark_all(self, marks: Sequence[Mark], plain: Sequence[Mark]) -> set[int]:
        """Everything in one transaction: what was sent, what that taught, which rows are done."""
        async with self._database.engine.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")  # the transaction begins
            raw = await _raw(connection)
            with translated():
                await self._note(raw, marks)
                await self._remember(raw, marks)
                ended = {record[0] for record in await raw.fetch(_DONE, *_keys(plain), self.replica)} if plain else ()
            await connection.commit()
        return {mark.seq for mark in plain if mark.seq not in ended}

    @staticmethod
    async def _note(raw: Any, marks: Sequence[Mark]) -> None:
        """Write down which messages are sent, and which will never be; what is through goes."""
        progress, dead = [], []
        for mark in marks:
            for n, sent in mark.sent.items():
                if mark.recorded and (sent.refused or not mark.ends):
                    state = (
                        (2, None, mark.error_id, sent.refused) if sent.refused else (1, sent.message_id, None, None)
                    )
                    progress.append((mark.seq, n, *state))
                elif sent.refused and not mark.recorded:
                    effect = msgspec.json.encode(mark.dead[n]).decode()
                    plugin = mark.dead[n].plugin
                    dead.append((mark.seq, n, mark.lane, plugin, effect, None, 2, mark.error_id, sent.refused))
        if progress:
            await raw.execute(_SENT, *_turned(progress, 6))
        if dead:
            await raw.execute(_OUTBOX, *_turned(dead, 9))
        through = [mark.seq for mark in marks if mark.recorded and mark.ends]
        if through:
            await raw.execute(_SENT_GONE, through)

    async def _remember(self, raw: Any, marks: Sequence[Mark]) -> None:
        """Keep what the sending taught: slots, file ids, users who blocked the bot."""
        for sent in (sent for mark in marks for sent in mark.sent.values()):
            if sent.slot is not None:
                slot = sent.slot
                await raw.execute(_SLOT, slot.chat_id, slot.slot, slot.message_id, slot.photo)
            if sent.file_key is not None and sent.file_id is not None:
                await raw.execute(_FILE, self._bot_id, sent.file_key, sent.file_id)
            if sent.blocked is not None:
                await raw.execute(_BLOCKED, sent.blocked)


def _teaches(mark: Mark) -> bool:
    return any(sent.refused or sent.slot or sent.file_key or sent.blocked for sent in mark.sent.values())


def _keys(marks: Sequence[Mark]) -> list[list[int]]:
    return [[mark.seq for mark in marks], [mark.lane for mark in marks], [mark.epoch for mark in marks]]


@contextmanager
def translated() -> Iterator[None]:
    """SQLAlchemy's errors for the driver's, so that the rest of the core knows one kind.

    A replica that was declared dead may not claim lanes (the foreign key refuses it): that passes when it has
    registered anew, and so counts as the database's condition.
    """
    try:
        yield
    except (asyncpg.InterfaceError, OSError) as error:
        raise OperationalError("inbox", None, error, hide_parameters=True) from error
    except asyncpg.PostgresError as error:
        passing = str(error.sqlstate or "").startswith(("08", "57", "23503"))
        kind = OperationalError if passing else DBAPIError
        raise kind("inbox", None, error, hide_parameters=True) from error


def _turned(records: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as columns, for unnest."""
    return [[record[number] for record in records] for number in range(width)]


def _arrays(rows: Sequence[NewRow]) -> list[list[Any]]:
    return [
        [row.source for row in rows], [row.ext_id for row in rows], [row.lane for row in rows],
        [row.kind for row in rows], [row.express for row in rows], [row.payload for row in rows],
        [row.state for row in rows], [row.error for row in rows],
    ]  # fmt: skip


async def _raw(connection: AsyncConnection) -> Any:
    """The asyncpg connection under SQLAlchemy's."""
    pooled = await connection.get_raw_connection()
    return pooled.driver_connection
