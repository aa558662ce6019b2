"""Lanes of the plugin's own, so that a slow provider never holds up somebody's chat."""

from __future__ import annotations

_BASE = -(2**61)  # no chat, no group and no job of the core's is there
_STRANGERS = 4


def lane_of(payment_id: int) -> int:
    """The lane in which the durable work about one payment is done, in order."""
    return _BASE - payment_id


def event_lane(event_id: int, payment_id: int | None) -> int:
    """The lane of a notification: its payment's; those of unknown payments share a few, for anybody can post them."""
    return _BASE + event_id % _STRANGERS if payment_id is None else lane_of(payment_id)
