"""`settle`: the one place where what a provider says becomes what we believe.

Notification, return page, button, poll, successful payment in Telegram: all of them end here. It is safe to call
again and again and from everywhere at once: rows are locked, and whether a product is granted is decided by a
unique index.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from sqlalchemy import text, update

from astral_core import N_, Work, now
from astral_payments.api import OrderPaid
from astral_payments.orders import snapshot_price
from astral_payments.refunding import close_refund, note_refunded, record_refund
from astral_payments.state_machine import CANCELED, SUCCEEDED, TRANSITIONS, WAITING, Cause, advance, is_old_news
from astral_payments.steps import pay_back, say
from astral_payments.store import OrderRow, PaymentRow, inserting, lock_both, lock_order, lock_payment
from astral_payments.tables import EXPIRED, OPEN, PAID, entitlements, orders, payments
from astral_payments.yookassa_objects import RemotePayment

QUIET_REASONS = frozenset({"expired_on_confirmation", "expired_on_capture"})
"""Payments that nobody tried to pay: a message about them an hour later would only disturb."""


CONTRADICTION = N_(
    "Payment {number} is not settled: what YooKassa says of {ref} contradicts it ({problem}). "
    "Nothing was changed.\n\nCompare both in YooKassa's cabinet; the buyer may be waiting for an answer."
)


class Outcome(Enum):
    """What `settle` did."""

    GRANTED = "granted"
    REFUNDING = "refunding"
    MOVED = "moved"
    SAME = "same"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment in the provider's own words, read from the provider and not from a notification."""

    ref: str
    payment_id: str  # of ours, from the payment's metadata
    status: str
    amount_minor: int
    currency: str
    account_id: str
    mode: str
    refunded_minor: int = 0
    reason: str | None = None
    confirmation_url: str | None = None
    order_id: str = ""  # ours and the bot's name, from the metadata, too
    bot: str = ""

    @classmethod
    def of_yookassa(cls, found: RemotePayment) -> Self:
        """The payment as YooKassa's API told it."""
        return cls(
            ref=found.id,
            payment_id=found.metadata.get("payment_id", ""),
            status=found.status,
            amount_minor=found.amount_minor,
            currency=found.currency,
            account_id=found.account_id,
            mode="test" if found.test else "live",
            refunded_minor=found.refunded_minor,
            reason=found.cancellation_reason,
            confirmation_url=found.confirmation_url,
            order_id=found.metadata.get("order_id", ""),
            bot=found.metadata.get("bot", ""),
        )


async def settle(work: Work, payment_id: int, remote: ProviderPayment, cause: Cause) -> Outcome:
    """Bring the payment to what `remote` says, with all that follows, in the transaction of `work`.

    Nothing is granted where amount, currency, shop, mode or what the metadata name as ours differ: that is an alert,
    and left to a person.
    """
    session = work.session
    payment = await lock_payment(session, payment_id)
    problem = "there is no such payment" if payment is None else mismatch(payment, remote)
    if payment is None or problem:
        work.log.error("payment %s is NOT settled (%s): %s", payment_id, remote.ref, problem, extra={"each": True})
        work.alert(f"mismatch:{payment_id}", CONTRADICTION, number=payment_id, ref=remote.ref, problem=problem)
        if payment is not None and _is_paid_in_vain(payment, remote):
            say(work, payment, "checked")
        return Outcome.MISMATCH
    order = await lock_order(session, payment.order_id)
    outcome = Outcome.SAME
    if not is_old_news(payment.status, remote.status):
        outcome = await _move(work, payment, order, remote, cause)
    elif payment.provider_ref is None or payment.confirmation_url is None:
        await session.execute(update(payments).where(payments.c.id == payment.id).values(**_learned(payment, remote)))
    if remote.refunded_minor > payment.refunded_minor:
        await _refunded(work, payment, remote.refunded_minor)
    return outcome


def _is_paid_in_vain(payment: PaymentRow, remote: ProviderPayment) -> bool:
    """Whether this buyer's money is at the provider, and nothing is granted for it."""
    return (
        payment.provider_ref == remote.ref and payment.status != SUCCEEDED and remote.status in (SUCCEEDED, WAITING)
    )


def is_made_for(payment: PaymentRow, remote: ProviderPayment) -> bool:
    """Whether `remote`, which is known by its metadata alone, was created for `payment`.

    The number is not enough: another bot of the same shop counts its payments from 1, too.
    """
    ours = (str(payment.id), str(payment.order_id), payment.bot or "")
    return ours == (remote.payment_id, remote.order_id, remote.bot)


