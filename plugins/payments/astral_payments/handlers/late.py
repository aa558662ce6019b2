"""What a buyer reads where the payment has arrived, and what was bought does not come at once."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from astral_core import Context, EventFailed
from astral_payments.api import OrderPaid
from astral_payments.handlers import routes
from astral_payments.orders import payment_with_order, snapshot_title
from astral_payments.tables import PAID, orders


async def undelivered(event: EventFailed, ctx: Context) -> None:
    """Tell the buyer, once a payment: the plugin that sells the product failed for good to bring it.

    Another plugin that only heard of the payment has nothing to bring.
    """
    seller = str(event.data.get("product", "")).partition(".")[0]
    if event.event != OrderPaid.name or event.plugin != seller:
        return
    query = select(orders.c.paid_payment_id).where(orders.c.id == UUID(event.data["order_id"]))
    payment_id = (await ctx.session.execute(query)).scalar_one_or_none()
    if payment_id is not None:
        ctx.defer_once(str(payment_id), late, payment_id=payment_id)


@routes.step("late")
async def late(ctx: Context, payment_id: int) -> None:
    """The apology; none where the money went back meanwhile."""
    payment, order = await payment_with_order(ctx.session, payment_id)
    if order is None or order.status != PAID or order.paid_payment_id != payment.id:
        return
    text = ctx.t(
        "<b>{title}</b> is paid for, and your money is safe. Something went wrong on our side when I wanted to "
        "bring it to you.\n\n"
        "It comes as soon as that is mended, and you need not pay again. If it is not here within a day, write to "
        "/paysupport and name payment {number}.",
        title=snapshot_title(order, ctx.language), number=payment.id,
    )  # fmt: skip
    ctx.reply(text, [[ctx.button(ctx.t("Help with a payment"), "payments:support")]])


def seller_is_away(ctx: Context, payment_id: int) -> str:
    """What follows the thanks where the plugin that brings the product is not there now."""
    return "\n\n" + ctx.t(
        "The part of me that brings it is being mended right now. It comes by itself as soon as that is done; if "
        "you hear nothing within a day, write to /paysupport and name payment {number}.",
        number=payment_id,
    )  # fmt: skip
