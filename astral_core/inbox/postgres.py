"""The inbox on PostgreSQL: N replicas, one statement a group commit, lanes claimed where their rows come in.

The statements go to asyncpg directly: arrays instead of a row a parameter, one round trip, prepared once. Safety
rests on three things in them: a row is ended once (`state = 0`), by the owner of the latest claim (owner and epoch),
and never before an earlier row of its lane. Liveness (who is dead, who takes over) is `inbox/replica.py`'s matter.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core.db.engine import Database, driver_of, open_database
from astral_core.db.link import Link
from astral_core.db.tables import DEAD_EFFECT, SENT, UNSENT
from astral_core.db.together import Together
from astral_core.db.translated import translated
from astral_core.errors import DueCancelled, Fenced
from astral_core.inbox import statements as sql
from astral_core.inbox.address import decode
from astral_core.inbox.effect import OutgoingEffect
from astral_core.inbox.lease import Lease
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
)

log = logging.getLogger("astral.inbox")

LINKS = ("store", "mark", "read", "notify")  # connections; one more is for marks with much to say
_Wanted = tuple[int, int, int]  # a lane, the epoch of its claim, and how many of its rows


class PostgresJournal:
    """The journal of one replica. One connection stores, one marks, one reads: neither waits for another."""

    def __init__(self, database: Database, bot_id: int, lease: Lease) -> None:
        self._lease = lease
        url = database.engine.url.render_as_string(hide_password=False)
        # A pool of its own: handlers may hold all of theirs, and Telegram waits for an answer.
        self._database = open_database(url, len(LINKS) + 1, name=database.name)
        self._bot_id = bot_id
        self._lanes: Together[_Wanted, LaneContents] = Together(self._load_all, "astral-inbox-read")
        self._links = {name: Link(self._database, "inbox") for name in LINKS}
        self._marking = asyncio.Lock()

    @property
    def owner(self) -> int | None:
        """The number under which lanes are claimed."""
        return self._lease.owner

    async def open(self) -> None:
        """Connect."""
        for link in self._links.values():
            link.open()
        await self._query("store", "SELECT 1")

    async def close(self) -> None:
        """Close the journal's own connections."""
        for link in self._links.values():
            await link.close()
        await self._database.dispose()

    async def commit(self, rows: Sequence[NewRow], marks: Sequence[Progress]) -> CommitResult:
        """Store `rows` in one statement and note `marks` in another, side by side; all or nothing of each."""
        if not marks:
            return CommitResult(await self._store(rows))
        if not rows:
            return CommitResult(InsertResult([]), await self._mark(marks))
        stored, fenced = await asyncio.gather(self._store(rows), self._mark(marks), return_exceptions=True)
        for outcome in (stored, fenced):
            if isinstance(outcome, BaseException):
                raise outcome
        return CommitResult(stored, fenced)  # type: ignore[arg-type]  # exceptions were raised above

    async def insert(self, connection: AsyncConnection, rows: Sequence[NewRow]) -> InsertResult:
        """Insert `rows` in the caller's transaction."""
        with translated("inbox"):
            found = await _fetch(driver_of(connection), sql.STORE, *_arrays(rows), self.owner)
        return self._stored(rows, found)

    def handed(self, stored: InsertResult) -> None:
        """Nothing: the count of arrivals tells which rows `load` has seen."""

    async def finish(
        self, connection: AsyncConnection, row: InboxRow, epoch: int, contents: Sequence[OutgoingEffect],
        over: Ended | None = None,
    ) -> None:  # fmt: skip
        """End `row`, record messages, end what is `over`; Fenced where `row` is not ours, pending and the first."""
        raw = driver_of(connection)
        with translated("inbox"):
            if not await _fetch(raw, sql.DONE_FIRST, [row.seq], [row.lane], [epoch], self.owner):
                raise Fenced(f"row {row.seq} is not pending, not this replica's, or not the first of its lane")
            if contents:
                await self.record(connection, row.seq, row.lane, contents)
            if over is not None and await self._end_due(raw, [over]) != 1:
                raise DueCancelled(f"row {row.seq} was cancelled or replaced while it ran")

    async def record(
        self, connection: AsyncConnection, seq: int, lane: int, contents: Sequence[OutgoingEffect]
    ) -> None:
        """Put messages into the outbox in the caller's transaction."""
        raw, records = driver_of(connection), []
        for n, content in enumerate(contents):
            blob = None
            if content.data is not None:
                blob = await raw.fetchval("INSERT INTO core_blobs (data) VALUES ($1) RETURNING id", content.data)
            records.append((seq, n, lane, content.effect.plugin, content.record, blob, UNSENT, None, None))
        await _fetch(raw, sql.OUTBOX, *_turned(records, 9))

    async def load(self, lane: int, epoch: int, limit: int) -> LaneContents | None:
        """What waits in `lane`, as one snapshot; None where its claim of `epoch` is not this replica's any more.

        Lanes that are asked for while a look is under way share the next one.
        """
        return await self._lanes.find((lane, epoch, limit))

    async def _load_all(self, asked: Sequence[_Wanted]) -> dict[_Wanted, LaneContents]:
        claims = list({(lane, epoch): None for lane, epoch, _ in asked})
        least = min(limit for _, _, limit in asked)
        keys = [lane for lane, _ in claims], [epoch for _, epoch in claims]
        found: dict[tuple[int, int], LaneContents] = {}
        unsent: dict[int, LaneContents] = {}
        paced: dict[int, LaneContents] = {}
        for lane, epoch, arrivals, messages, wanted, *columns in await self._query(
            "read", sql.LOAD, *keys, self.owner, least
        ):
            contents = found.get((lane, epoch))
            if contents is None:
                contents = found[lane, epoch] = LaneContents(arrivals, [], [])
                if messages:
                    unsent[lane] = contents
                if wanted:
                    paced[lane] = contents
            if columns[0] is not None:
                contents.rows.append(_row(lane, columns))
        if unsent:
            for delivery in read_deliveries(await self._query("read", sql.UNSENT_MESSAGES, list(unsent))):
                unsent[delivery.lane].deliveries.append(delivery)
        if paced:
            for lane, *key in await self._query("read", sql.PACED, list(paced)):
                paced[lane].paced.append(tuple(key))
        return {one: found[one[:2]] for one in asked if one[:2] in found}

    async def fired(self, numbers: Sequence[int]) -> list[Fired]:
        """The due rows of these numbers that were fired and are still there."""
        return [Fired(*record) for record in await self._query("read", sql.FIRED, list(numbers))]

    async def waiting(self) -> list[LaneSnapshot]:
        """Every lane that this replica owns."""
        if self.owner is None:
            return []
        return [LaneSnapshot(*record) for record in await self._query("read", sql.WAITING, self.owner)]

    async def fed(self, resting: Mapping[int, int]) -> list[int]:
        """Those of our lanes whose count of arrivals is not the one given: somebody else stored rows."""
        if self.owner is None:
            return []
        lanes, counts = ",".join(map(str, resting)), ",".join(map(str, resting.values()))
        found = await self._query("read", sql.FED, self.owner, lanes, counts)
        return [record[0] for record in found]

    async def adopt(self, limit: int) -> list[LaneArrival]:
        """Claim up to `limit` lanes that wait and have no owner, those that nobody else claims in this moment."""
        if self.owner is None:
            return []
        return [LaneArrival(*record) for record in await self._query("read", sql.ADOPT, self.owner, limit)]

    async def release(self, lanes: Sequence[LaneSnapshot], *, idle: bool) -> list[int]:
        """Give lanes back: idle ones where nothing came meanwhile, or all that are named, for others to adopt."""
        if not lanes or self.owner is None:
            return []
        numbers, epochs = [lane.lane for lane in lanes], [lane.epoch for lane in lanes]
        if idle:
            arrivals = [lane.arrivals for lane in lanes]
            found = await self._query("read", sql.RELEASE_IDLE, self.owner, numbers, epochs, arrivals)
        else:
            found = await self._query("read", sql.RELEASE, self.owner, numbers, epochs)
        return [record[0] for record in found]

    async def announce(self, arrivals: Sequence[LaneArrival]) -> None:
        """Notify other owners in a statement of its own: within the commit it would serialise all commits."""
        lanes = defaultdict(list)
        for arrival in arrivals:
            if arrival.owner != self.owner:
                lanes[arrival.owner].append(str(arrival.lane))
        for owner, numbers in lanes.items():
            channel = f"{sql.CHANNEL}_{owner}" if owner is not None else sql.CHANNEL
            text = ",".join(numbers)
            await self._query("notify", "SELECT pg_notify($1, $2)", channel, text if len(text) < 7900 else "")

    async def count(self) -> InboxStats:
        """How much there is of everything."""
        return InboxStats(*(await self._query("read", sql.COUNT))[0])

    async def fullest(self, least: int) -> dict[int, int]:
        """The lanes in which at least so many updates are pending, with their numbers."""
        return {record[0]: record[1] for record in await self._query("read", sql.FULLEST, least)}

    # ---

    async def _query(self, link: str, query: str, *arguments: Any) -> list[Any]:
        """Run one statement on the connection of this name."""
        return await self._links[link].fetch(query, *_texts(arguments))

    async def _store(self, rows: Sequence[NewRow]) -> InsertResult:
        users = {row.user["id"]: row.user for row in rows if row.user is not None}
        if users:  # before the lanes: a handler may hold a user's row and wait for a lane, never the other way round
            names = ("id", "first_name", "last_name", "username", "language_code")
            ordered = [users[key] for key in sorted(users)]
            await self._query("store", sql.USERS, *([user[name] for user in ordered] for name in names))
        chats = {row.chat["id"]: row.chat for row in rows if row.chat is not None}
        if chats:
            names = ("id", "type", "title", "username", "is_forum")
            ordered = [chats[key] for key in sorted(chats)]
            await self._query("store", sql.CHATS, *([chat[name] for chat in ordered] for name in names))
        stored = self._stored(rows, await self._query("store", sql.STORE, *_arrays(rows), self.owner))
        if failpoint.armed:
            failpoint.hit("ingest.committed")
        return stored

    @staticmethod
    def _stored(rows: Sequence[NewRow], records: Sequence[Any]) -> InsertResult:
        found = {(record[1], record[2]): record for record in records}
        lanes = {
            record[4]: LaneArrival(record[4], record[5], record[6], record[7], record[9], record[8])
            for record in records
        }
        answers: list[InboxRow | None] = []
        for row in rows:
            record = found.pop((row.source, row.ext_id), None)
            answers.append(row.stored(record[0], record[3]) if record is not None else None)
        return InsertResult(answers, list(lanes.values()))

    async def _mark(self, marks: Sequence[Progress]) -> set[int]:
        plain = [mark for mark in marks if mark.ends and not mark.recorded]
        if len(plain) == len(marks) and not any(mark.due or (mark.sent and _teaches(mark)) for mark in marks):
            return await self._done(plain)
        async with self._marking:
            return await self._mark_all(marks, plain)

    async def _done(self, marks: Sequence[Progress]) -> set[int]:
        ended = {record[0] for record in await self._query("mark", sql.DONE, *_keys(marks), self.owner)}
        return {mark.seq for mark in marks if mark.seq not in ended}

    async def _mark_all(self, marks: Sequence[Progress], plain: Sequence[Progress]) -> set[int]:
        """Everything in one transaction: what was sent, what that taught, which rows are done."""
        async with self._database.engine.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")  # the transaction begins
            raw = driver_of(connection)
            with translated("inbox"):
                await self._note(raw, marks)
                await self._remember(raw, marks)
                found = await _fetch(raw, sql.DONE, *_keys(plain), self.owner) if plain else ()
                ended = {record[0] for record in found}
                await self._end_due(raw, [mark.due for mark in plain if mark.due is not None and mark.seq in ended])
            await connection.commit()
        return {mark.seq for mark in plain if mark.seq not in ended}

    @staticmethod
    async def _end_due(raw: Any, ended: Sequence[Ended]) -> int:
        """Due rows go with the rows that were made of them, or wait for their next run; how many were there."""
        there = 0
        gone = [(due.number, due.generation) for due in ended if due.again is None]
        if gone:
            there += len(await _fetch(raw, sql.DUE_GONE, *_turned(gone, 2)))
        again = [(due.number, due.generation, due.again.isoformat()) for due in ended if due.again is not None]
        if again:
            there += len(await _fetch(raw, sql.DUE_AGAIN, *_turned(again, 3)))
        return there

    @staticmethod
    async def _note(raw: Any, marks: Sequence[Progress]) -> None:
        """Write down which messages are sent, and which will never be; what is through goes."""
        progress, dead = [], []
        for mark in marks:
            for n, sent in mark.sent.items():
                if mark.recorded and (sent.refused or not mark.ends):
                    refused = (DEAD_EFFECT, None, mark.error_id, sent.refused)
                    progress.append(
                        (mark.seq, n, *(refused if sent.refused else (SENT, sent.message_id, None, None)))
                    )
                elif sent.refused and not mark.recorded:
                    effect = msgspec.json.encode(mark.dead[n]).decode()
                    plugin = mark.dead[n].plugin
                    dead.append(
                        (mark.seq, n, mark.lane, plugin, effect, None, DEAD_EFFECT, mark.error_id, sent.refused)
                    )
        if progress:
            await _fetch(raw, sql.SENT, *_turned(progress, 6))
        if dead:
            await _fetch(raw, sql.OUTBOX, *_turned(dead, 9))
        through = [mark.seq for mark in marks if mark.recorded and mark.ends]
        if through:
            await _fetch(raw, sql.SENT_GONE, through)

    async def _remember(self, raw: Any, marks: Sequence[Progress]) -> None:
        """Keep what the sending taught: slots, file ids, users who blocked the bot."""
        for sent in (sent for mark in marks for sent in mark.sent.values()):
            if sent.slot is not None:
                slot = sent.slot
                key = slot.chat_id, slot.place, slot.user_id, slot.slot
                await raw.execute(sql.SLOT, *key, slot.message_id, slot.photo)
            if sent.file_key is not None and sent.file_id is not None:
                await raw.execute(sql.FILE, self._bot_id, sent.file_key, sent.file_id, sent.file_owner)
            if sent.blocked is not None:
                await raw.execute(sql.BLOCKED, sent.blocked)


