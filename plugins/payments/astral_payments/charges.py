"""Stars that were paid: the charge's id is the money, the payload only says what for."""

from __future__ import annotations

from uuid import UUID

from astral_core import Work, now
from astral_payments.errors import PaymentsError
from astral_payments.settle import Outcome, ProviderPayment, settle
from astral_payments.shop import Shop
from astral_payments.state_machine import CREATED, SUCCEEDED, Cause
from astral_payments.store import PaymentRow, by_ref, inserting
from astral_payments.tables import STARS, payments


async def settle_charge(
    work: Work,
    cause: Cause,
    *,
    charge_id: str,
    user_id: int,
    order_id: UUID | None,
    amount: int,
    currency: str,
) -> Outcome:
    """Write the charge down, if it is new, and settle it: the same from Telegram's update and from its list."""
    values = {
        "order_id": order_id,
        "user_id": user_id,
        "provider": STARS,
        "provider_ref": charge_id,
        "account_id": work.get(Shop).bot_id,
        "mode": "live",
        "amount_minor": amount,
        "currency": currency,
        "status": CREATED,
        "refunded_minor": 0,
        "checks": 0,
        "created_at": now(),
    }
    known = inserting(work.session, payments).values(**values)
    await work.session.execute(known.on_conflict_do_nothing(index_elements=["provider", "provider_ref"]))
    payment = await charged(work, charge_id)
    return await settle(work, payment.id, told_of(work, payment, amount, currency), cause)


async def charged(work: Work, charge_id: str) -> PaymentRow:
    """The payment of a charge that is known.

    :raises PaymentsError: it is not.
    """
    payment = await by_ref(work.session, STARS, charge_id)
    if payment is None:
        raise PaymentsError(f"the charge {charge_id} is not known")
    return payment


def told_of(work: Work, payment: PaymentRow, amount: int, currency: str, refunded: int = 0) -> ProviderPayment:
    """What Telegram says of a charge, as `settle` takes it."""
    return ProviderPayment(
        ref=payment.ref,
        payment_id=str(payment.id),
        status=SUCCEEDED,
        amount_minor=amount,
        currency=currency,
        account_id=work.get(Shop).bot_id,
        mode="live",
        refunded_minor=refunded,
    )
