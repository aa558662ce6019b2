"""What follows a settlement, as durable steps: words to the buyer, and money that goes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from sqlalchemy import select

from astral_core import N_, Button, Context, Message, Routes, Work, html, named_route, now
from astral_payments.api import BUY_ROUTE, Product
from astral_payments.errors import OutcomeUnreadable
from astral_payments.money import format_money
from astral_payments.orders import snapshot_title
from astral_payments.refunding import GIVE_UP, REFUND_FINAL, close_refund, note_refunded, put_off
from astral_payments.returning import Answer, return_roubles, return_stars
from astral_payments.shop import Shop
from astral_payments.store import OrderRow, PaymentRow, RefundRow, lock_both, payment_with_order
from astral_payments.tables import STARS, YOOKASSA, payments, refunds

routes = Routes()

What = Literal["paid", "canceled", "refunded", "checked", "late", "unreturned"]

SLOT = "payments"
"""The one message where a way of paying is chosen and the link is shown."""

BACK_OFF = (5, 15, 60, 300, 600, 1800, 3600)

# The pages are above the steps, so their routes go by name.
BUY, HISTORY, SUPPORT = (named_route(name) for name in (BUY_ROUTE, "payments:history", "payments:support"))

REASONS = {
    "insufficient_funds": N_("there is not enough money on the card"),
    "3d_secure_failed": N_("the bank's confirmation did not go through"),
    "card_expired": N_("the card has expired"),
    "invalid_csc": N_("the card's CVC is wrong"),
    "invalid_card_number": N_("the card's number is wrong"),
    "payment_method_limit_exceeded": N_("the card's limit is exceeded"),
    "permission_revoked": N_("the permission to pay was taken back"),
}

REFUND_REFUSED = N_(
    "The money of payment {number} did not go back: {error}.\n\n"
    "I keep trying for {days} days, and the buyer knows that it takes longer. When the reason is gone, "
    "<code>/refund {number}</code> tries at once. /refunds shows all that wait."
)
REFUND_ENDED = N_(
    "The money of payment {number} did not go back, and I do not try any more: {error}.\n\n"
    "Return it by hand, or ask again with <code>/refund {number}</code>. The buyer was told to write to you."
)
PART_BY_HAND = N_(
    "A refund of payment {number} was asked for here, and {part} of it went back in another way, maybe by hand in "
    "YooKassa's cabinet. I count that part and ask for no more.\n\n"
    "If the rest shall go back, too: <code>/refund {number}</code>."
)
UNREADABLE_ANSWER = N_(
    "YooKassa answers about payment {number}, and I cannot read <code>{member}</code> in it. Nothing was settled; "
    "I go on asking.\n\nLook at it in YooKassa's cabinet, and update the plugin: the answer's form may be new."
)


def tell_unreadable(work: Work, payment_id: int, error: Exception) -> None:
    """Alert the owner where YooKassa answered, and its answer cannot be read."""
    if isinstance(error, OutcomeUnreadable):
        work.alert(f"unreadable:{payment_id}", UNREADABLE_ANSWER, number=payment_id, member=error.member[:64])


# --- words to the buyer


def say(work: Work, payment: PaymentRow, what: What) -> None:
    """Have the buyer told, in the private chat: once, but each time that a refund is late or given up."""
    call = tell(payment_id=payment.id, what=what)
    if what in ("late", "unreturned"):
        work.defer(call, to=payment.user_id)
    else:
        work.defer(call, key=f"{payment.id}:{what}", keep="once", to=payment.user_id)


@routes.step("tell")
async def tell(ctx: Context, payment_id: int, what: What) -> None:
    """Tell the buyer what became of a payment.

    `what` is "paid", "canceled", "refunded", "checked" (by a person), or of its refund: "late", "unreturned" (ended).
    """
    payment, order = await payment_with_order(ctx.session, payment_id)
    if payment is None:
        return
    title = snapshot_title(order, ctx.language) if order is not None else ctx.t("your purchase")
    if what == "paid":
        _tell_of_purchase(ctx, payment, order, title)
    elif what == "canceled":
        _tell_of_cancellation(ctx, payment, order, title)
    elif what == "refunded":
        money = format_money(payment.amount_minor, payment.currency, ctx.language)
        text = ctx.t("I have returned {money} to you: <b>{title}</b>.", money=money, title=title)
        note = ctx.t("Stars are back at once; a bank may take a few days.")
        ctx.reply(html("{text}\n\n{note}", text=text, note=note), [[history_button(ctx)]])
    else:
        _tell_of_trouble(ctx, payment, title, what)


def _tell_of_purchase(ctx: Context, payment: PaymentRow, order: OrderRow | None, title: str) -> None:
    money = format_money(payment.amount_minor, payment.currency, ctx.language)
    if payment.provider == YOOKASSA:  # its card has buttons that lead to nothing any more
        ctx.show(ctx.t("<b>{title}</b> · {money}\n\n✓ Paid", title=title, money=money), slot=SLOT)
    text = ctx.t("Thank you! ✨ {money} received, and <b>{title}</b> is yours.", money=money, title=title)
    product = ctx.get(Shop).product(order.product) if order is not None else None
    if product is None:  # the plugin that brings it is not there now
        away = ctx.t(
            "I cannot bring it right now. It comes by itself as soon as I can; if you hear nothing within a day, "
            "write to /paysupport and name payment {number}.",
            number=payment.id,
        )  # fmt: skip
        text = html("{text}\n\n{away}", text=text, away=away)
    ctx.reply(text, way_on(ctx, product))


def _tell_of_cancellation(ctx: Context, payment: PaymentRow, order: OrderRow | None, title: str) -> None:
    text = ctx.t(
        "The payment for <b>{title}</b> did not go through: {why}.\n\nNothing was charged. "
        "You can try again or pay in another way.",
        title=title, why=ctx.t(REASONS.get(payment.reason or "", N_("the bank did not say why"))),
    )  # fmt: skip
    again = [[ctx.button(N_("Try again"), BUY(code=order.product))]] if order is not None else []
    ctx.reply(text, [*again, [help_button(ctx)]])


TROUBLE: dict[What, Message] = {
    "checked": N_(
        "Thank you, your payment for <b>{title}</b> has arrived. ✨\n\n"
        "Something about it does not match the order, so a person looks at it before I open anything. "
        "Your money is safe, and nothing more is charged.\n\n"
        "You need not do anything now. If you hear nothing from us within a day, write to us and name payment "
        "{number}."
    ),
    "late": N_(
        "Your money for <b>{title}</b>, {money}, is on its way back to you, and it takes longer than usual. "
        "I keep trying and will write to you when it is there.\n\nYou need not do anything."
    ),
    "unreturned": N_(
        "I could not return your money for <b>{title}</b>, {money}, by myself. It is not lost: please write to "
        "us and name payment {number}, and we will find another way."
    ),
}


def _tell_of_trouble(ctx: Context, payment: PaymentRow, title: str, what: What) -> None:
    money = format_money(payment.rest_minor, payment.currency, ctx.language)
    text = ctx.t(TROUBLE[what], money=money, title=title, number=payment.id)
    ctx.reply(text, [[help_button(ctx)]])


def help_button(ctx: Context) -> Button:
    """The way to somebody who helps."""
    return ctx.button(N_("Help with a payment"), SUPPORT())


def history_button(ctx: Context) -> Button:
    """The way to all that was paid."""
    return ctx.button(N_("My payments"), HISTORY())


def way_on(ctx: Context, product: Product | None) -> list[list[Button]]:
    """The buttons under what is bought: open it, the payments, the menu."""
    opens = product.opens if product is not None and ctx.has_route(product.opens) else ""
    first = [[ctx.button(N_("Open"), named_route(opens)())]] if opens else []
    return [*first, [history_button(ctx), ctx.menu_button()]]


# --- money that goes back


@routes.step("pay_back")
async def pay_back(ctx: Context, refund_id: int) -> None:
    """Return a payment's money: ask the provider first, write afterwards. Repeated by the reconciliation."""
    found = await _asked_for(ctx, refund_id)
    if found is None:
        return
    refund, payment = found
    if payment.provider == STARS:
        answer = await return_stars(ctx.bot, payment.user_id, payment.ref)
    else:
        answer = await return_roubles(ctx.get(Shop), refund, payment)
        if answer.unreadable is not None:
            tell_unreadable(ctx, payment.id, answer.unreadable)
    payment, order = await lock_both(ctx.session, payment.id)
    if answer.state in ("refused", "never"):
        await _refused(ctx, refund, payment, order, answer)
        return
    delay = BACK_OFF[min(refund.attempts, len(BACK_OFF) - 1)]
    later = None if answer.state == "succeeded" else now() + timedelta(seconds=delay)
    values = {"next_try_at": later, "error": answer.error}
    if answer.ref is not None:
        values["provider_ref"] = answer.ref
    await close_refund(ctx.session, payment.id, answer.state, **values)
    if answer.state == "succeeded" and await note_refunded(ctx, payment, order, payment.amount_minor):
        say(ctx, payment, "refunded")


