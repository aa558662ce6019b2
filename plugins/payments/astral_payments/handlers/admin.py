"""What the bot's owners can do: give money back."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from astral_core import N_, OWNER, Context, Markup, Routes, html
from astral_payments.money import format_money
from astral_payments.refunding import REFUND_FINAL, ask_again, record_refund
from astral_payments.state_machine import SUCCEEDED
from astral_payments.steps import pay_back
from astral_payments.store import PaymentRow, RefundRow, lock_payment
from astral_payments.tables import orders, payments, refunds

routes = Routes()
SHOWN, SHORT = 20, 120  # refunds in a list, characters of an error


@routes.command("refund", description=N_("Return a payment by its number"), role=OWNER)
async def refund(ctx: Context) -> None:
    """`/refund <payment number or order>`: return the whole payment and take the product back."""
    number = next(iter(ctx.args.split()), "")
    payment_id = await _payment_id(ctx, number)
    payment = await lock_payment(ctx.session, payment_id) if payment_id is not None else None
    if payment is None:
        text = ctx.t("Which payment? Write <code>/refund number</code>; the buyer sees the number in /payments.")
        if number:
            text = html("{no}\n\n{text}", no=ctx.t("There is no payment “{number}”.", number=number), text=text)
        ctx.reply(text)
        return
    if payment.status != SUCCEEDED or not payment.rest_minor:
        ctx.reply(
            ctx.t("Payment {number} cannot be returned: it is not paid, or was returned before.", number=payment.id)
        )
        return
    refund_id = await record_refund(ctx.session, payment, "admin", ctx.user.id)
    again = refund_id is None
    if again:
        refund_id = await ask_again(ctx.session, payment.id)
    if refund_id is None:
        ctx.reply(ctx.t("Payment {number} is being returned already.", number=payment.id))
        return
    ctx.defer(pay_back(refund_id=refund_id), lane=("payment", payment.id))
    money = format_money(payment.rest_minor, payment.currency, ctx.language)
    words = N_("Payment {number}: I ask for {money} again now.") if again else N_(
        "Payment {number}: {money} is on its way back."
    )  # fmt: skip
    ctx.reply(ctx.t(words, number=payment.id, money=money))


@routes.command("refunds", description=N_("Refunds that wait"), role=OWNER)
async def refunds_waiting(ctx: Context) -> None:
    """Money that is to go back and is not there yet: what waits, what was refused and why, what was given up."""
    kept = refunds.c.status != "succeeded", payments.c.refunded_minor < payments.c.amount_minor
    query = select(refunds, payments).join(payments).where(*kept).order_by(refunds.c.id.desc()).limit(SHOWN + 1)
    found = (await ctx.session.execute(query)).mappings().all()
    if not found:
        ctx.reply(N_("No refund waits. All money that was to go back is back."))
        return
    lines = [_waiting(ctx, RefundRow.from_row(row), PaymentRow.from_row(row)) for row in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(ctx.t("There are more; these are the newest."))
    note = ctx.t("<code>/refund number</code> asks at once.")
    ctx.reply(Markup("\n\n").join([ctx.t("<b>Refunds that wait</b>"), *lines, note]))


def _waiting(ctx: Context, refund: RefundRow, payment: PaymentRow) -> Markup:
    number, error = payment.id, (refund.error or "")[:SHORT]
    money = format_money(payment.rest_minor, payment.currency, ctx.language)
    if refund.status in REFUND_FINAL:
        return ctx.t("No. {number} · {money} · given up: {error}", number=number, money=money, error=error)
    if refund.refused_at is None:
        return ctx.t("No. {number} · {money} · asked for, no answer yet", number=number, money=money)
    return ctx.t(
        "No. {number} · {money} · refused since {since}: {error}\nNext try: {at} (UTC)",
        number=number, money=money, error=error, since=f"{refund.refused_at:%Y-%m-%d}",
        at=f"{refund.next_try_at:%Y-%m-%d %H:%M}" if refund.next_try_at else "–",
    )  # fmt: skip


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
