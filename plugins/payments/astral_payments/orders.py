"""Orders and attempts to pay them: what is written before anybody is asked for money."""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import now
from astral_payments.api import Product
from astral_payments.shop import Shop, text_in
from astral_payments.state_machine import CREATED, PENDING, UNKNOWN, WAITING
from astral_payments.store import OrderRow, PaymentRow, every, first, inserting
from astral_payments.tables import EXPIRED, OPEN, YOOKASSA, orders, payments

LINK_LIFE = timedelta(minutes=55)
"""YooKassa lets a payer confirm within an hour; an older link is not shown again."""

FIRST_CHECK = timedelta(seconds=15)


def snapshot_of(product: Product) -> str:
    """Title and prices as they are offered now, as JSON."""
    prices = {price.currency: price.amount for price in product.prices}
    return json.dumps({"title": dict(product.title), "prices": prices}, ensure_ascii=False, sort_keys=True)


def snapshot_price(order: OrderRow, currency: str) -> int | None:
    """The price in `currency` that the order was opened with."""
    price: int | None = json.loads(order.snapshot)["prices"].get(currency)
    return price


def snapshot_title(order: OrderRow, language: str) -> str:
    """The product's title as it was when the order was opened."""
    return text_in(json.loads(order.snapshot)["title"], language)


async def open_order(session: AsyncSession, user_id: int, product: Product) -> OrderRow:
    """The user's open order of `product`: the one there is, or a new one where there is none or prices changed."""
    snapshot = snapshot_of(product)
    query = select(orders).where(
        orders.c.user_id == user_id, orders.c.product == product.code, orders.c.status == OPEN
    )
    order = await first(session, OrderRow, query.with_for_update())
    if order is not None and order.snapshot == snapshot:
        return order
    if order is not None:
        await session.execute(update(orders).where(orders.c.id == order.id).values(status=EXPIRED))
    values = {"id": uuid.uuid4(), "user_id": user_id, "product": product.code, "snapshot": snapshot}
    statement = inserting(session, orders).values(**values, status=OPEN, created_at=now()).on_conflict_do_nothing()
    await session.execute(statement)  # two at once: the unique index keeps one, which both then find
    (found,) = await every(session, OrderRow, query)
    return found


async def reusable_attempt(session: AsyncSession, order: OrderRow) -> PaymentRow | None:
    """The newest unfinished YooKassa payment of `order` that can still be paid; None where a new one is needed."""
    query = (
        select(payments)
        .where(
            payments.c.order_id == order.id,
            payments.c.provider == YOOKASSA,
            payments.c.status.in_((CREATED, UNKNOWN, PENDING, WAITING)),
            payments.c.created_at > now() - LINK_LIFE,
        )
        .order_by(payments.c.id.desc())
        .limit(1)
    )
    return await first(session, PaymentRow, query)


async def new_attempt(session: AsyncSession, shop: Shop, order: OrderRow, bot: str) -> int:
    """Write down a YooKassa payment that is going to be created; its id. The key never changes after this."""
    count = select(func.count()).select_from(payments).where(payments.c.order_id == order.id)
    number = (await session.execute(count)).scalar_one() + 1
    statement = (
        inserting(session, payments)
        .values(
            order_id=order.id,
            user_id=order.user_id,
            provider=YOOKASSA,
            account_id=shop.settings.yookassa_shop_id,
            mode="test" if shop.settings.test_mode else "live",
            idempotence_key=f"{order.id}-{number}",
            amount_minor=snapshot_price(order, "RUB"),
            currency="RUB",
            status=CREATED,
            refunded_minor=0,
            return_token=secrets.token_urlsafe(24),
            bot=bot,
            checks=0,
            next_check_at=now() + FIRST_CHECK,
            created_at=now(),
        )
        .returning(payments.c.id)
    )
    payment_id: int = (await session.execute(statement)).scalar_one()
    return payment_id