def mismatch(payment: PaymentRow, remote: ProviderPayment) -> str:
    """What contradicts between our row and the provider's; empty where all is right.

    An order or a bot that the metadata do not name contradicts nothing: whoever is known by the provider's id need
    not say more.
    """
    expected = {
        "amount": (payment.amount_minor, remote.amount_minor),
        "currency": (payment.currency, remote.currency),
        "shop": (payment.account_id, remote.account_id),
        "mode": (payment.mode, remote.mode),
        "metadata.payment_id": (str(payment.id), remote.payment_id),
        "metadata.order_id": (str(payment.order_id), remote.order_id or str(payment.order_id)),
        "metadata.bot": (payment.bot, remote.bot or payment.bot),
        "id": (payment.provider_ref or remote.ref, remote.ref),
    }
    wrong = [
        f"{name} is {theirs!r}, expected {ours!r}" for name, (ours, theirs) in expected.items() if ours != theirs
    ]
    if remote.status not in TRANSITIONS:
        wrong.append(f"status {remote.status!r} is unknown")
    elif not is_old_news(payment.status, remote.status) and remote.status not in TRANSITIONS[payment.status]:
        wrong.append(f"status {remote.status!r} cannot follow {payment.status!r}")
    return "; ".join(wrong)


def _learned(payment: PaymentRow, remote: ProviderPayment) -> dict[str, Any]:
    return {
        "provider_ref": remote.ref,
        "confirmation_url": remote.confirmation_url or payment.confirmation_url,
    }


async def _move(
    work: Work, payment: PaymentRow, order: OrderRow | None, remote: ProviderPayment, cause: Cause
) -> Outcome:
    reason = {"reason": remote.reason[:64]} if remote.reason else {}
    await advance(work.session, payment, remote.status, cause, **_learned(payment, remote), **reason)
    work.log.info("payment %d: %s -> %s (%s)", payment.id, payment.status, remote.status, cause)
    if remote.status == SUCCEEDED:
        return await _money_came(work, payment, order)
    if remote.status == CANCELED and remote.reason not in QUIET_REASONS:
        say(work, payment, "canceled")
    return Outcome.MOVED


async def _money_came(work: Work, payment: PaymentRow, order: OrderRow | None) -> Outcome:
    """Grant what was paid for; money that nothing is open for goes back."""
    reason = _not_this_order(payment, order)
    if order is not None and not reason and await _grant(work, payment, order):
        paid = {"status": PAID, "paid_payment_id": payment.id, "paid_at": now()}
        await work.session.execute(update(orders).where(orders.c.id == order.id).values(**paid))
        event = OrderPaid(order_id=str(order.id), user_id=order.user_id, product=order.product)
        say(work, payment, "paid")
        work.emit(event, to=order.user_id)
        return Outcome.GRANTED
    reason = reason or "duplicate"
    work.log.warning("payment %d is returned to its payer: %s", payment.id, reason, extra={"each": True})
    refund_id = await record_refund(work.session, payment, reason)
    if refund_id is not None:
        work.defer(pay_back(refund_id=refund_id), lane=("payment", payment.id))
    return Outcome.REFUNDING


def _not_this_order(payment: PaymentRow, order: OrderRow | None) -> str:
    if order is None:
        return "no_order"
    if payment.user_id != order.user_id:
        return "other_user"
    if snapshot_price(order, payment.currency) != payment.amount_minor:
        return "other_price"
    # Money that comes late wins over expiry; an order that was paid or given back takes none.
    return "" if order.status in (OPEN, EXPIRED) else "duplicate"


async def _grant(work: Work, payment: PaymentRow, order: OrderRow) -> bool:
    """Whether the product is granted by this payment: False where the user owns it already."""
    values = {
        "user_id": order.user_id,
        "product": order.product,
        "order_id": order.id,
        "payment_id": payment.id,
        "granted_at": now(),
    }
    granted = (
        inserting(work.session, entitlements)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["user_id", "product"], index_where=text("revoked_at IS NULL"))
        .returning(entitlements.c.id)
    )
    return (await work.session.execute(granted)).scalar_one_or_none() is not None


async def _refunded(work: Work, payment: PaymentRow, total: int) -> None:
    """The provider tells of returned money, also of what was returned by hand in the cabinet."""
    current, order = await lock_both(work.session, payment.id)  # it may have been paid in this transaction
    if await note_refunded(work, current, order, total) and total >= payment.amount_minor:
        await close_refund(work.session, payment.id, "succeeded", next_try_at=None)
        say(work, payment, "refunded")
