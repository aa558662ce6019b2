"""The state machine of a payment. `advance` alone writes a payment's status.

created ─▶ pending ─▶ waiting_for_capture ─▶ succeeded | canceled
   │ └▶ failed (refused)     `unknown`: nobody knows whether the provider created it; asked again with the same key
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import now
from astral_payments.errors import PaymentsError
from astral_payments.store import PaymentRow
from astral_payments.tables import payments, transitions

CREATED, UNKNOWN, PENDING, WAITING = "created", "unknown", "pending", "waiting_for_capture"
SUCCEEDED, CANCELED, FAILED = "succeeded", "canceled", "failed"

Cause = Literal["create", "event", "poll", "return", "button", "update", "admin", "sweep"]

TRANSITIONS: Mapping[str, frozenset[str]] = {
    CREATED: frozenset({UNKNOWN, PENDING, WAITING, SUCCEEDED, CANCELED, FAILED}),
    UNKNOWN: frozenset({PENDING, WAITING, SUCCEEDED, CANCELED, FAILED}),
    PENDING: frozenset({WAITING, SUCCEEDED, CANCELED}),
    WAITING: frozenset({SUCCEEDED, CANCELED}),
    SUCCEEDED: frozenset(),
    CANCELED: frozenset(),
    FAILED: frozenset(),
}
"""What may follow what. Statuses may be skipped, never gone back."""

_RANK = {CREATED: 0, UNKNOWN: 0, PENDING: 1, WAITING: 2, SUCCEEDED: 3, CANCELED: 3, FAILED: 3}


class IllegalTransition(PaymentsError):
    """A status that cannot follow the present one."""


def is_final(status: str) -> bool:
    """Whether nothing can follow `status`."""
    return not TRANSITIONS[status]


def is_old_news(status: str, told: str) -> bool:
    """Whether `told` is what a payment in `status` has left behind, or is in already."""
    return told == status or _RANK[told] < _RANK[status]


async def advance(session: AsyncSession, payment: PaymentRow, to: str, cause: Cause, **values: Any) -> None:
    """Move the locked row `payment` to the status `to` and write it into the audit; `values` are more columns.

    :raises IllegalTransition: `to` cannot follow, or somebody else was quicker.
    """
    if to not in TRANSITIONS[payment.status]:
        raise IllegalTransition(f"payment {payment.id}: {to!r} cannot follow {payment.status!r}")
    if is_final(to):
        values = {**values, "next_check_at": None, "settled_at": now()}
    changed = await session.execute(
        update(payments)
        .where(payments.c.id == payment.id, payments.c.status == payment.status)
        .values(status=to, **values)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result has it
        raise IllegalTransition(f"payment {payment.id} is not {payment.status!r} any more")
    row = {"payment_id": payment.id, "from_status": payment.status, "to_status": to, "cause": cause}
    await session.execute(insert(transitions).values(**row))
