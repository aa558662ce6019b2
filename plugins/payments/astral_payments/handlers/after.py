"""What follows a settlement, as durable steps: words to the buyer, and money that goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, select

from astral_core import Button, Context, PluginContext, Work, now
from astral_payments.api import Product
from astral_payments.errors import OutcomeUnreadable
from astral_payments.handlers import routes
from astral_payments.handlers.late import seller_is_away
from astral_payments.money import format_money
from astral_payments.orders import payment_with_order, snapshot_title
from astral_payments.refunding import (
    GIVE_UP,
    REFUND_FINAL,
    close_refund,
    lock_order,
    lock_payment,
    note_refunded,
    put_off,
)
from astral_payments.returning import Answer, return_roubles, return_stars
from astral_payments.shop import shop_of
from astral_payments.tables import STARS, YOOKASSA, payments, refunds

SLOT = "payments"
"""The one message where a way of paying is chosen and the link is shown."""

BACK_OFF = (5, 15, 60, 300, 600, 1800, 3600)


def N_(text: str) -> str:  # noqa: N802  # gettext's own name: marks a text that is translated later
    """Mark a source text."""
    return text


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
    "I keep trying for {days} days, and the buyer knows that it takes longer. When the reason is mended, "
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


def tell_unreadable(ctx: Context, payment_id: int, error: Exception) -> None:
    """Alert the owner where YooKassa answered, and its answer cannot be read."""
    if isinstance(error, OutcomeUnreadable):
        ctx.alert(f"unreadable:{payment_id}", UNREADABLE_ANSWER, number=payment_id, member=error.member[:64])


@routes.step("tell")
async def tell(ctx: Context, payment_id: int, what: str) -> None:
    """Tell the buyer what became of a payment.

    `what` is "paid", "canceled", "refunded", "checked" (by a person), or of its refund: "late", "unreturned" (ended).
    """
    payment, order = await payment_with_order(ctx.session, payment_id)
    if payment is None:
        return
    title = snapshot_title(order, ctx.language) if order is not None else ctx.t("your purchase")
    money = format_money(payment.amount_minor, payment.currency, ctx.language)
    if what == "paid":
        if payment.provider == YOOKASSA:  # its card has buttons that lead to nothing any more
            ctx.show(ctx.t("<b>{title}</b> · {money}\n\n✓ Paid", title=title, money=money), slot=SLOT)
        text = ctx.t("Thank you! ✨ {money} received, and <b>{title}</b> is yours.", money=money, title=title)
        product = shop_of(ctx).product(order.product)
        ctx.reply(text if product else text + seller_is_away(ctx, payment_id), way_on(ctx, product))
    elif what == "refunded":
        text = ctx.t("I have returned {money} to you: <b>{title}</b>.", money=money, title=title)
        note = ctx.t("Stars are back at once; a bank may take a few days.")
        ctx.reply(f"{text}\n\n{note}", [[ctx.button(ctx.t("My payments"), "payments:history")]])
    elif what in ("late", "unreturned"):
        _tell_of_refusal(ctx, payment, title, what)
    elif what == "checked":
        text = ctx.t(
            "Thank you, your payment for <b>{title}</b> has arrived. ✨\n\n"
            "Something about it does not match the order, so a person looks at it before I open anything. "
            "Your money is safe, and nothing more is charged.\n\n"
            "You need not do anything now. If you hear nothing from us within a day, write to us and name payment "
            "{number}.",
            title=title, number=payment.id,
        )  # fmt: skip
        ctx.reply(text, [[ctx.button(ctx.t("Help with a payment"), "payments:support")]])
    else:
        why = ctx.t(REASONS.get(payment.reason, N_("the bank did not say why")))
        text = ctx.t(
            "The payment for <b>{title}</b> did not go through: {why}.\n\nNothing was charged. "
            "You can try again or pay in another way.",
            title=title, why=why,
        )  # fmt: skip
        again = [[ctx.button(ctx.t("Try again"), "payments:buy", code=order.product)]] if order else []
        ctx.reply(text, [*again, [ctx.button(ctx.t("Help with a payment"), "payments:support")]])


def _tell_of_refusal(ctx: Context, payment: Any, title: str, what: str) -> None:
    money = format_money(payment.amount_minor - payment.refunded_minor, payment.currency, ctx.language)
    text = N_(
        "Your money for <b>{title}</b>, {money}, is on its way back to you, and it takes longer than usual. "
        "I keep trying and will write to you when it is there.\n\nYou need not do anything."
    )
    if what == "unreturned":
        text = N_(
            "I could not return your money for <b>{title}</b>, {money}, by myself. It is not lost: please write to "
            "us and name payment {number}, and we will find another way."
        )
    help_ = [[ctx.button(ctx.t("Help with a payment"), "payments:support")]]
    ctx.reply(ctx.t(text, money=money, title=title, number=payment.id), help_)


def say(plugin: PluginContext, work: Work, payment: Any, what: str, key: str | None = None) -> None:
    """Have the buyer told, in the private chat."""
    plugin.defer(work, tell, payment.user_id, key, payment_id=payment.id, what=what)


def way_on(ctx: Context, product: Product | None) -> list[list[Button]]:
    """The buttons under what is bought: open it, the payments, the menu."""
    opens = product.opens if product is not None and ctx.has_route(product.opens) else ""
    first = [[ctx.button(ctx.t("Open"), opens)]] if opens else []
    home = [ctx.button(ctx.t("My payments"), "payments:history"), ctx.button(ctx.t("‹ Menu"), "core:menu")]
    return [*first, home]


@routes.step("pay_back")
async def pay_back(ctx: Context, refund_id: int) -> None:
    """Return a payment's money: ask the provider first, write afterwards. Repeated by the reconciliation."""
    plugin = ctx.plugin_context()
    async with plugin.work() as reading:
        query = select(refunds, payments).join(payments).where(refunds.c.id == refund_id)
        row = (
            (await reading.session.execute(query.set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL))).mappings().first()
        )
    if row is None or row["payments_refunds_status"] in REFUND_FINAL:
        return
    if row["payments_provider"] == STARS:
        answer = await return_stars(ctx.bot, row["payments_user_id"], row["payments_provider_ref"])
    else:
        answer = await return_roubles(shop_of(ctx), row)
        if answer.unreadable is not None:
            tell_unreadable(ctx, row["payments_id"], answer.unreadable)
    payment = await lock_payment(ctx.session, row["payments_id"])
    order = await lock_order(ctx.session, payment.order_id)
    if answer.state in ("refused", "never"):
        await _refused(ctx, row, payment, order, answer)
        return
    delay = BACK_OFF[min(row["payments_refunds_attempts"], len(BACK_OFF) - 1)]
    later = None if answer.state == "succeeded" else now() + timedelta(seconds=delay)
    values = {"next_try_at": later, "error": answer.error}
    if answer.ref is not None:
        values["provider_ref"] = answer.ref
    await close_refund(ctx.session, payment.id, answer.state, **values)
    total = payment.amount_minor
    if answer.state == "succeeded" and await note_refunded(plugin, ctx.run.work, payment, order, total):
        say(plugin, ctx.run.work, payment, "refunded", f"{payment.id}:refunded")


