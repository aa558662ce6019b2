"""What people read: their payments, help with a payment, the terms."""

from __future__ import annotations

from sqlalchemy import select

from astral_core import N_, Button, Context, Markup, Message, Routes, named_route
from astral_payments.handlers.buy import check
from astral_payments.money import format_money
from astral_payments.orders import snapshot_title
from astral_payments.refunding import REFUND_FINAL
from astral_payments.settings import PaymentsSettings
from astral_payments.state_machine import CANCELED, FAILED, SUCCEEDED, is_final
from astral_payments.steps import help_button, history_button
from astral_payments.store import OrderRow, PaymentRow, RefundRow
from astral_payments.tables import YOOKASSA, orders, payments, refunds

routes = Routes()
SHOWN = 10
PROBLEM_LENGTH = 2000


@routes.callback("history")
@routes.command("payments", description=N_("Your payments"))
async def history(ctx: Context) -> None:
    """The newest payments: what, when, how much, and what came of each."""
    query = (
        select(payments, orders, refunds)
        .outerjoin(orders, orders.c.id == payments.c.order_id)
        .outerjoin(refunds, refunds.c.payment_id == payments.c.id)
        .where(payments.c.user_id == ctx.user.id)
        .order_by(payments.c.id.desc())
        .limit(SHOWN)
    )
    found = [
        (PaymentRow.from_row(row), OrderRow.joined(row), RefundRow.joined(row))
        for row in (await ctx.session.execute(query)).mappings()
    ]
    menu = [help_button(ctx), ctx.menu_button()]
    if not found:
        ctx.show(N_("<b>Your payments</b>\n\nYou have not bought anything yet."), [menu])
        return
    lines = [_line(ctx, *one) for one in found]
    waiting = [one.id for one, *_ in found if one.provider == YOOKASSA and not is_final(one.status)][:3]
    checks = [[ctx.button(ctx.t("Check payment {number}", number=id_), check(payment=id_))] for id_ in waiting]
    ctx.show(Markup("\n\n").join([ctx.t("<b>Your payments</b>"), *lines]), [*checks, menu])


def _line(ctx: Context, payment: PaymentRow, order: OrderRow | None, refund: RefundRow | None) -> Markup:
    from babel.dates import format_date  # Babel is slow to import

    return ctx.t(
        "No. {number} · {date}\n<b>{title}</b>\n{money} · {state}",
        number=payment.id,
        date=format_date(payment.created_at, "d MMMM y", locale=ctx.language),
        title=snapshot_title(order, ctx.language) if order is not None else ctx.t("your purchase"),
        money=format_money(payment.amount_minor, payment.currency, ctx.language),
        state=ctx.t(_state(payment, refund)),
    )


def _state(payment: PaymentRow, refund: RefundRow | None) -> Message:
    if not payment.rest_minor:
        return N_("returned")
    if refund is not None and refund.status not in REFUND_FINAL:
        late = refund.refused_at is not None
        return N_("on its way back to you, takes longer than usual") if late else N_("on its way back to you")
    if payment.refunded_minor:
        return N_("returned in part")
    if refund is not None:
        return N_("paid; I could not return it, please write to us")
    names = {SUCCEEDED: N_("paid"), CANCELED: N_("did not go through"), FAILED: N_("did not go through")}
    return names.get(payment.status, N_("waiting for the payment"))


routes.menu(N_("My payments"), history(), order=80)


@routes.callback("support")
@routes.command("paysupport", description=N_("Help with a payment"))
async def support(ctx: Context) -> None:
    """How to get help; Telegram demands this command of every bot that sells."""
    parts = [
        ctx.t(
            "<b>Help with a payment</b>\n\nPaid, but nothing came? Open “My payments” first: a payment that is on "
            "its way is checked there at once. If you were charged twice, the second payment comes back by "
            "itself.\n\nFor anything else write to us, and name the number of the payment. We answer, not Telegram's "
            "support."
        ),
        *await _late(ctx),
    ]
    if contact := ctx.settings(PaymentsSettings).support:
        parts.append(ctx.t("Contact: {contact}", contact=contact))
    write = [[ctx.button(N_("Write to us"), write_to_us())]] if ctx.admins else []
    more = [history_button(ctx), ctx.button(N_("Terms"), terms())]
    ctx.show(Markup("\n\n").join(parts), [*write, more, [ctx.menu_button()]])


async def _late(ctx: Context) -> list[Markup]:
    """What to say to somebody whose money should be back and is not."""
    query = (
        select(refunds, payments)
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
    lines: list[Markup] = []
    for row in (await ctx.session.execute(query)).mappings():
        payment = PaymentRow.from_row(row)
        text = N_("Payment {number}: {money} could not be returned yet. Please write to us, and we will find a way.")
        if row[refunds.c.status] not in REFUND_FINAL:
            text = N_(
                "Payment {number}: {money} is on its way back to you and takes longer than usual. I keep trying, and "
                "the owner knows."
            )
        money = format_money(payment.rest_minor, payment.currency, ctx.language)
        lines.append(ctx.t(text, number=payment.id, money=money))
    return lines


@routes.callback("write")
async def write_to_us(ctx: Context) -> None:
    """Ask what is wrong."""
    ctx.ask(problem())
    ctx.show(N_("What happened? Describe it in one message, and I will pass it on."), [_leave(ctx)])


def _leave(ctx: Context) -> list[Button]:
    return [ctx.button(N_("Never mind"), named_route("core:menu")())]


@routes.question("problem", accept="any")
async def problem(ctx: Context) -> None:
    """Pass a buyer's words on to the admins."""
    words = ctx.text.strip()
    if not words:
        ctx.ask(problem())
        ctx.reply(N_("Please describe it in words."), [_leave(ctx)])
        return
    text = ctx.plugin.t(
        "A question about a payment from {name} (id {user_id}):\n\n{words}",
        name=ctx.user.first_name, user_id=ctx.user.id, words=words[:PROBLEM_LENGTH],
    )  # fmt: skip
    for admin in ctx.admins:
        ctx.call("sendMessage", chat_id=admin, text=text, parse_mode="HTML")
    ctx.reply(N_("Thank you, I have passed it on. We will write to you."), [[history_button(ctx), ctx.menu_button()]])


@routes.callback("terms")
@routes.command("terms", description=N_("Terms of purchase"))
async def terms(ctx: Context) -> None:
    """The terms; Telegram demands this command of every bot that sells."""
    text = N_(
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
    ctx.show(text, [[help_button(ctx), ctx.menu_button()]])
