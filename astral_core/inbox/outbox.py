"""The outbox: messages of a handler that wrote, committed with its writes, sent after them in the lane's order."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from astral_core.db.tables import SENDING, SENT, UNSENT
from astral_core.errors import EffectError
from astral_core.inbox.effect import Effect, OutgoingEffect, SendResult, SlotKey, slot_key
from astral_core.inbox.envelope import as_json
from astral_core.inbox.rows import Fired, InboxRow

_effect = msgspec.json.Decoder(Effect)
UNREADABLE = "the outbox holds a message that this version cannot read"


@dataclass(slots=True)
class Delivery:
    """The messages of one inbox row on their way.

    `recorded`: they stand in the outbox. `doubtful`: an earlier owner may have sent the next one and died before it
    could note that. `due`: what its row was made of, if that ends with the mark. `noted`: the next one is marked as
    being sent, because it must not be repeated.
    """

    seq: int
    lane: int
    contents: dict[int, OutgoingEffect]
    recorded: bool
    results: dict[int, SendResult] = field(default_factory=dict)
    unmarked: list[int] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    tries: int = 0
    doubtful: bool = False
    due: Fired | None = None
    noted: bool = False

    @property
    def next(self) -> int | None:
        """The number of the next effect to send; None where all are through."""
        if len(self.results) == len(self.contents):
            return None
        return next((n for n in self.contents if n not in self.results), None)

    def shows(self, key: SlotKey) -> bool:
        """Whether one of the effects that are still to be sent goes to this slot."""
        unsent = (content.effect for n, content in self.contents.items() if n not in self.results)
        return any(effect.method == "show" and slot_key(effect) == key for effect in unsent)


@dataclass(slots=True)
class LaneContents:
    """What was found in a lane: everything that is pending, in order, and all messages that are unsent.

    `paced`: the slots that are to show something else.
    """

    arrivals: int
    rows: list[InboxRow]
    deliveries: list[Delivery]
    paced: list[SlotKey] = field(default_factory=list)


def recorded(effect: Effect, data: bytes | None = None) -> OutgoingEffect:
    """The effect as it is stored and sent: a copy of plain JSON values, which nobody changes afterwards.

    What cannot be stored fails here, in the handler that made it. Later it would fail in the commit, and once more
    in the note about the failure. Raises EffectError.
    """
    try:
        record = as_json(effect)
        return OutgoingEffect(effect=_effect.decode(record), record=record, data=data)
    except Exception as error:
        raise EffectError(
            f"plugin {effect.plugin!r}: {str(effect.method)[:64]!r} cannot be stored as JSON "
            f"({type(error).__name__}: {str(error)[:200]}). Fix: pass text, whole numbers of 64 bits, lists, dicts."
        ) from error


def read_deliveries(records: Iterable[Any]) -> list[Delivery]:
    """Deliveries out of outbox records (seq, n, lane, state, message_id, effect, data), in order.

    The next effect of each lane's first one is doubtful: whoever owned the lane before may have sent it. One that was
    noted as being sent, and that must not be repeated, counts as sent.
    """
    found: dict[int, Delivery] = {}
    for seq, n, lane, state, message_id, effect, data in records:
        delivery = found.setdefault(seq, Delivery(seq, lane, {}, recorded=True))
        content = read_effect(effect, data)
        delivery.contents[n] = content or recorded(Effect(method="?", params={}))
        if content is None and state == UNSENT:
            delivery.results[n] = SendResult(refused=UNREADABLE)
            delivery.unmarked.append(n)
        elif state == SENDING:
            delivery.results[n] = SendResult(
                refused="it may have been sent before the process died, and must not repeat"
            )
            delivery.unmarked.append(n)
        elif state != UNSENT:
            delivery.results[n] = SendResult(message_id=message_id if state == SENT else None)
    return _doubted(found.values())


def read_effect(record: str, data: bytes | None) -> OutgoingEffect | None:
    """The content of an outbox row; None where another version wrote it and this one cannot read it."""
    try:
        return OutgoingEffect(effect=_effect.decode(record), record=record, data=data)
    except msgspec.MsgspecError:
        return None


def _doubted(deliveries: Iterable[Delivery]) -> list[Delivery]:
    found, begun = list(deliveries), set[int]()
    for delivery in found:
        delivery.doubtful = delivery.lane not in begun
        begun.add(delivery.lane)
    return found
