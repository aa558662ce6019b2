"""Buying: which way to pay, the invoice in Stars, the link to YooKassa, and «I have paid»."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from astral_core import N_, Button, Context, Message, Refuse, Routes, now
from astral_payments.api import Product
from astral_payments.errors import InvalidRequest, OutcomeUnknown, OutcomeUnreadable, YooKassaRejected
from astral_payments.money import STARS as XTR
from astral_payments.money import format_money
from astral_payments.orders import LINK_LIFE, new_attempt, open_order, reusable_attempt, snapshot_title
from astral_payments.returning import KEY_LIFE, is_haste
from astral_payments.settle import Outcome, ProviderPayment, is_made_for, settle
from astral_payments.shop import CURRENCY, Shop, link_of, text_in
from astral_payments.state_machine import CREATED, FAILED, PENDING, SUCCEEDED, UNKNOWN, WAITING, advance, is_final
from astral_payments.steps import SLOT, tell_unreadable, way_on
from astral_payments.store import OrderRow, PaymentRow, lock_both, lock_payment, payment_with_order
from astral_payments.tables import PAID, STARS, YOOKASSA, orders
from astral_payments.yookassa_objects import RemotePayment

routes = Routes()

DOUBLE_TAP = timedelta(seconds=5)
_PAGES = 20  # of 100 payments: how far a lost creation is looked for
NOT_FOR_SALE = N_("This is no longer for sale.")
NOT_THIS_WAY = N_("This way of paying is not available now. Please choose another one.")


@routes.deep_link("{name:slug}")
async def link(ctx: Context, name: str) -> None:
    """A forwarded invoice leads here: everybody gets an invoice of their own."""
    product = ctx.get(Shop).by_link(name)
    if product is None:
        raise Refuse(NOT_FOR_SALE)
    await _offer(ctx, product)


@routes.callback("buy/{code:slug}")
async def buy(ctx: Context, code: str) -> None:
    """Ask how to pay; where there is one way, go straight there."""
    await _offer(ctx, _product(ctx, code))


@routes.callback("pay/{code:slug}/{way:slug}")
async def pay(ctx: Context, code: str, way: str) -> None:
    """Pay in the chosen way."""
    product = _product(ctx, code)
    if way not in ctx.get(Shop).ways(product):
        raise Refuse(NOT_THIS_WAY)
    if not await _is_owned(ctx, product):
        await _start(ctx, product, way)


async def _offer(ctx: Context, product: Product) -> None:
    ways = ctx.get(Shop).ways(product)
    if not ways:
        raise Refuse(N_("This cannot be bought right now. Please come back later."))
    if await _is_owned(ctx, product):
        return
    if len(ways) == 1:
        await _start(ctx, product, ways[0])
        return
    text = ctx.t(
        "<b>{title}</b>\n{description}\n\nHow do you want to pay?",
        title=text_in(product.title, ctx.language), description=text_in(product.description, ctx.language),
    )  # fmt: skip
    ctx.show(text, [*([_way_button(ctx, product, way)] for way in ways), [ctx.menu_button()]], slot=SLOT)


def _product(ctx: Context, code: str) -> Product:
    product = ctx.get(Shop).product(code)
    if product is None:
        raise Refuse(NOT_FOR_SALE)
    return product


async def _is_owned(ctx: Context, product: Product) -> bool:
    """Whether the user has `product` already; then they are told so and shown the way to it."""
    owned = await ctx.get(Shop).has(ctx.session, ctx.user.id, product.code)
    if owned:
        text = ctx.t("You already have “{title}” ✨", title=text_in(product.title, ctx.language))
        ctx.show(text, way_on(ctx, product), slot=SLOT)
    return owned


def _way_button(ctx: Context, product: Product, way: str) -> Button:
    price = product.price(CURRENCY[way])
    money = format_money(price.amount, price.currency, ctx.language) if price else ""
    text = N_("Telegram Stars · {money}") if way == STARS else N_("Bank card · {money}")
    return ctx.button(ctx.t(text, money=money), pay(code=product.code, way=way))


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
        ctx.session, ctx.get(Shop), order, ctx.bot_name
    )  # fmt: skip
    ctx.show(N_("One moment, I am preparing the payment…"), slot=SLOT)
    ctx.defer(begin(payment_id=payment_id))


async def _invoice(ctx: Context, product: Product, order: OrderRow) -> None:
    """One invoice for a double tap; a later press sends it anew, further down in the chat."""
    if order.invoiced_at is not None and now() - order.invoiced_at < DOUBLE_TAP:
        return
    await ctx.session.execute(update(orders).where(orders.c.id == order.id).values(invoiced_at=now()))
    price = product.price(XTR)
    if price is None:
        raise Refuse(NOT_THIS_WAY)
    title = text_in(product.title, ctx.language)
    money = format_money(price.amount, XTR, ctx.language)
    ctx.send_invoice(
        title=title,
        description=text_in(product.description, ctx.language),
        payload=f"payments:{order.id}",
        currency=XTR,
        prices=[{"label": title, "amount": price.amount}],
        provider_token="",  # Telegram's sign for Stars
        start_parameter=ctx.start_parameter(
            link(name=link_of(product.code))
        ),  # else a forwarded copy could be paid by anybody
        buttons=[[ctx.pay_button(ctx.t("Pay {money}", money=money))]],
    )


# --- YooKassa


@routes.step("begin")
async def begin(ctx: Context, payment_id: int) -> None:
    """Create the payment at YooKassa with its stored key and show the link. Safe to repeat."""
    async with ctx.plugin.work() as reading:
        payment, order = await payment_with_order(reading.session, payment_id)
    if payment is None or order is None or payment.status not in (CREATED, UNKNOWN):
        return
    fresh = payment.status == UNKNOWN or None  # it was promised: an edit far up in the chat would go unnoticed
    try:
        remote = await _created(ctx, payment, order)
    except OutcomeUnknown as error:
        ctx.log.warning("payment %d: %s", payment_id, error.cause)
        tell_unreadable(ctx, payment_id, error)
        await _unknown(ctx, payment_id)
    except (YooKassaRejected, InvalidRequest) as error:
        if is_haste(error):
            ctx.log.warning("payment %d: YooKassa asks to wait", payment_id)
            await _unknown(ctx, payment_id)
            return
        ctx.log.error("payment %d was not created: %s", payment_id, error)  # noqa: TRY400  # the message says all
        await _failed(ctx, payment, order)
    else:
        outcome = await settle(ctx, payment_id, ProviderPayment.of_yookassa(remote), "create")
        if outcome is Outcome.MISMATCH:  # nobody has seen the link, so nobody can pay there
            await _failed(ctx, payment, order)
            return
        payment, _ = await lock_both(ctx.session, payment_id)
        if payment.status in (PENDING, WAITING) and now() - payment.created_at < LINK_LIFE:
            _show_link(ctx, payment, order, fresh=fresh)


async def _created(ctx: Context, payment: PaymentRow, order: OrderRow) -> RemotePayment:
    shop = ctx.get(Shop)
    if shop.quick is None:
        raise OutcomeUnknown("create_payment", "YooKassa is not configured any more")
    if now() - payment.created_at > KEY_LIFE:
        return await _found_in_list(shop, payment)
    path = f"/plugins/payments/return/{payment.return_token}"
    return await shop.quick.create_payment(
        amount_minor=payment.amount_minor,
        description=snapshot_title(order, "ru"),
        return_url=ctx.url(path) or f"https://t.me/{payment.bot}",
        idempotence_key=payment.idempotence_key or "",  # without one the request is refused
        metadata={"payment_id": str(payment.id), "order_id": str(order.id), "bot": payment.bot or ""},
    )


async def _found_in_list(shop: Shop, payment: PaymentRow) -> RemotePayment:
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
            if item.account_id == payment.account_id and is_made_for(payment, ProviderPayment.of_yookassa(item)):
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
    if payment is None or payment.status != CREATED:
        return
    await advance(ctx.session, payment, UNKNOWN, "create")
    text = N_(
        "The bank is slow to answer. I am preparing your payment link and will send it here as soon as I have it.\n\n"
        "There is no need to press again: nothing is charged twice."
    )
    ctx.show(text, [[ctx.menu_button()]], slot=SLOT)


async def _failed(ctx: Context, payment: PaymentRow, order: OrderRow) -> None:
    locked = await lock_payment(ctx.session, payment.id)
    if locked is None or locked.status not in (CREATED, UNKNOWN):
        return
    await advance(ctx.session, locked, FAILED, "create")
    if now() - payment.created_at > LINK_LIFE:
        return
    text = N_("Card payments do not work right now. You were not charged. Please try again later.")
    product = ctx.get(Shop).product(order.product)
    others = [way for way in ctx.get(Shop).ways(product) if way != YOOKASSA] if product else []
    buttons = [[_way_button(ctx, product, way)] for way in others] if product else []
    ctx.show(text, [*buttons, [ctx.menu_button()]], slot=SLOT)


def _show_link(ctx: Context, payment: PaymentRow, order: OrderRow, *, fresh: bool | None = None) -> None:
    money = format_money(payment.amount_minor, payment.currency, ctx.language)
    text = ctx.t(
        "<b>{title}</b> · {money}\n\nThe button opens YooKassa's secure page. When you have paid, come back here: "
        "I will notice by myself.",
        title=snapshot_title(order, ctx.language), money=money,
    )  # fmt: skip
    buttons = [
        [ctx.url_button(ctx.t("Pay {money}", money=money), payment.confirmation_url or "")],
        [ctx.button(N_("I have paid"), check(payment=payment.id))],
        [ctx.menu_button()],
    ]
    ctx.show(text, buttons, slot=SLOT, fresh=fresh)


@routes.callback("check/{payment:int}", answer="manual")
async def check(ctx: Context, payment: int) -> None:
    """Look at YooKassa now, and settle what it says."""
    shop = ctx.get(Shop)
    async with ctx.plugin.work() as reading:
        row, order = await payment_with_order(reading.session, payment)
    if row is None or row.user_id != ctx.user.id:
        ctx.answer(N_("I do not know this payment."), alert=True)
        return
    if is_final(row.status):
        ctx.answer(_state_text(row, order), alert=True)
        return
    if row.provider_ref is None or shop.quick is None:
        ctx.answer(N_("The payment is still being prepared. Give it a minute, please."), alert=True)
        return
    if not shop.may_look(payment):
        ctx.answer(N_("I have just looked. Give the bank a moment, please; I keep looking and will write to you."))
        return
    try:
        remote = await shop.quick.get_payment(row.provider_ref)
    except (OutcomeUnknown, YooKassaRejected) as error:
        ctx.log.warning("payment %d: %s", payment, error)
        tell_unreadable(ctx, payment, error)
        text = N_("The bank does not answer right now. I keep looking and will write to you.")
        if isinstance(error, OutcomeUnreadable):
            text = N_("Your payment is being checked by a person. Your money is safe, and I will write to you.")
        ctx.answer(text, alert=True)
        return
    outcome = await settle(ctx, payment, ProviderPayment.of_yookassa(remote), "button")
    if outcome is Outcome.MISMATCH:
        ctx.answer(N_("Something is wrong with this payment. Please write to /paysupport."), alert=True)
        return
    row, order = await lock_both(ctx.session, payment)
    ctx.answer(_state_text(row, order), alert=not is_final(row.status))


def _state_text(payment: PaymentRow, order: OrderRow | None) -> Message:
    if payment.status == SUCCEEDED:
        paid = order is not None and order.status == PAID
        return N_("Paid. Thank you!") if paid else N_("This payment was returned to you.")
    if is_final(payment.status):
        return N_("This payment did not go through. You were not charged.")
    return N_("I do not see the payment yet. Banks may take a minute; I keep looking and will write to you.")
