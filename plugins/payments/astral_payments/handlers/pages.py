"""What people read: their payments, help with a payment, the terms."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from astral_core import Button, Context, Update
from astral_payments.handlers import routes
from astral_payments.handlers.after import N_
from astral_payments.handlers.buy import check
from astral_payments.machine import CANCELED, FAILED, SUCCEEDED, is_final
from astral_payments.money import format_money
from astral_payments.orders import snapshot_title
from astral_payments.refunding import REFUND_FINAL
from astral_payments.settings import PaymentsSettings
from astral_payments.tables import YOOKASSA, orders, payments, refunds

SHOWN = 10
PROBLEM_LENGTH = 2000


@routes.callback("history")
@routes.command("payments", description=N_("Your payments"))
async def history(update: Update, ctx: Context) -> None:
    """The newest payments: what, when, how much, and what came of each."""
    query = (
        select(payments, orders.c.snapshot, orders.c.product, refunds.c.status.label("refund"), refunds.c.refused_at)
        .outerjoin(orders, orders.c.id == payments.c.order_id)
        .outerjoin(refunds, refunds.c.payment_id == payments.c.id)
        .where(payments.c.user_id == ctx.user.id)
        .order_by(payments.c.id.desc())
        .limit(SHOWN)
    )
    found = (await ctx.session.execute(query)).all()
    menu = [ctx.button(ctx.t("Help with a payment"), support), ctx.button(ctx.t("‹ Menu"), "core:menu")]
    if not found:
        ctx.show(ctx.t("<b>Your payments</b>\n\nYou have not bought anything yet."), [menu])
        return
    lines = [_line(ctx, row) for row in found]
    waiting = [row for row in found if row.provider == YOOKASSA and not is_final(row.status)]
    checks: list[list[Button]] = [
        [ctx.button(ctx.t("Check payment {number}", number=row.id), check, payment=row.id)] for row in waiting[:3]
    ]
    ctx.show("\n\n".join([ctx.t("<b>Your payments</b>"), *lines]), [*checks, menu])


def _line(ctx: Context, row: Any) -> str:
    from babel.dates import format_date  # Babel is slow to import

    return ctx.t(
        "No. {number} · {date}\n<b>{title}</b>\n{money} · {state}",
        number=row.id,
        date=format_date(row.created_at, "d MMMM y", locale=ctx.language),
        title=snapshot_title(row, ctx.language) if row.snapshot else ctx.t("your purchase"),
        money=format_money(row.amount_minor, row.currency, ctx.language),
        state=_state(ctx, row),
    )


def _state(ctx: Context, row: Any) -> str:
    if row.refunded_minor >= row.amount_minor:
        return ctx.t("returned")
    if row.refund is not None and row.refund not in REFUND_FINAL:
        late = row.refused_at is not None
        return ctx.t("on its way back to you, takes longer than usual") if late else ctx.t("on its way back to you")
    if row.refunded_minor:
        return ctx.t("returned in part")
    if row.refund is not None:
        return ctx.t("paid; I could not return it, please write to us")
    names = {SUCCEEDED: N_("paid"), CANCELED: N_("did not go through"), FAILED: N_("did not go through")}
    return ctx.t(names.get(row.status, N_("waiting for the payment")))


@routes.callback("support")
@routes.command("paysupport", description=N_("Help with a payment"))
async def support(update: Update, ctx: Context) -> None:
    """How to get help; Telegram demands this command of every bot that sells."""
    contact = ctx.settings(PaymentsSettings).support
    text = ctx.t(
        "<b>Help with a payment</b>\n\nPaid, but nothing came? Open “My payments” first: a payment that is on its "
        "way is checked there at once. If you were charged twice, the second payment comes back by itself.\n\n"
        "For anything else write to us, and name the number of the payment. We answer, not Telegram's support."
    )
    for line in await _late(ctx):
        text += "\n\n" + line
    if contact:
        text += "\n\n" + ctx.t("Contact: {contact}", contact=contact)
    write = [[ctx.button(ctx.t("Write to us"), write_to_us)]] if ctx.run.services.settings.admins else []
    more = [ctx.button(ctx.t("My payments"), history), ctx.button(ctx.t("Terms"), terms)]
    ctx.show(text, [*write, more, [ctx.button(ctx.t("‹ Menu"), "core:menu")]])


async def _late(ctx: Context) -> list[str]:
    """What to say to somebody whose money should be back and is not."""
    query = (
        select(refunds.c.status, payments)
        .join(payments)
        .where(
            payments.c.user_id == ctx.user.id,
            payments.c.refunded_minor < payments.c.amount_minor,
            (refunds.c.status.not_in(REFUND_FINAL) & refunds.c.refused_at.is_not(None))
            | (refunds.c.status.in_(("failed", "canceled")) & (payments.c.refunded_minor == 0)),
        )
        .order_by(payments.c.id.desc())
        .limit(3)
    )
    lines: list[str] = []
    for row in (await ctx.session.execute(query)).all():
        money = format_money(row.amount_minor - row.refunded_minor, row.currency, ctx.language)
        text = N_("Payment {number}: {money} could not be returned yet. Please write to us, and we will find a way.")
        if row[0] not in REFUND_FINAL:
            text = N_(
                "Payment {number}: {money} is on its way back to you and takes longer than usual. I keep trying, and "
                "the owner knows."
            )
        lines.append(ctx.t(text, number=row.id, money=money))
    return lines


@routes.callback("write")
async def write_to_us(update: Update, ctx: Context) -> None:
    """Ask what is wrong."""
    ctx.ask(problem)
    ctx.show(ctx.t("What happened? Describe it in one message, and I will pass it on."), [_leave(ctx)])


def _leave(ctx: Context) -> list[Button]:
    return [ctx.button(ctx.t("Never mind"), "core:menu")]


@routes.question("problem")
async def problem(update: Update, ctx: Context) -> None:
    """Pass a buyer's words on to the admins."""
    text = (update.effective_message.text or "").strip() if update.effective_message else ""
    if not text:
        ctx.ask(problem)
        ctx.reply(ctx.t("Please describe it in words."), [_leave(ctx)])
        return
    plugin = ctx.plugin_context()
    user = ctx.user
    for admin in ctx.run.services.settings.admins:
        message = plugin.t(
            ctx.run.services.settings.language,
            "A question about a payment from {name} (id {user_id}):\n\n{words}",
            name=user.first_name, user_id=user.id, words=text[:PROBLEM_LENGTH],
        )  # fmt: skip
        ctx.call("sendMessage", chat_id=admin, text=message, parse_mode="HTML")
    ctx.reply(ctx.t("Thank you, I have passed it on. We will write to you."), [_leave_home(ctx)])