async def _asked_for(ctx: Context, refund_id: int) -> tuple[RefundRow, PaymentRow] | None:
    """The refund and its payment, in a unit of work that ends before anybody is asked; None where it is over."""
    query = select(refunds, payments).join(payments).where(refunds.c.id == refund_id)
    async with ctx.plugin.work() as reading:
        row = (await reading.session.execute(query)).mappings().first()
    if row is None or row[refunds.c.status] in REFUND_FINAL:
        return None
    return RefundRow.from_row(row), PaymentRow.from_row(row)


async def _refused(
    ctx: Context, refund: RefundRow, payment: PaymentRow, order: OrderRow | None, answer: Answer
) -> None:
    """Try again later what may still succeed; end the rest. The owner and the buyer learn of it either way."""
    by_hand = await note_refunded(ctx, payment, order, answer.refunded_minor)
    if by_hand:
        payment = replace(payment, refunded_minor=answer.refunded_minor)
    values = {"number": payment.id, "error": answer.error, "days": GIVE_UP.days}
    ctx.log.error("refund of payment %d was refused: %s", payment.id, answer.error)
    if by_hand and refund.actor is not None:  # whoever asked for it may have wanted this instead
        part = format_money(payment.refunded_minor, payment.currency, ctx.plugin.language)
        ctx.alert(f"refund-part:{payment.id}", PART_BY_HAND, number=payment.id, part=part)
        await close_refund(ctx.session, payment.id, "failed", next_try_at=None, error=answer.error)
        return
    if answer.state == "refused" and await put_off(ctx.session, payment, refund.refused_at, answer.error or ""):
        if refund.refused_at is None:
            ctx.alert(f"refund:{payment.id}", REFUND_REFUSED, **values)
            say(ctx, payment, "late")
        return
    await close_refund(ctx.session, payment.id, "failed", next_try_at=None, error=answer.error)
    ctx.alert(f"refund-ended:{payment.id}", REFUND_ENDED, **values)
    say(ctx, payment, "unreturned")
