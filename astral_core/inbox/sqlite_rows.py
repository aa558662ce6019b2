"""Rows in SQLite, written with its own connection: by the journal, and in a handler's transaction by one hop.

Each step of a statement lets go of the interpreter's lock and has to get it back from a busy loop, and so whole
batches go in few statements.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from astral_core.db.tables import DONE, PENDING, UNSENT, DueState, now
from astral_core.errors import DueCancelled, Fenced
from astral_core.inbox.effect import OutgoingEffect
from astral_core.inbox.rows import Ended, InboxRow, NewRow

T = TypeVar("T")

# The numbers are given out here, so that none has to be asked for.
_SIZES = (64, 8, 1)
_MANY = (
    "INSERT INTO core_inbox"
    " (seq, source, ext_id, lane, kind, express, payload, state, attempts, crashes, received_at, error, address)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?) ON CONFLICT (source, ext_id) DO NOTHING"
)
_ONE = "(?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?)"
_INSERTS = {size: _MANY.replace(_ONE, ", ".join([_ONE] * size)) for size in _SIZES}
_LAST = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'core_inbox'"
_STORED = "SELECT seq FROM core_inbox WHERE seq > ?"
_DONE = f"UPDATE core_inbox SET state = {DONE}, payload = NULL, done_at = ? WHERE seq = ? AND state = {PENDING}"
_FIRST = (  # what was answered already is done all the same; a handler that wrote can still be rolled back
    " AND NOT EXISTS (SELECT 1 FROM core_inbox AS earlier WHERE earlier.lane = core_inbox.lane"
    f" AND earlier.state = {PENDING} AND earlier.seq < core_inbox.seq)"
)
OUTBOX = (
    "INSERT INTO core_outbox (seq, n, lane, plugin, effect, blob_id, state, attempts, created_at, error_id, error)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)"
)
_DUE_GONE = f"DELETE FROM core_due WHERE id = ? AND generation = ? AND state = {DueState.FIRED}"
_DUE_AGAIN = (
    f"UPDATE core_due SET state = {DueState.WAITING}, due_at = ?, generation = generation + 1, attempts = 0,"
    f" tries = 0, since = NULL WHERE id = ? AND generation = ? AND state = {DueState.FIRED}"
)


def insert(
    connection: sqlite3.Connection, new: dict[tuple[str, str], NewRow], moment: datetime
) -> dict[tuple[str, str], int]:
    """Insert rows; the numbers of those that were not here yet."""
    ((last,),) = connection.execute(_LAST).fetchall()
    records = [(seq, *_columns(row, moment)) for seq, row in enumerate(new.values(), last + 1)]
    stored = 0
    for batch in _batches(records):
        stored += connection.execute(_INSERTS[len(batch)], [value for record in batch for value in record]).rowcount
    found = dict(zip(new, range(last + 1, last + 1 + len(new)), strict=True))
    if stored != len(new):  # some were here already
        there = {seq for (seq,) in connection.execute(_STORED, (last,)).fetchall()}
        found = {key: seq for key, seq in found.items() if seq in there}
    return found


def finish(
    connection: sqlite3.Connection, row: InboxRow, contents: Sequence[OutgoingEffect], over: Ended | None
) -> None:
    """End a row, record its messages, end its due row. Fenced, or DueCancelled, where that was ended before."""
    if connection.execute(_DONE + _FIRST, (as_text(now()), row.seq)).rowcount != 1:
        raise Fenced(f"row {row.seq} is not pending, or an earlier one of its lane is")
    record(connection, row.seq, row.lane, contents)
    if over is not None and not end_due(connection, over):
        raise DueCancelled(f"row {row.seq} was cancelled or replaced while it ran")


def end_due(connection: sqlite3.Connection, over: Ended) -> bool:
    """The due row goes, or waits for its next run; False where it was gone or replaced."""
    if over.again is None:
        return connection.execute(_DUE_GONE, (over.number, over.generation)).rowcount == 1
    return connection.execute(_DUE_AGAIN, (as_text(over.again), over.number, over.generation)).rowcount == 1


def record(connection: sqlite3.Connection, seq: int, lane: int, contents: Sequence[OutgoingEffect]) -> None:
    """Put messages into the outbox."""
    when = as_text(now())
    for n, content in enumerate(contents):
        blob = None
        if content.data is not None:
            blob = connection.execute("INSERT INTO core_blobs (data) VALUES (?)", (content.data,)).lastrowid
        values = (seq, n, lane, content.effect.plugin, content.record, blob, UNSENT, when, None, None)
        connection.execute(OUTBOX, values)


def _columns(row: NewRow, moment: datetime) -> tuple[Any, ...]:
    return (
        row.source, row.ext_id, row.lane, row.kind, row.express, row.payload, row.state, as_text(moment), row.error,
        row.address,
    )  # fmt: skip


def _batches(records: Sequence[T]) -> Iterator[Sequence[T]]:
    """`records` in pieces of the few sizes that there are statements for."""
    place = 0
    for size in _SIZES:
        while len(records) - place >= size:
            yield records[place : place + size]
            place += size


def listed(numbers: Sequence[int]) -> str:
    """Numbers as a statement takes them."""
    return msgspec.json.encode(numbers).decode()


def answers(rows: Iterable[NewRow], found: dict[tuple[str, str], int], moment: datetime) -> list[InboxRow | None]:
    """One answer a row: the stored row; None for a duplicate and for one that nobody has to handle."""
    told: list[InboxRow | None] = []
    for row in rows:
        seq = found.pop((row.source, row.ext_id), None)
        told.append(row.stored(seq, moment) if seq is not None and row.state == PENDING else None)
    return told


def as_text(moment: datetime) -> str:
    """A time as SQLAlchemy's DateTime keeps it in SQLite."""
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def as_moment(text: str) -> datetime:
    """A time that was kept in this way."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
