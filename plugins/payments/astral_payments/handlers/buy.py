"""Buying: which way to pay, the invoice in Stars, the link to YooKassa, and «I have paid»."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from astral_core import Button, Context, Refuse, Update, now
from astral_payments.api import Product
from astral_payments.errors import InvalidRequest, OutcomeUnknown, OutcomeUnreadable, YooKassaRejected
from astral_payments.handlers import routes
from astral_payments.handlers.after import SLOT, tell_unreadable, way_on
from astral_payments.machine import CREATED, FAILED, PENDING, SUCCEEDED, UNKNOWN, WAITING, advance, is_final
from astral_payments.money import STARS as XTR
from astral_payments.money import format_money
from astral_payments.orders import (
    LINK_LIFE,
    new_attempt,
    open_order,
    payment_with_order,
    reusable_attempt,
    snapshot_title,
)
from astral_payments.refunding import lock_payment
from astral_payments.returning import KEY_LIFE
from astral_payments.settle import Outcome, Remote, is_made_for, settle
from astral_payments.shop import CURRENCY, Shop, link_of, shop_of, text_in
from astral_payments.tables import PAID, STARS, YOOKASSA, orders
from astral_payments.yookassa_objects import RemotePayment

DOUBLE_TAP = timedelta(seconds=5)
_PAGES = 20  # of 100 payments: how far a lost creation is looked for


@routes.deep_link()
async def link(update: Update, ctx: Context, rest: str) -> None:
    """A forwarded invoice leads here: everybody gets an invoice of their own."""
    product = shop_of(ctx).by_link(rest)
    if product is None:
        raise Refuse(ctx.t("This is no longer for sale."))
    await _offer(ctx, product)


@routes.callback("buy/{code:slug}")
async def buy(update: Update, ctx: Context, code: str) -> None:
    """Ask how to pay; where there is one way, go straight there."""
    await _offer(ctx, _product(ctx, code))


@routes.callback("pay/{code:slug}/{way:slug}")
async def pay(update: Update, ctx: Context, code: str, way: str) -> None:
    """Pay in the chosen way."""
    product = _product(ctx, code)
    if way not in shop_of(ctx).ways(product):
        raise Refuse(ctx.t("This way of paying is not available now. Please choose another one."))
    if not await _is_owned(ctx, product):
        await _start(ctx, product, way)


async def _offer(ctx: Context, product: Product) -> None:
    ways = shop_of(ctx).ways(product)
    if not ways:
        raise Refuse(ctx.t("This cannot be bought right now. Please come back later."))
    if await _is_owned(ctx, product):
        return
    if len(ways) == 1:
        await _start(ctx, product, ways[0])
        return
    text = ctx.t(
        "<b>{title}</b>\n{description}\n\nHow do you want to pay?",
        title=text_in(product.title, ctx.language), description=text_in(product.description, ctx.language),
    )  # fmt: skip
    ctx.show(text, [*([_way_button(ctx, product, way)] for way in ways), [_back(ctx)]], slot=SLOT)


def _product(ctx: Context, code: str) -> Product:
    product = shop_of(ctx).product(code)
    if product is None:
        raise Refuse(ctx.t("This is no longer for sale."))
    return product


async def _is_owned(ctx: Context, product: Product) -> bool:
    """Whether the user has `product` already; then they are told so and shown the way to it."""
    owned = await shop_of(ctx).has(ctx.session, ctx.user.id, product.code)
    if owned:
        text = ctx.t("You already have “{title}” ✨", title=text_in(product.title, ctx.language))
        ctx.show(text, way_on(ctx, product), slot=SLOT)
    return owned


def _way_button(ctx: Context, product: Product, way: str) -> Button:
    price = product.price(CURRENCY[way])
    money = format_money(price.amount, price.currency, ctx.language) if price else ""
    text = (
        ctx.t("Telegram Stars · {money}", money=money) if way == STARS else ctx.t("Bank card · {money}", money=money)
    )
    return ctx.button(text, pay, code=product.code, way=way)


def _back(ctx: Context) -> Button:
    return ctx.button(ctx.t("‹ Menu"), "core:menu")


async def _start(ctx: Context, product: Product, way: str) -> None:
    order = await open_order(ctx.session, ctx.user.id, product)
    if way == STARS:
        await _invoice(ctx, product, order)
        return
    attempt = await reusable_attempt(ctx.session, order)
    if attempt is not None and attempt.confirmation_url:
        _show_link(ctx, attempt, order)
        return
    payment_id = attempt.id if attempt is not None else await new_attempt(
        ctx.session, shop_of(ctx), order, ctx.bot.username
    )  # fmt: skip
    ctx.show(ctx.t("One moment, I am preparing the payment…"), slot=SLOT)
    ctx.defer_once(f"{payment_id}:{ctx.run.row.seq}", begin, payment_id=payment_id)


async def _invoice(ctx: Context, product: Product, order: Any) -> None:
    """One invoice for a double tap; a later press sends it anew, further down in the chat."""
    if order.invoiced_at is not None and now() - order.invoiced_at < DOUBLE_TAP:
        return
    await ctx.session.execute(update(orders).where(orders.c.id == order.id).values(invoiced_at=now()))
    price = product.price(XTR)
    if price is None:
        raise Refuse(ctx.t("This way of paying is not available now. Please choose another one."))
    title = text_in(product.title, ctx.language)
    money = format_money(price.amount, XTR, ctx.language)
    ctx.send_invoice(
        title=title,
        description=text_in(product.description, ctx.language),
        payload=f"payments:{order.id}",
        currency=XTR,
        prices=[{"label": title, "amount": price.amount}],
        provider_token="",  # Telegram's sign for Stars
        start_parameter=f"payments-{link_of(product.code)}",  # else a forwarded copy could be paid by anybody
        buttons=[[ctx.pay_button(ctx.t("Pay {money}", money=money))]],
    )


# --- YooKassa


@routes.step("begin")
async def begin(ctx: Context, payment_id: int) -> None:
    """Create the payment at YooKassa with its stored key and show the link. Safe to repeat."""
    plugin, shop = ctx.plugin_context(), shop_of(ctx)
    async with plugin.work() as reading:
        payment, order = await payment_with_order(reading.session, payment_id)
    if payment is None or order is None or payment.status not in (CREATED, UNKNOWN):
        return
    fresh = payment.status == UNKNOWN or None  # it was promised: an edit far up in the chat would go unnoticed
    try:
        remote = await _created(ctx, shop, payment, order)
    except OutcomeUnknown as error:
        ctx.log.warning("payment %d: %s", payment_id, error.cause)
        tell_unreadable(ctx, payment_id, error)
        await _unknown(ctx, payment_id)
    except (YooKassaRejected, InvalidRequest) as error:
        if isinstance(error, YooKassaRejected) and error.status == 429:
            ctx.log.warning("payment %d: YooKassa asks to wait", payment_id)
            await _unknown(ctx, payment_id)
            return
        ctx.log.error("payment %d was not created: %s", payment_id, error)  # noqa: TRY400  # the message says all
        await _failed(ctx, payment, order)
    else:
        outcome = await settle(plugin, ctx.run.work, payment_id, Remote.of_yookassa(remote), "create")
        if outcome is Outcome.MISMATCH:  # nobody has seen the link, so nobody can pay there
            await _failed(ctx, payment, order)
            return
        payment, order = await payment_with_order(ctx.session, payment_id)
        if payment.status in (PENDING, WAITING) and now() - payment.created_at < LINK_LIFE:
            _show_link(ctx, payment, order, fresh=fresh)


async def _created(ctx: Context, shop: Shop, payment: Any, order: Any) -> RemotePayment:
    if shop.quick is None:
        raise OutcomeUnknown("create_payment", "YooKassa is not configured any more")
    if now() - payment.created_at > KEY_LIFE:
        return await _found_in_list(shop, payment)
    path = f"/plugins/payments/return/{payment.return_token}"
    return await shop.quick.create_payment(
        amount_minor=payment.amount_minor,
        description=snapshot_title(order, "ru"),
        return_url=ctx.plugin_context().url(path) or f"https://t.me/{payment.bot}",
        idempotence_key=payment.idempotence_key,
        metadata={"payment_id": str(payment.id), "order_id": str(order.id), "bot": payment.bot or ""},
    )


async def _found_in_list(shop: Shop, payment: Any) -> RemotePayment:
    """The payment that may have been created when its key was young: after that, a create would make a second."""
    client, cursor, unreadable = shop.quick, None, 0
    if client is None:
        raise OutcomeUnknown("list_payments", "YooKassa is not configured any more")
    for _ in range(_PAGES):
        page = await client.list_payments(
            created_since=payment.created_at - timedelta(minutes=5),
            created_before=payment.created_at + KEY_LIFE + timedelta(hours=1),
            cursor=cursor,
        )
        for item in page.items:
            if item.account_id == payment.account_id and is_made_for(payment, Remote.of_yookassa(item)):
                return item
        cursor = page.next_cursor
        unreadable = unreadable or page.unreadable
        if cursor is None and unreadable:  # one of them may be it: a second one would be charged, too
            raise OutcomeUnreadable("list_payments", f"{unreadable} of the list's payments")
        if cursor is None:
            raise InvalidRequest(f"payment {payment.id} was never created")
    raise OutcomeUnknown("list_payments", "the list is too long")


async def _unknown(ctx: Context, payment_id: int) -> None:
    payment = await lock_payment(ctx.session, payment_id)
    if payment.status != CREATED:
        return
    await advance(ctx.session, payment, UNKNOWN, "create")
    text = ctx.t(
        "The bank is slow to answer. I am preparing your payment link and will send it here as soon as I have it.\n\n"
        "There is no need to press again: nothing is charged twice."
    )
    ctx.show(text, [[_back(ctx)]], slot=SLOT)


async def _failed(ctx: Context, payment: Any, order: Any) -> None:
    locked = await lock_payment(ctx.session, payment.id)
    if locked.status not in (CREATED, UNKNOWN):
        return
    await advance(ctx.session, locked, FAILED, "create")
    if now() - payment.created_at > LINK_LIFE:
        return
    text = ctx.t("Card payments do not work right now. You were not charged. Please try again later.")
    product = shop_of(ctx).product(order.product)
    others = [way for way in shop_of(ctx).ways(product) if way != YOOKASSA] if product else []
    buttons = [[_way_button(ctx, product, way)] for way in others] if product else []
    ctx.show(text, [*buttons, [_back(ctx)]], slot=SLOT)


def _show_link(ctx: Context, payment: Any, order: Any, *, fresh: bool | None = None) -> None:
    money = format_money(payment.amount_minor, payment.currency, ctx.language)
    text = ctx.t(
        "<b>{title}</b> · {money}\n\nThe button opens YooKassa's secure page. When you have paid, come back here: "
        "I will notice by myself.",
        title=snapshot_title(order, ctx.language), money=money,
    )  # fmt: skip
    buttons = [
        [ctx.link(ctx.t("Pay {money}", money=money), payment.confirmation_url)],
        [ctx.button(ctx.t("I have paid"), check, payment=payment.id)],
        [_back(ctx)],
    ]
    ctx.show(text, buttons, slot=SLOT, fresh=fresh)


@routes.callback("check/{payment:int}", answer="manual")
async def check(update: Update, ctx: Context, payment: int) -> None:
    """Look at YooKassa now, and settle what it says."""
    plugin, shop = ctx.plugin_context(), shop_of(ctx)
    async with plugin.work() as reading:
        row, order = await payment_with_order(reading.session, payment)
    if row is None or row.user_id != ctx.user.id:
        ctx.answer(ctx.t("I do not know this payment."), alert=True)
        return
    if is_final(row.status):
        ctx.answer(_state_text(ctx, row, order), alert=True)
        return
    if row.provider_ref is None or shop.quick is None:
        ctx.answer(ctx.t("The payment is still being prepared. Give it a minute, please."), alert=True)
        return
    if not shop.may_look(payment):
        ctx.answer(ctx.t("I have just looked. Give the bank a moment, please; I keep looking and will write to you."))
        return
    try:
        remote = await shop.quick.get_payment(row.provider_ref)
    except (OutcomeUnknown, YooKassaRejected) as error:
        ctx.log.warning("payment %d: %s", payment, error)
        tell_unreadable(ctx, payment, error)
        text = ctx.t("The bank does not answer right now. I keep looking and will write to you.")
        if isinstance(error, OutcomeUnreadable):
            text = ctx.t("Your payment is being checked by a person. Your money is safe, and I will write to you.")
        ctx.answer(text, alert=True)
        return
    outcome = await settle(plugin, ctx.run.work, payment, Remote.of_yookassa(remote), "button")
    if outcome is Outcome.MISMATCH:
        ctx.answer(ctx.t("Something is wrong with this payment. Please write to /paysupport."), alert=True)
        return
    row, order = await payment_with_order(ctx.session, payment)
    ctx.answer(_state_text(ctx, row, order), alert=not is_final(row.status))


def _state_text(ctx: Context, payment: Any, order: Any) -> str:
    if payment.status == SUCCEEDED:
        paid = order is not None and order.status == PAID
        return ctx.t("Paid. Thank you!") if paid else ctx.t("This payment was returned to you.")
    if is_final(payment.status):
        return ctx.t("This payment did not go through. You were not charged.")
    return ctx.t("I do not see the payment yet. Banks may take a minute; I keep looking and will write to you.")
