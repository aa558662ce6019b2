"""What the inbox is made of: rows to be stored, rows to be handled, and the notes of what became of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from astral_core.db.tables import PENDING
from astral_core.inbox.address import Address, encode
from astral_core.inbox.effect import Effect, SendResult

INTERNAL = "internal"  # the beginning of the sources of rows that the bot makes itself
# An express row has a lane of its own beside the chat's: the user's id with one of these numbers above it. Telegram
# keeps its own queues apart in the same way, and says that ids have at most 52 significant bits.
EXPRESS_LANES = {"pre_checkout_query": 1, "shipping_query": 2, "inline_query": 3}
_EXPRESS_SHIFT, _ID_MASK = 56, 2**52 - 1


def express_lane(kind: str, user_id: int) -> int:
    """The lane of a user's express queries of one kind."""
    return EXPRESS_LANES[kind] << _EXPRESS_SHIFT | user_id & _ID_MASK


def is_express(lane: int) -> bool:
    """Whether `lane` is an express lane."""
    return lane >> _EXPRESS_SHIFT in EXPRESS_LANES.values()


def chat_of(lane: int) -> int:
    """The chat that `lane` belongs to."""
    return lane & _ID_MASK if is_express(lane) else lane


def is_internal(source: str) -> bool:
    """Whether rows of this source are the bot's own work."""
    return source.startswith(f"{INTERNAL}:")


class Fired(msgspec.Struct, frozen=True):
    """The due row that an inbox row was made of: which one, its failures so far, and since when it has been tried.

    `attempts` counts failures that were bugs, `tries` all in a row. `schedule` is that of recurring work, as stored.
    `due_at` is when it was due. `clock` is what the database's clock showed when the due row was read.
    """

    number: int
    generation: int
    attempts: int = 0
    tries: int = 0
    since: datetime | None = None
    schedule: str | None = None
    due_at: datetime | None = None
    clock: datetime | None = None


class InboxRow(msgspec.Struct, frozen=True):
    """A pending row. `payload` is JSON; `received_at` is when it was stored, or was to be done first.

    `to` is its address where that is more than its lane's chat. `seen` is when this process received it or read it
    from the database, by its monotonic clock.
    """

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
    due: Fired | None = None
    to: Address | None = None
    seen: float = msgspec.field(default_factory=time.monotonic)

    @property
    def internal(self) -> bool:
        """Whether it is the bot's own work, and no update."""
        return is_internal(self.source)

    @property
    def address(self) -> Address:
        """Where the row belongs, and its answers go."""
        return self.to if self.to is not None else Address(chat=chat_of(self.lane))

    @property
    def chat(self) -> int:
        """The chat to speak to."""
        return self.to.chat if self.to is not None else chat_of(self.lane)


class NewRow(msgspec.Struct):
    """A row to be stored; the result is its InboxRow, or None for a duplicate.

    `user` are columns of core_users, `chat` of core_chats: what the row shows of them. `to` is its address, where
    that is more than its lane's chat.
    """

    source: str
    ext_id: str
    lane: int
    kind: str
    payload: str
    express: bool = False
    state: int = PENDING
    error: str | None = None
    user: dict[str, Any] | None = None
    chat: dict[str, Any] | None = None
    to: Address | None = None
    seen: float = msgspec.field(default_factory=time.monotonic)

    def stored(self, seq: int, moment: datetime) -> InboxRow:
        """The row as it stands in the inbox now."""
        return InboxRow(
            seq, self.source, self.ext_id, self.lane, self.kind, self.express, self.payload, moment,
            to=self.to, seen=self.seen,
        )  # fmt: skip

    @property
    def address(self) -> str | None:
        """The address as the database keeps it."""
        return encode(self.to, chat_of(self.lane))


class LaneArrival(msgspec.Struct, frozen=True):
    """What a commit did to one lane: who owns it now, since which claim, and the count of its rows so far.

    `added` of them came with this commit. `state` is CLAIMED where nothing was pending when the owner took it.
    """

    lane: int
    owner: int | None
    epoch: int
    arrivals: int
    added: int
    state: int


class InsertResult(msgspec.Struct):
    """The result of an insert: one entry a new row, and the lanes that they went to (none where nobody shares)."""

    rows: list[InboxRow | None]
    arrivals: list[LaneArrival] = []


class Ended(msgspec.Struct, frozen=True):
    """The due row that goes with its inbox row, or, if it recurs, waits until `again`."""

    number: int
    generation: int
    again: datetime | None = None


class Progress(msgspec.Struct):
    """Progress to be noted: of messages that were sent, and of the row that they answer.

    `recorded`: the messages stand in the outbox and their row is done; else the row is done with this mark if it
    `ends`, and with it what is `due`. `sent` holds results by number since the last mark; `dead` the effects that
    Telegram refused for good.
    """

    seq: int
    lane: int
    epoch: int
    recorded: bool
    ends: bool
    due: Ended | None = None
    sent: dict[int, SendResult] = {}
    dead: dict[int, Effect] = {}
    error_id: str = ""


class CommitResult(msgspec.Struct):
    """What a group commit did: the stored rows, and the seqs of marks that found their row already ended."""

    stored: InsertResult
    fenced: set[int] = set()


class LaneSnapshot(msgspec.Struct, frozen=True):
    """A lane as the database knows it, to be compared with memory."""

    lane: int
    epoch: int
    arrivals: int


class InboxStats(msgspec.Struct, frozen=True):
    """What the database holds, of all replicas: rows, messages, processes; `oldest` is an age in seconds.

    `internal` ones of the pending rows are the bot's own work. `parked` rows wait until their plugin is back. `clock`
    is what the database's clock showed.
    """

    pending: int
    dead: int
    oldest: float
    unsent: int
    replicas: int
    parked: int = 0
    internal: int = 0
    clock: datetime | None = None


def unique(rows: Sequence[NewRow]) -> dict[tuple[str, str], NewRow]:
    """The first of each (source, ext_id), in order."""
    found: dict[tuple[str, str], NewRow] = {}
    for row in rows:
        found.setdefault((row.source, row.ext_id), row)
    return found
