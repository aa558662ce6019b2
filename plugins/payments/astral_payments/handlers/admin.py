"""What the bot's owners can do: give money back."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from astral_core import Context, Update
from astral_payments.handlers import routes
from astral_payments.handlers.after import N_, pay_back
from astral_payments.lanes import lane_of
from astral_payments.machine import SUCCEEDED
from astral_payments.money import format_money
from astral_payments.refunding import lock_payment, record_refund
from astral_payments.tables import orders


@routes.command("refund", description=N_("Return a payment by its number"), admin=True)
async def refund(update: Update, ctx: Context) -> None:
    """`/refund <payment number or order>`: return the whole payment and take the product back."""
    payment_id = await _payment_id(ctx, ctx.args[0] if ctx.args else "")
    payment = await lock_payment(ctx.session, payment_id) if payment_id is not None else None
    if payment is None:
        text = ctx.t("Which payment? Write <code>/refund number</code>; the buyer sees the number in /payments.")
        if ctx.args:
            text = ctx.t("There is no payment “{number}”.", number=ctx.args[0]) + "\n\n" + text
        ctx.reply(text)
        return
    if payment.status != SUCCEEDED or payment.refunded_minor:
        ctx.reply(
            ctx.t("Payment {number} cannot be returned: it is not paid, or was returned before.", number=payment.id)
        )
        return
    refund_id = await record_refund(ctx.session, payment, "admin", ctx.user.id)
    if refund_id is None:
        ctx.reply(ctx.t("Payment {number} is being returned already.", number=payment.id))
        return
    plugin = ctx.plugin_context()
    plugin.defer(ctx.run.work, pay_back, lane_of(payment.id), None, refund_id=refund_id)
    money = format_money(payment.amount_minor, payment.currency, ctx.language)
    ctx.reply(ctx.t("Payment {number}: {money} is on its way back.", number=payment.id, money=money))


async def _payment_id(ctx: Context, word: str) -> int | None:
    if word.isascii() and word.isdigit() and len(word) < 19:
        return int(word)
    try:
        order_id = UUID(word)
    except ValueError:
        return None
    query = select(orders.c.paid_payment_id).where(orders.c.id == order_id)
    found: int | None = (await ctx.session.execute(query)).scalar_one_or_none()
    return found
