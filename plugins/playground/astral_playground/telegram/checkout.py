"""Paying an invoice: balance, pre-checkout query, the bot's answer within 10 seconds, the payment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from .errors import PageError
from .methods.payments import CHECKOUT_WITHIN, MONTH
from .records import Invoice, Payment, PreCheckout, User
from .state import World
from .updates import CHECKOUT_QUEUE, QUERY_LIFETIME

TIMEOUT = "BOT_PRECHECKOUT_TIMEOUT"


@dataclass(slots=True, frozen=True)
class Outcome:
    """How a checkout ended: `status` paid or failed; the charge's id, or the error that the person sees."""

    status: str
    charge_id: str = ""
    error: str = ""


def find_invoice(world: World, user: User, *, message_id: int | None = None, slug: str | None = None) -> Invoice:
    """The invoice of a message or of a link; PageError 404 when there is none."""
    if slug is not None:
        invoice = world.invoices.get(slug.rpartition("$")[2])
        if invoice is None:
            raise PageError(404, f"there is no invoice link {slug!r}", "slug")
        return invoice
    message = world.find(user.id, message_id or 0)
    if message is None or message.invoice is None:
        raise PageError(404, f"message {message_id} is no invoice", "message_id")
    return message.invoice


def _announce(world: World, user: User, invoice: Invoice, state: str, error: str = "", deadline: float = 0.0) -> None:
    world.emit("checkout", user_id=user.id, invoice=invoice, state=state, error=error, deadline=deadline)
    message = world.find(user.id, invoice.message_id or 0)
    if message is not None:
        world.emit("invoice", message=message)


async def pay(world: World, user: User, invoice: Invoice) -> Outcome:
    """Go through the checkout. PageError 409 when it cannot even begin."""
    if user.blocked:
        raise PageError(409, f"{user.first_name} has blocked the bot; unblock it first")
    if invoice.in_checkout:
        raise PageError(409, "this invoice is in checkout already")
    if invoice.currency == "XTR" and user.stars < invoice.total_amount:
        raise PageError(409, f"Not enough stars: the price is {invoice.total_amount}, the balance {user.stars}")
    invoice.in_checkout = True
    try:
        error = await _ask(world, user, invoice)
    finally:
        invoice.in_checkout = False
    if not error and invoice.currency == "XTR" and user.stars < invoice.total_amount:
        error = "BALANCE_TOO_LOW"
    if error:
        _announce(world, user, invoice, "failed", error)
        world.emit("toast", user_id=user.id, text=error, alert=True, kind="payment")
        return Outcome("failed", error=error)
    return _settle(world, user, invoice)


def cancel(world: World, user: User, invoice: Invoice) -> None:
    """Close the payment sheet before paying. The bot never hears of it."""
    if invoice.in_checkout:
        raise PageError(409, "the payment is under way; it cannot be cancelled any more")
    _announce(world, user, invoice, "cancelled")


async def _ask(world: World, user: User, invoice: Invoice) -> str:
    """Send the pre-checkout query; the bot's error message, empty for a yes."""
    asked_at = world.clock.time()
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    checkout = PreCheckout(world.query_id(), user.id, invoice, asked_at, answer)
    world.checkouts[checkout.id] = checkout
    _announce(world, user, invoice, "pending", deadline=asked_at + CHECKOUT_WITHIN)
    payload = {
        "id": checkout.id,
        "from": user.to_dict(),
        "currency": invoice.currency,
        "total_amount": invoice.total_amount,
        "invoice_payload": invoice.payload,
    }
    world.updates.add(
        "pre_checkout_query",
        payload,
        user_id=user.id,
        queue_id=user.id + CHECKOUT_QUEUE,
        lifetime=QUERY_LIFETIME,
        message_id=invoice.message_id if invoice.chat_id == user.id else None,
        summary=invoice.payload,
    )
    deadline = asyncio.ensure_future(world.clock.sleep(CHECKOUT_WITHIN))
    waited: set[asyncio.Future[Any]] = {answer, deadline}
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        deadline.cancel()
    if answer.done():
        return answer.result()
    answer.cancel()
    return TIMEOUT


def _settle(world: World, user: User, invoice: Invoice) -> Outcome:
    charge_id = world.charge_id()
    provider_id = f"provider-{charge_id}"
    world.payments[charge_id] = Payment(charge_id, provider_id, user.id, invoice, world.now)
    invoice.payments += 1
    if invoice.currency == "XTR":
        _move_stars(world, user, invoice, charge_id)
    _announce(world, user, invoice, "paid")
    paid = {
        "currency": invoice.currency,
        "total_amount": invoice.total_amount,
        "invoice_payload": invoice.payload,
        "telegram_payment_charge_id": charge_id,
        "provider_payment_charge_id": provider_id,
    }
    if invoice.subscription_period:
        first = {"is_first_recurring": True} if invoice.payments == 1 else {}
        paid |= {"subscription_expiration_date": world.now + MONTH, "is_recurring": True, **first}
    user.started = True
    message = world.post(user, "service", {"successful_payment": paid}, reply_to=_reply(world, user, invoice))
    world.updates.add(
        "message",
        world.message_json(message),
        user_id=user.id,
        queue_id=user.id,
        message_id=message.message_id,
        summary="successful_payment",
    )
    return Outcome("paid", charge_id)


def _reply(world: World, user: User, invoice: Invoice) -> int | None:
    """The payment's service message answers the invoice's message, unless that is gone."""
    message = world.find(user.id, invoice.message_id or 0)
    return None if message is None or message.invoice is not invoice else message.message_id


def _move_stars(world: World, user: User, invoice: Invoice, charge_id: str) -> None:
    user.stars -= invoice.total_amount
    world.bot.stars += invoice.total_amount
    source = {
        "type": "user",
        "transaction_type": "invoice_payment",
        "user": user.to_dict(),
        "invoice_payload": invoice.payload,
    }
    world.transactions.append({"id": charge_id, "amount": invoice.total_amount, "date": world.now, "source": source})
    world.emit("balance", user=user)
