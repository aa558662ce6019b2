"""Telegram Stars: the question before the payment, the payment, and money that Telegram gave back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from astral_core import Context, Update
from astral_core.errors import HandlerError
from astral_payments.charges import by_charge, settle_charge
from astral_payments.handlers import routes
from astral_payments.handlers.after import tell
from astral_payments.money import STARS as XTR
from astral_payments.orders import snapshot_price
from astral_payments.refunding import close_refund, lock_order, lock_payment, note_refunded
from astral_payments.shop import shop_of
from astral_payments.tables import OPEN, PAID, orders


def order_id_of(payload: str) -> UUID | None:
    """The order in `payments:<uuid>`; None where it is none of ours."""
    try:
        return UUID(payload.partition(":")[2])
    except ValueError:
        return None


@routes.pre_checkout()
async def may_pay(update: Update, ctx: Context) -> None:
    """Let the payment go on, or say why not. Two looks into the database: Telegram waits 10 s."""
    query = update.pre_checkout_query
    if query is None:
        raise HandlerError("payments: a pre-checkout route without its query")
    order = await _order(ctx, order_id_of(query.invoice_payload))
    objection = await _objection(ctx, order, query.from_user.id, query.currency, query.total_amount)
    ctx.answer_pre_checkout(objection)


async def _order(ctx: Context, order_id: UUID | None) -> Any:
    if order_id is None:
        return None
    return (await ctx.session.execute(select(orders).where(orders.c.id == order_id))).first()


async def _objection(ctx: Context, order: Any, user_id: int, currency: str, amount: int) -> str | None:
    if order is None:
        return ctx.t("I do not know this invoice. Please open the purchase in the bot again.")
    if order.user_id != user_id:
        return ctx.t("This invoice belongs to somebody else. Open the bot to get your own.")
    shop = shop_of(ctx)
    if order.status == PAID or await shop.has(ctx.session, user_id, order.product):  # by another order, perhaps
        return ctx.t("You have paid for this already. Nothing was charged.")
    product = shop.product(order.product)
    price = product.price(currency) if product is not None else None
    if product is None or price is None:
        return ctx.t("This is no longer for sale.")
    if order.status != OPEN or price.amount != amount or snapshot_price(order, currency) != amount:
        return ctx.t("This invoice is out of date. Please open the purchase in the bot again.")
    return None


@routes.payment()
async def paid(update: Update, ctx: Context) -> None:
    """A fact: the stars are here. The charge's id is the money, the payload only says what for."""
    message = update.message
    if message is None or message.successful_payment is None:
        raise HandlerError("payments: a payment route without its payment")
    fact = message.successful_payment
    order = await _order(ctx, order_id_of(fact.invoice_payload))
    await settle_charge(
        ctx.plugin_context(),
        ctx.run.work,
        shop_of(ctx),
        "update",
        charge_id=fact.telegram_payment_charge_id,
        user_id=ctx.user.id,
        order_id=order.id if order is not None else None,
        amount=fact.total_amount,
        currency=fact.currency,
    )


@routes.refund()
async def returned(update: Update, ctx: Context) -> None:
    """A fact: Telegram gave the stars back, whoever asked for it."""
    message = update.message
    if message is None or message.refunded_payment is None:
        raise HandlerError("payments: a refund route without its refund")
    fact = message.refunded_payment
    found = await by_charge(ctx.session, fact.telegram_payment_charge_id)
    if found is None or fact.currency != XTR:
        ctx.log.error("a refund of %d %s names a charge that is not known here", fact.total_amount, fact.currency)
        return
    plugin = ctx.plugin_context()
    payment = await lock_payment(ctx.session, found.id)
    order = await lock_order(ctx.session, payment.order_id)
    if await note_refunded(plugin, ctx.run.work, payment, order, min(fact.total_amount, payment.amount_minor)):
        await close_refund(ctx.session, payment.id, "succeeded", next_try_at=None)
        key = f"{payment.id}:refunded"
        plugin.defer(ctx.run.work, tell, payment.user_id, key, payment_id=payment.id, what="refunded")