async def _fetch(raw: Any, statement: str, *arguments: Any) -> list[Any]:
    """Run a statement of `statements.py` in somebody's transaction."""
    return list(await raw.fetch(statement, *_texts(arguments)))


def _texts(arguments: Sequence[Any]) -> list[Any]:
    """What the driver takes: the arrays of `statements.py` are of texts."""
    return [
        [None if value is None else str(value) for value in argument] if isinstance(argument, list) else argument
        for argument in arguments
    ]


def _row(lane: int, columns: Sequence[Any]) -> InboxRow:
    seq, source, ext_id, kind, express, payload, received_at, attempts, crashes, address = columns
    to = decode(address, chat_of(lane))
    return InboxRow(seq, source, ext_id, lane, kind, express, payload or "", received_at, attempts, crashes, to=to)


def _teaches(mark: Progress) -> bool:
    return any(sent.refused or sent.slot or sent.file_key or sent.blocked for sent in mark.sent.values())


def _keys(marks: Sequence[Progress]) -> list[list[int]]:
    return [[mark.seq for mark in marks], [mark.lane for mark in marks], [mark.epoch for mark in marks]]


def _turned(records: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as columns, for unnest."""
    return [[record[number] for record in records] for number in range(width)]


def _arrays(rows: Sequence[NewRow]) -> list[list[Any]]:
    return [
        [row.source for row in rows], [row.ext_id for row in rows], [row.lane for row in rows],
        [row.kind for row in rows], [row.express for row in rows], [row.payload for row in rows],
        [row.state for row in rows], [row.error for row in rows], [row.address for row in rows],
    ]  # fmt: skip
