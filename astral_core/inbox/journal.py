"""The inbox's statements, one implementation an engine: what must be fast, and what must be one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import Database
from astral_core.inbox.effect import OutgoingEffect
from astral_core.inbox.lease import Lease
from astral_core.inbox.outbox import LaneContents
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
)


class Journal(Protocol):
    """The inbox in one database."""

    @property
    def owner(self) -> int | None:
        """The number under which lanes are claimed; None claims nothing."""
        ...

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Close the journal's own connections."""

    async def commit(self, rows: Sequence[NewRow], marks: Sequence[Progress]) -> CommitResult:
        """Store `rows` and note `marks` durably, all or nothing of each."""
        ...

    async def insert(self, connection: AsyncConnection, rows: Sequence[NewRow]) -> InsertResult:
        """Insert `rows` in the caller's transaction; `handed` has to follow."""
        ...

    def handed(self, stored: InsertResult) -> None:
        """What `insert` stored is handed out, or its transaction was given up."""

    async def finish(
        self, connection: AsyncConnection, row: InboxRow, epoch: int, contents: Sequence[OutgoingEffect],
        over: Ended | None = None,
    ) -> None:  # fmt: skip
        """End `row`, and the due row that is `over`, and record its messages in the handler's transaction.

        Fenced where `row` is not ours any more, DueCancelled where the due row is gone.
        """

    async def record(
        self, connection: AsyncConnection, seq: int, lane: int, contents: Sequence[OutgoingEffect]
    ) -> None:
        """Put messages into the outbox in the caller's transaction."""

    async def load(self, lane: int, epoch: int, limit: int) -> LaneContents | None:
        """What waits in `lane`, at most `limit` rows; None where it is not ours any more."""
        ...

    async def fired(self, numbers: Sequence[int]) -> list[Fired]:
        """The due rows of these numbers that were fired and are still there."""
        ...

    async def waiting(self) -> list[LaneSnapshot]:
        """Every lane of ours in which something may wait."""
        ...

    async def fed(self, resting: Mapping[int, int]) -> list[int]:
        """Those of our lanes into which somebody else stored rows: their count of arrivals is not the one given."""
        ...

    async def adopt(self, limit: int) -> list[LaneArrival]:
        """Claim lanes that wait and have no owner."""
        ...

    async def release(self, lanes: Sequence[LaneSnapshot], *, idle: bool) -> list[int]:
        """Give lanes back; `idle` ones only where nothing came meanwhile. Return those that are given back."""
        ...

    async def announce(self, arrivals: Sequence[LaneArrival]) -> None:
        """Tell the owners of lanes that rows came for them."""

    async def count(self) -> InboxStats:
        """How much there is of everything."""
        ...

    async def fullest(self, least: int) -> dict[int, int]:
        """The lanes in which at least so many updates are pending, with their numbers."""
        ...


def open_journal(database: Database, bot_id: int, lease: Lease) -> Journal:
    """The journal that fits `database`; lanes are claimed under the number of `lease`."""
    if database.is_sqlite:
        from astral_core.inbox.sqlite import SqliteJournal

        return SqliteJournal(database, bot_id)
    from astral_core.inbox.postgres import PostgresJournal

    return PostgresJournal(database, bot_id, lease)
