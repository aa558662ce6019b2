"""Invoices, pre-checkout answers, refunds, the bot's Stars."""

from __future__ import annotations

import re
from typing import Any

from astral_playground.telegram.entities import utf16_length
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.keyboards import parse_inline
from astral_playground.telegram.params import Params
from astral_playground.telegram.permits import permit
from astral_playground.telegram.records import Invoice
from astral_playground.telegram.state import World

from .answers import too_old
from .common import flags, place, replying, target
from .registry import method

CHECKOUT_WITHIN = 10.0  # s; https://core.telegram.org/bots/api#answerprecheckoutquery
MAX_PAYLOAD = 128  # bytes
MAX_STARS = 100_000
MONTH = 2_592_000  # s; the only subscription period that Telegram takes
_MAX_TITLE, _MAX_DESCRIPTION = 32, 255
_MAX_AMOUNT = 10**12
_PAGE = 100


def _prices(params: Params) -> list[int]:
    value = params.json("prices", "prices") if params.required("prices") else None
    if not isinstance(value, list):
        raise bad_request("Expected an Array of labeled prices")
    amounts: list[int] = []
    for item in value:
        if not isinstance(item, dict):
            raise bad_request("Can't parse labeled price: LabeledPrice must be an Object")
        label, amount = item.get("label"), item.get("amount")
        if not isinstance(label, str) or not label:
            raise bad_request("Can't parse labeled price: LabeledPrice label must be non-empty")
        number = int(amount) if isinstance(amount, str) and re.fullmatch(r"-?\d{1,15}", amount) else amount
        if isinstance(number, bool) or not isinstance(number, int):
            raise bad_request('Can\'t parse labeled price: Field "amount" must be of type Number')
        amounts.append(number)
    if not amounts:
        raise bad_request("There must be at least one price")
    return amounts


def _invoice(params: Params, *, link: bool) -> Invoice:
    title, description = params.required("title"), params.required("description")
    payload = params.required("payload")
    if len(payload.encode("utf-8")) > MAX_PAYLOAD:
        raise bad_request("INVOICE_PAYLOAD_INVALID")
    if utf16_length(title) > _MAX_TITLE:
        raise bad_request("INVOICE_TITLE_INVALID")
    if utf16_length(description) > _MAX_DESCRIPTION:
        raise bad_request("INVOICE_DESCRIPTION_INVALID")
    currency = params.required("currency")
    amounts = _prices(params)
    total, provider = sum(amounts), params.text("provider_token")
    if currency == "XTR":
        if provider or len(amounts) != 1:
            raise bad_request("STARS_INVOICE_INVALID")
    elif not re.fullmatch(r"[A-Z]{3}", currency):
        raise bad_request("CURRENCY_INVALID")
    elif not provider:
        raise bad_request("PAYMENT_PROVIDER_INVALID")
    if not 0 < total <= (MAX_STARS if currency == "XTR" else _MAX_AMOUNT):
        raise bad_request("CURRENCY_TOTAL_AMOUNT_INVALID")
    period = params.integer("subscription_period")
    if period and (period != MONTH or not link or currency != "XTR"):
        raise bad_request("SUBSCRIPTION_PERIOD_INVALID")
    photo = params.text("photo_url") or None
    return Invoice(title, description, payload, currency, total, photo, params.text("start_parameter"), period)


@method("sendInvoice")
def send_invoice(world: World, params: Params) -> dict[str, Any]:
    """An invoice with its pay button."""
    room = target(world, params)
    permit(world, room, {"invoice": {}})
    where = {**place(world, params, room), **replying(world, params, room)}
    invoice = _invoice(params, link=False)
    markup = parse_inline(params, invoice=True)
    if markup is None or not markup["inline_keyboard"]:
        unit = f"⭐️{invoice.total_amount}" if invoice.currency == "XTR" else _money(invoice)
        markup = {"inline_keyboard": [[{"text": f"Pay {unit}", "pay": True}]]}
    shown = {
        "title": invoice.title,
        "description": invoice.description,
        "start_parameter": invoice.start_parameter,
        "currency": invoice.currency,
        "total_amount": invoice.total_amount,
    }
    content = {"invoice": shown, **flags(params)}
    message = world.post(room, "bot", content, markup=markup, invoice=invoice, **where)
    return world.message_json(message)


def _money(invoice: Invoice) -> str:
    return f"{invoice.total_amount / 100:.2f} {invoice.currency}"


@method("createInvoiceLink")
def create_invoice_link(world: World, params: Params) -> str:
    """An invoice that anybody can open by its address."""
    invoice = _invoice(params, link=True)
    invoice.slug = f"playground-invoice-{world.call_id():06d}"
    world.invoices[invoice.slug] = invoice
    return f"https://t.me/${invoice.slug}"


@method("answerPreCheckoutQuery")
def answer_pre_checkout_query(world: World, params: Params) -> bool:
    """Let a payment go on, or say why not, within 10 seconds."""
    error = "" if params.flag("ok") else params.required("error_message")
    checkout = world.checkouts.get(params.text("pre_checkout_query_id"))
    if checkout is None or checkout.answer.done() or world.clock.time() - checkout.asked_at > CHECKOUT_WITHIN:
        raise too_old()
    checkout.answer.set_result(error)
    return True


@method("refundStarPayment")
def refund_star_payment(world: World, params: Params) -> bool:
    """Give the Stars of one payment back."""
    user = world.users.get(params.integer("user_id", high=1 << 52))
    payment = world.payments.get(params.required("telegram_payment_charge_id"))
    if user is None:
        raise bad_request("USER_ID_INVALID")
    if payment is None or payment.user_id != user.id or payment.invoice.currency != "XTR":
        raise bad_request("CHARGE_ID_INVALID")
    if payment.refunded:
        raise bad_request("CHARGE_ALREADY_REFUNDED")
    amount = payment.invoice.total_amount
    if world.bot.stars < amount:
        raise bad_request("BALANCE_TOO_LOW")
    payment.refunded = True
    user.stars += amount
    world.bot.stars -= amount
    partner = {
        "type": "user",
        "transaction_type": "invoice_payment",
        "user": user.to_dict(),
        "invoice_payload": payment.invoice.payload,
    }
    world.transactions.append({"id": payment.charge_id, "amount": amount, "date": world.now, "receiver": partner})
    world.emit("balance", user=user)
    refunded = {
        "currency": "XTR",
        "total_amount": amount,
        "invoice_payload": payment.invoice.payload,
        "telegram_payment_charge_id": payment.charge_id,
    }
    message = world.post(user, "service", {"refunded_payment": refunded})
    world.updates.add(
        "message",
        world.message_json(message),
        user_id=user.id,
        queue_id=user.id,
        message_id=message.message_id,
        summary="refunded_payment",
    )
    return True


@method("getStarTransactions")
def get_star_transactions(world: World, params: Params) -> dict[str, Any]:
    """Payments and refunds, oldest first."""
    offset, limit = params.integer("offset"), params.integer("limit", _PAGE, 1, _PAGE)
    return {"transactions": world.transactions[offset : offset + limit]}


@method("getMyStarBalance")
def get_my_star_balance(world: World, _params: Params) -> dict[str, int]:
    """What the bot has earned."""
    return {"amount": world.bot.stars}