async def _refused(ctx: Context, row: Any, payment: Any, order: Any, answer: Answer) -> None:
    """Try again later what may still succeed; end the rest. The owner and the buyer learn of it either way."""
    plugin, work = ctx.plugin_context(), ctx.run.work
    by_hand = await note_refunded(plugin, work, payment, order, answer.refunded_minor)
    payment = await lock_payment(ctx.session, payment.id)
    values = {"number": payment.id, "error": answer.error, "days": GIVE_UP.days}
    ctx.log.error("refund of payment %d was refused: %s", payment.id, answer.error)
    if by_hand and row["payments_refunds_actor"] is not None:  # whoever asked for it may have wanted this instead
        part = format_money(payment.refunded_minor, payment.currency, ctx.run.services.settings.language)
        ctx.alert(f"refund-part:{payment.id}", PART_BY_HAND, number=payment.id, part=part)
        await close_refund(ctx.session, payment.id, "failed", next_try_at=None, error=answer.error)
        return
    refused_at = row["payments_refunds_refused_at"]
    if answer.state == "refused" and await put_off(ctx.session, payment, refused_at, answer.error or ""):
        if refused_at is None:
            ctx.alert(f"refund:{payment.id}", REFUND_REFUSED, **values)
            say(plugin, work, payment, "late")
        return
    await close_refund(ctx.session, payment.id, "failed", next_try_at=None, error=answer.error)
    ctx.alert(f"refund-ended:{payment.id}", REFUND_ENDED, **values)
    say(plugin, work, payment, "unreturned")
