"""Telegram Stars: the question before the payment, the payment, and money that Telegram gave back."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from astral_core import N_, Context, Message, Routes, View
from astral_payments.charges import settle_charge
from astral_payments.money import STARS as XTR
from astral_payments.orders import snapshot_price
from astral_payments.refunding import close_refund, note_refunded
from astral_payments.shop import Shop
from astral_payments.steps import say
from astral_payments.store import OrderRow, by_ref, first, lock_both
from astral_payments.tables import OPEN, PAID, STARS, orders

routes = Routes()


def order_id_of(payload: str) -> UUID | None:
    """The order in `payments:<uuid>`; None where it is none of ours."""
    try:
        return UUID(payload.partition(":")[2])
    except ValueError:
        return None


@routes.pre_checkout()
async def may_pay(ctx: Context, query: View) -> None:
    """Let the payment go on, or say why not. Two looks into the database: Telegram waits 10 s."""
    order = await _order(ctx, order_id_of(query.invoice_payload))
    objection = await _objection(ctx, order, query.from_user.id, query.currency, query.total_amount)
    ctx.answer_pre_checkout(objection)


async def _order(ctx: Context, order_id: UUID | None) -> OrderRow | None:
    if order_id is None:
        return None
    return await first(ctx.session, OrderRow, select(orders).where(orders.c.id == order_id))


async def _objection(
    ctx: Context, order: OrderRow | None, user_id: int, currency: str, amount: int
) -> Message | None:
    if order is None:
        return N_("I do not know this invoice. Please open the purchase in the bot again.")
    if order.user_id != user_id:
        return N_("This invoice belongs to somebody else. Open the bot to get your own.")
    shop = ctx.get(Shop)
    if order.status == PAID or await shop.has(ctx.session, user_id, order.product):  # by another order, perhaps
        return N_("You have paid for this already. Nothing was charged.")
    product = shop.product(order.product)
    price = product.price(currency) if product is not None else None
    if product is None or price is None:
        return N_("This is no longer for sale.")
    if order.status != OPEN or price.amount != amount or snapshot_price(order, currency) != amount:
        return N_("This invoice is out of date. Please open the purchase in the bot again.")
    return None


@routes.payment()
async def paid(ctx: Context, payment: View) -> None:
    """A fact: the stars are here. The charge's id is the money, the payload only says what for."""
    order = await _order(ctx, order_id_of(payment.invoice_payload))
    await settle_charge(
        ctx,
        "update",
        charge_id=payment.telegram_payment_charge_id,
        user_id=ctx.user.id,
        order_id=order.id if order is not None else None,
        amount=payment.total_amount,
        currency=payment.currency,
    )


@routes.refund()
async def returned(ctx: Context, refund: View) -> None:
    """A fact: Telegram gave the stars back, whoever asked for it."""
    found = await by_ref(ctx.session, STARS, refund.telegram_payment_charge_id)
    if found is None or refund.currency != XTR:
        ctx.log.error("a refund of %d %s names a charge that is not known here", refund.total_amount, refund.currency)
        return
    payment, order = await lock_both(ctx.session, found.id)
    if await note_refunded(ctx, payment, order, min(refund.total_amount, payment.amount_minor)):
        await close_refund(ctx.session, payment.id, "succeeded", next_try_at=None)
        say(ctx, payment, "refunded")
