"""Lanes of the plugin's own, so that a slow provider never holds up somebody's chat."""

from __future__ import annotations

_BASE = -(2**61)  # no chat, no group and no job of the core's is there


def lane_of(payment_id: int) -> int:
    """The lane in which the durable work about one payment is done, in order."""
    return _BASE - payment_id


def event_lane(event_id: int) -> int:
    """The lane of a notification whose payment is not known yet."""
    return _BASE + event_id
