"""The outbox: messages of a handler that wrote, committed with its writes, sent after them in the lane's order."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from astral_core.db.tables import SENDING, SENT, UNSENT
from astral_core.inbox.effect import Content, Effect, Sent
from astral_core.inbox.rows import InboxRow


@dataclass(slots=True)
class Delivery:
    """The messages of one inbox row on their way.

    `recorded`: they stand in the outbox. `doubtful`: an earlier owner may have sent the next one and died before it
    could note that. `noted`: the next one is marked as being sent, because it must not be repeated.
    """

    seq: int
    lane: int
    contents: dict[int, Content]
    recorded: bool
    results: dict[int, Sent] = field(default_factory=dict)
    unmarked: list[int] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    tries: int = 0
    doubtful: bool = False
    noted: bool = False

    @property
    def next(self) -> int | None:
        """The number of the next effect to send; None where all are through."""
        if len(self.results) == len(self.contents):
            return None
        return next((n for n in self.contents if n not in self.results), None)


@dataclass(slots=True)
class LaneContents:
    """What was found in a lane: everything that is pending, in order, and all messages that are unsent."""

    arrivals: int
    rows: list[InboxRow]
    deliveries: list[Delivery]


def read_deliveries(records: Iterable[Any]) -> list[Delivery]:
    """Deliveries out of outbox records (seq, n, lane, state, message_id, effect, data), in order.

    The next effect of each lane's first one is doubtful: whoever owned the lane before may have sent it. One that was
    noted as being sent, and that must not be repeated, counts as sent.
    """
    found: dict[int, Delivery] = {}
    for seq, n, lane, state, message_id, effect, data in records:
        delivery = found.setdefault(seq, Delivery(seq, lane, {}, recorded=True))
        delivery.contents[n] = Content(effect=msgspec.json.decode(effect, type=Effect), data=data)
        if state == SENDING:
            delivery.results[n] = Sent(refused="it may have been sent before the process died, and must not repeat")
            delivery.unmarked.append(n)
        elif state != UNSENT:
            delivery.results[n] = Sent(message_id=message_id if state == SENT else None)
    begun: set[int] = set()
    for delivery in found.values():
        delivery.doubtful = delivery.lane not in begun
        begun.add(delivery.lane)
    return list(found.values())