def _leave_home(ctx: Context) -> list[Button]:
    return [ctx.button(ctx.t("My payments"), history), ctx.button(ctx.t("‹ Menu"), "core:menu")]


@routes.callback("terms")
@routes.command("terms", description=N_("Terms of purchase"))
async def terms(update: Update, ctx: Context) -> None:
    """The terms; Telegram demands this command of every bot that sells."""
    text = ctx.t(
        "<b>Terms of purchase</b>\n\n"
        "1. You buy access to a text or a picture that this bot makes for you. It is yours in this chat as soon as "
        "the payment has arrived, usually within a minute.\n"
        "2. The price is shown before you pay. There are no subscriptions and no further charges.\n"
        "3. Stars are paid inside Telegram. Cards are paid on YooKassa's page: the bot never sees your card.\n"
        "4. A second payment for the same thing is returned by itself. If something did not arrive or does not work, "
        "write to /paysupport within 14 days and we will mend it or return your money the way it came.\n"
        "5. Readings are made for reflection and joy. They are no medical, legal or financial advice and foretell "
        "nothing for certain.\n"
        "6. Of a payment we keep its number, amount and date, as the law demands. See /privacy."
    )
    more = [ctx.button(ctx.t("Help with a payment"), support), ctx.button(ctx.t("‹ Menu"), "core:menu")]
    ctx.show(text, [more])
