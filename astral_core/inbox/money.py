"""Which rows are about money: they are never given up for the deaths of processes, and a deletion leaves them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

import msgspec

PAYMENT = ('"successful_payment"', '"refunded_payment"')
"""What an update with a payment or a refund has in its JSON."""


class Row(Protocol):
    """What is asked of a row, whether it comes from the database or from Telegram."""

    @property
    def source(self) -> str: ...
    @property
    def payload(self) -> str: ...


def has_payment(payload: str) -> bool:
    """Whether an update tells of a payment or a refund."""
    return any(word in payload for word in PAYMENT)


def is_about_money(row: Row, payments: Collection[str]) -> bool:
    """Whether the row is a payment, a refund, or durable work of a plugin that takes payments, or for it.

    `payments` names these plugins.
    """
    if row.source.startswith("tg:"):
        return has_payment(row.payload)
    return any(name.partition(".")[0] in payments for name in named_by(row))


def named_by(row: Row) -> list[str]:
    """The route, the job, the event and the plugin that a durable row names; empty where it cannot be read."""
    try:
        body = msgspec.json.decode(row.payload, type=dict[str, Any])
    except msgspec.MsgspecError:
        return []
    return [str(body[key]) for key in ("route", "job", "event", "plugin") if body.get(key) is not None]
