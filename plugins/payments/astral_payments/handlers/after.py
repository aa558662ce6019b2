"""What follows a settlement, as durable steps: words to the buyer, and money that goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, select
from telegram.error import BadRequest, Forbidden, TelegramError

from astral_core import Button, Context, now
from astral_payments.api import Product
from astral_payments.errors import InvalidRequest, OutcomeUnknown, OutcomeUnreadable, YooKassaRejected
from astral_payments.handlers import routes
from astral_payments.handlers.late import seller_is_away
from astral_payments.money import format_money
from astral_payments.orders import payment_with_order, snapshot_title
from astral_payments.refunding import REFUND_FINAL, close_refund, lock_order, lock_payment, note_refunded
from astral_payments.shop import shop_of
from astral_payments.tables import STARS, YOOKASSA, payments, refunds
from astral_payments.yookassa_objects import RemoteRefund

KEY_LIFE = timedelta(hours=23)
"""YooKassa forgets an idempotence key after 24 h: the same key would then do the same thing again."""

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
    "When that is mended, ask again: <code>/refund {number}</code>."
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
    """Tell the buyer what became of a payment: "paid", "canceled", "refunded" or "checked" by a person."""
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
    status, values = await _ask(ctx, row)
    payment = await lock_payment(ctx.session, row["payments_id"])
    order = await lock_order(ctx.session, payment.order_id)
    if status == "succeeded" and await note_refunded(plugin, ctx.run.work, payment, order, payment.amount_minor):
        plugin.defer(
            ctx.run.work, tell, payment.user_id, f"{payment.id}:refunded", payment_id=payment.id, what="refunded"
        )
    if status in ("failed", "canceled"):
        error = values.get("error")
        ctx.log.error("refund %d of payment %d: %s (%s)", refund_id, payment.id, status, error)
        ctx.alert(f"refund:{refund_id}", REFUND_REFUSED, number=payment.id, error=error)
    await close_refund(ctx.session, payment.id, status, **values)


async def _ask(ctx: Context, row: Any) -> tuple[str, dict[str, Any]]:
    """The refund's new status and columns, as the provider says."""
    delay = BACK_OFF[min(row["payments_refunds_attempts"], len(BACK_OFF) - 1)]
    later = {"next_try_at": now() + timedelta(seconds=delay)}
    if row["payments_provider"] == STARS:
        return await _return_stars(ctx, row, later)
    try:
        remote = await _return_roubles(ctx, row)
    except OutcomeUnknown as error:
        return "unknown", {**later, "error": str(error)}
    except (YooKassaRejected, InvalidRequest) as error:
        if isinstance(error, YooKassaRejected) and error.status == 429:
            return "unknown", {**later, "error": str(error)}
        return "failed", {"next_try_at": None, "error": str(error)}
    found = {"provider_ref": remote.id, "error": remote.cancellation_reason}
    if remote.status == "pending":
        return "submitted", {**found, **later}
    status = "succeeded" if remote.status == "succeeded" else "canceled"
    return status, {**found, "next_try_at": None}


async def _return_stars(ctx: Context, row: Any, later: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    try:
        await ctx.bot.refund_star_payment(row["payments_user_id"], row["payments_provider_ref"])
    except (BadRequest, Forbidden) as error:
        if "CHARGE_ALREADY_REFUNDED" not in str(error).upper():
            return "failed", {"next_try_at": None, "error": str(error)}
    except TelegramError as error:  # no answer: if it was done, the next call says "already refunded"
        return "unknown", {**later, "error": type(error).__name__}
    return "succeeded", {"next_try_at": None, "error": None}


async def _return_roubles(ctx: Context, row: Any) -> RemoteRefund:
    client = shop_of(ctx).patient
    if client is None:
        raise OutcomeUnknown("create_refund", "YooKassa is not configured any more")
    if row["payments_refunds_provider_ref"]:
        return await client.get_refund(row["payments_refunds_provider_ref"])
    if now() - row["payments_refunds_created_at"] > KEY_LIFE:
        page = await client.list_refunds(payment_id=row["payments_provider_ref"])
        if not page.items:
            raise InvalidRequest("it is unknown for 23 h and YooKassa has no refund of this payment: make it by hand")
        return page.items[0]
    return await client.create_refund(
        row["payments_provider_ref"],
        amount_minor=row["payments_refunds_amount_minor"],
        idempotence_key=row["payments_refunds_idempotence_key"],
    )
