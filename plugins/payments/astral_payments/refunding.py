"""Money that goes back: what is asked for, what came of it, and the product that is taken back with it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import Work, now
from astral_payments.api import OrderRevoked
from astral_payments.store import OrderRow, PaymentRow, inserting
from astral_payments.tables import PAID, REFUNDED, entitlements, orders, payments, refunds

FIRST_TRY = timedelta(seconds=30)
SOONEST, LATEST = timedelta(minutes=10), timedelta(hours=6)
GIVE_UP = timedelta(days=14)
"""How long a refund that is refused waits for its next try, and for how long it is tried."""

REFUND_FINAL = frozenset({"succeeded", "canceled", "failed"})


def new_key(payment_id: int) -> str:
    """A new idempotence key for the refund of a payment."""
    return f"refund-{payment_id}-{uuid.uuid4().hex[:12]}"


async def record_refund(
    session: AsyncSession, payment: PaymentRow, reason: str, actor: int | None = None
) -> int | None:
    """Write down that the whole payment is to go back; its refund's id, None where one is under way or done.

    A refund that failed is asked for anew, with another key: the provider would only repeat its old answer.
    """
    key = new_key(payment.id)
    statement = (
        inserting(session, refunds)
        .values(
            payment_id=payment.id,
            idempotence_key=key,
            amount_minor=payment.rest_minor,
            status="requested",
            reason=reason,
            actor=actor,
            attempts=0,
            next_try_at=now() + FIRST_TRY,  # the step asks at once; this is for when it is lost
            created_at=now(),
        )
        .on_conflict_do_update(
            index_elements=["payment_id"],
            set_={
                "status": "requested",
                "idempotence_key": key,
                "amount_minor": payment.rest_minor,
                "provider_ref": None,
                "attempts": 0,
                "error": None,
                "refused_at": None,
                "reason": reason,
                "actor": actor,
                "next_try_at": now() + FIRST_TRY,
                "created_at": now(),
            },
            where=refunds.c.status.in_(("failed", "canceled")),
        )
        .returning(refunds.c.id)
    )
    found: int | None = (await session.execute(statement)).scalar_one_or_none()
    return found


async def ask_again(session: AsyncSession, payment_id: int) -> int | None:
    """Let a refund that was refused be tried now instead of later; its id, None where none waits like that."""
    statement = (
        update(refunds)
        .where(
            refunds.c.payment_id == payment_id,
            refunds.c.status.not_in(REFUND_FINAL),
            refunds.c.refused_at.is_not(None),
        )
        .values(next_try_at=now() + FIRST_TRY)
        .returning(refunds.c.id)
    )
    found: int | None = (await session.execute(statement)).scalar_one_or_none()
    return found


async def put_off(session: AsyncSession, payment: PaymentRow, refused_at: datetime | None, error: str) -> bool:
    """Try a refund that the provider refused again later; False where that has been done for long enough.

    The next try has a key of its own: with the old one the provider would repeat what it said.
    """
    moment = now()
    age = moment - (refused_at or moment)
    if age >= GIVE_UP:
        return False
    values = {
        "refused_at": refused_at or moment,
        "error": error,
        "idempotence_key": new_key(payment.id),
        "amount_minor": payment.rest_minor,
        "provider_ref": None,
        "created_at": moment,  # the key's age counts from here
        "next_try_at": moment + min(max(age / 2, SOONEST), LATEST),
    }
    await close_refund(session, payment.id, "requested", **values)
    return True


async def note_refunded(work: Work, payment: PaymentRow, order: OrderRow | None, total: int) -> bool:
    """`total` minor units of the locked `payment` have gone back in all; True where that is news.

    When all of the money that paid `order` is back, the product is taken back in the same transaction. The money
    of a second payment leaves the first one's product alone.
    """
    if total <= payment.refunded_minor:
        return False
    session = work.session
    await session.execute(update(payments).where(payments.c.id == payment.id).values(refunded_minor=total))
    if total < payment.amount_minor or order is None or (order.status, order.paid_payment_id) != (PAID, payment.id):
        return True
    await session.execute(update(orders).where(orders.c.id == order.id).values(status=REFUNDED))
    revoked = await session.execute(
        update(entitlements)
        .where(entitlements.c.payment_id == payment.id, entitlements.c.revoked_at.is_(None))
        .values(revoked_at=now(), revoke_reason="refunded")
    )
    if revoked.rowcount:  # type: ignore[attr-defined]  # an UPDATE's result has it
        event = OrderRevoked(order_id=str(order.id), user_id=order.user_id, product=order.product)
        work.emit(event, to=order.user_id)
    return True


async def close_refund(session: AsyncSession, payment_id: int, status: str, **values: Any) -> None:
    """Set the state of the payment's refund, if one was asked for and is not finished."""
    await session.execute(
        update(refunds)
        .where(refunds.c.payment_id == payment_id, refunds.c.status.not_in(REFUND_FINAL))
        .values(status=status, **values)
    )
