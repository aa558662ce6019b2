"""What a buyer reads where the payment has arrived, and what was bought fails to come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from astral_core import Context, EventFailed, Routes
from astral_payments.api import OrderPaid
from astral_payments.orders import snapshot_title
from astral_payments.steps import help_button
from astral_payments.store import payment_with_order
from astral_payments.tables import PAID, orders

routes = Routes()


@routes.event(EventFailed)
async def undelivered(ctx: Context, event: EventFailed) -> None:
    """Tell the buyer, once a payment: the plugin that sells the product failed for good to bring it.

    Another plugin that only heard of the payment has nothing to bring.
    """
    seller = str(event.data.get("product", "")).partition(".")[0]
    if event.event != OrderPaid.name or event.plugin != seller:
        return
    query = select(orders.c.paid_payment_id).where(orders.c.id == UUID(event.data["order_id"]))
    payment_id = (await ctx.session.execute(query)).scalar_one_or_none()
    if payment_id is not None:
        ctx.defer(late(payment_id=payment_id), key=str(payment_id), keep="once")


@routes.step("late")
async def late(ctx: Context, payment_id: int) -> None:
    """The apology; none where the money went back meanwhile."""
    payment, order = await payment_with_order(ctx.session, payment_id)
    if payment is None or order is None or order.status != PAID or order.paid_payment_id != payment.id:
        return
    text = ctx.t(
        "<b>{title}</b> is paid for, and your money is safe. Something went wrong on our side when I wanted to "
        "bring it to you.\n\n"
        "It comes as soon as that is fixed, and you need not pay again. If it is not here within a day, write to "
        "/paysupport and name payment {number}.",
        title=snapshot_title(order, ctx.language), number=payment.id,
    )  # fmt: skip
    ctx.reply(text, [[help_button(ctx)]])
