"""Asking a provider to give money back, and reading what it says: nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from telegram import Bot
from telegram.error import BadRequest, Forbidden, TelegramError

from astral_core import now
from astral_payments.errors import InvalidRequest, OutcomeUnknown, OutcomeUnreadable, PaymentsError, YooKassaRejected
from astral_payments.shop import Shop
from astral_payments.store import PaymentRow, RefundRow
from astral_payments.yookassa_client import YooKassaClient
from astral_payments.yookassa_objects import RemoteRefund

KEY_LIFE = timedelta(hours=23)
"""YooKassa forgets an idempotence key after 24 h: the same key would then do the same thing again."""

CLOCKS = timedelta(minutes=5)  # how far YooKassa's clock and ours may be apart
HOPELESS = frozenset({"yoo_money_account_closed", "payment_expired"})
"""Why YooKassa cancels a refund that it will cancel again each time. What is not known here is tried again."""

NO_SUCH_CHARGE = ("CHARGE_ID_INVALID", "CHARGE_ID_EMPTY", "CHARGE_NOT_FOUND", "USER_ID_INVALID")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking for a refund.

    `state`: the money is back (succeeded), is on its way (submitted), nobody knows (unknown), was refused for now
    (refused) or for ever (never). `refunded_minor` is what the provider says has gone back of the payment in all.
    `unreadable` is set where the provider answered, and what we need of its answer cannot be read.
    """

    state: Literal["succeeded", "submitted", "unknown", "refused", "never"]
    error: str | None = None
    ref: str | None = None
    refunded_minor: int = 0
    unreadable: OutcomeUnreadable | None = None


async def return_stars(bot: Bot, user_id: int, charge_id: str) -> Answer:
    """Ask Telegram."""
    try:
        await bot.refund_star_payment(user_id, charge_id)
    except (BadRequest, Forbidden) as error:
        said = str(error).upper()
        if "CHARGE_ALREADY_REFUNDED" in said:
            return Answer("succeeded")
        return Answer("never" if any(code in said for code in NO_SUCH_CHARGE) else "refused", str(error))
    except TelegramError as error:  # no answer: if it was done, the next call says "already refunded"
        return Answer("unknown", type(error).__name__)
    return Answer("succeeded")


async def return_roubles(shop: Shop, refund: RefundRow, payment: PaymentRow) -> Answer:
    """Ask YooKassa."""
    client = shop.patient
    if client is None or shop.quick is None:
        return Answer("refused", "YooKassa is not configured any more")
    try:
        remote = await _refund(client, refund, payment)
    except OutcomeUnknown as error:
        return Answer("unknown", str(error), unreadable=error if isinstance(error, OutcomeUnreadable) else None)
    except (YooKassaRejected, InvalidRequest) as error:
        if is_haste(error):
            return Answer("unknown", str(error))
        return await _refused(shop.quick, payment, str(error))
    if remote is None:
        return await _refused(
            shop.quick, payment, "nobody knows what came of it, and YooKassa's list does not have it"
        )
    if remote.status == "succeeded":
        return Answer("succeeded", ref=remote.id)
    if remote.status == "pending":
        return Answer("submitted", ref=remote.id)
    if remote.status != "canceled":
        return Answer("unknown", f"the refund has a status that is not known here: {remote.status}")
    reason = remote.cancellation_reason or remote.status
    if reason in HOPELESS:
        return Answer("never", reason, remote.id)
    return await _refused(shop.quick, payment, reason)


def is_haste(error: PaymentsError) -> bool:
    """Whether YooKassa only asks to wait."""
    return isinstance(error, YooKassaRejected) and error.status == 429


async def _refund(client: YooKassaClient, refund: RefundRow, payment: PaymentRow) -> RemoteRefund | None:
    """The refund at YooKassa; None where it is too late to ask with the old key, and the list does not have it."""
    if refund.provider_ref:
        return await client.get_refund(refund.provider_ref)
    if now() - refund.created_at > KEY_LIFE:
        page = await client.list_refunds(payment_id=payment.ref)
        ours = next((item for item in page.items if _is_ours(item, refund, payment)), None)
        if ours is None and page.unreadable:  # one of them may be it: a second one would return the money twice
            raise OutcomeUnreadable("list_refunds", f"{page.unreadable} of the list's refunds")
        return ours
    return await client.create_refund(
        payment.ref, amount_minor=refund.amount_minor, idempotence_key=refund.idempotence_key
    )


def _is_ours(item: RemoteRefund, refund: RefundRow, payment: PaymentRow) -> bool:
    """Whether the bot has asked for this refund: one by hand in the cabinet has another amount or another time."""
    if item.amount_minor != refund.amount_minor or item.currency != payment.currency:
        return False
    try:
        made = datetime.fromisoformat(item.created_at or "")
    except ValueError:
        return False
    asked = refund.created_at
    return made.tzinfo is not None and asked - CLOCKS <= made <= asked + KEY_LIFE + CLOCKS


async def _refused(client: YooKassaClient, payment: PaymentRow, error: str) -> Answer:
    """Why a refund was refused is seen in its payment: the money may be back already, in part, or never was there."""
    try:
        remote = await client.get_payment(payment.ref)
    except (OutcomeUnknown, YooKassaRejected) as trouble:
        unknown = isinstance(trouble, YooKassaRejected) and trouble.status == 404
        return Answer("never" if unknown else "refused", error)
    if remote.refunded_minor >= payment.amount_minor:
        return Answer("succeeded")
    return Answer("refused", error, refunded_minor=remote.refunded_minor)
