"""Stars that were paid: the charge's id is the money, the payload only says what for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import PluginContext, Work, now
from astral_payments.machine import CREATED, SUCCEEDED, Cause
from astral_payments.refunding import inserting
from astral_payments.settle import Outcome, Remote, settle
from astral_payments.shop import Shop
from astral_payments.tables import STARS, payments


async def by_charge(session: AsyncSession, charge_id: str) -> Any:
    """The payment of a charge; None where it is not known."""
    query = select(payments).where(payments.c.provider == STARS, payments.c.provider_ref == charge_id)
    return (await session.execute(query)).first()


async def settle_charge(
    plugin: PluginContext,
    work: Work,
    shop: Shop,
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
        "account_id": shop.bot_id,
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
    payment = await by_charge(work.session, charge_id)
    remote = told_of(charge_id, payment, shop, amount, currency)
    return await settle(plugin, work, payment.id, remote, cause)


def told_of(charge_id: str, payment: Any, shop: Shop, amount: int, currency: str, refunded: int = 0) -> Remote:
    """What Telegram says of a charge, as `settle` takes it."""
    return Remote(
        ref=charge_id,
        payment_id=str(payment.id),
        status=SUCCEEDED,
        amount_minor=amount,
        currency=currency,
        account_id=shop.bot_id,
        mode="live",
        refunded_minor=refunded,
    )
