"""The providers' own lists of what was paid and returned, page by page. What cannot be read is counted, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from astral_core import PluginContext
from astral_core.errors import TelegramError, TelegramThrottled
from astral_payments.errors import ListUnavailable, OutcomeUnknown, YooKassaRejected
from astral_payments.money import STARS as XTR
from astral_payments.money import from_value
from astral_payments.tables import STARS, YOOKASSA
from astral_payments.yookassa_client import YooKassaClient
from astral_payments.yookassa_objects import OBJECT_ID

PAGE = 100  # entries, the most that both providers give
_REF = 255  # characters
_MOST = 2**63  # of what a database keeps
# What reading raises where an entry has another form than documented.
_ODD = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)

Source = Literal["stars", "payments", "refunds"]


@dataclass(frozen=True, slots=True)
class Charge:
    """Money that came (`paid`) or went back, as a list has it. `ref` is the payment's at the provider in both cases.

    `order_id` and `payment_id` are what the payment itself says whose it is; None where it says nothing of the kind.
    """

    provider: str
    ref: str
    paid: bool
    amount_minor: int
    currency: str
    order_id: UUID | None = None
    payment_id: int | None = None
    bot: str = ""  # who has made it, in YooKassa's payments: many bots may share a shop
    user_id: int | None = None  # who paid, in Telegram's
    refunded_minor: int = 0
    at: datetime | None = None  # where the list itself cannot be asked for a time: Telegram's


@dataclass(frozen=True, slots=True)
class Listed:
    """A page. `at` is where the next one begins; None on the last one."""

    charges: tuple[Charge, ...]
    read: int
    unreadable: int
    at: str | None


async def yookassa_page(client: YooKassaClient, source: Source, since: datetime, cursor: str | None) -> Listed:
    """A page of the shop's payments or refunds, newest first.

    :raises ListUnavailable: there is no answer, or not yet.
    """
    try:
        page = await client.list_raw(source, since=since, limit=PAGE, cursor=cursor)
    except OutcomeUnknown as error:
        raise ListUnavailable(f"YooKassa's {source}", error.cause) from error
    except YooKassaRejected as error:
        wait = error.retry_after / 1000 if error.retry_after is not None else 1.0
        raise ListUnavailable(
            f"YooKassa's {source}", f"HTTP {error.status} {error.code}", wait if error.status == 429 else None
        ) from error
    if page.unreadable:
        raise ListUnavailable(f"YooKassa's {source}", "its next_cursor has another form than documented")
    read = _payment if source == "payments" else _refund
    return _listed(page.items, read, page.next_cursor)


async def stars_page(ctx: PluginContext, offset: int) -> Listed:
    """A page of the bot's Stars transactions, the oldest first.

    python-telegram-bot reads all of a page or nothing of it; hence the plain JSON.

    :raises ListUnavailable: there is no answer, or not yet.
    """
    which = "Telegram's Stars transactions"
    try:
        result = await ctx.call_now("getStarTransactions", offset=offset, limit=PAGE)
    except TelegramError as error:
        wait = error.retry_after if isinstance(error, TelegramThrottled) else None
        raise ListUnavailable(which, error.description[:200], wait) from error
    items = result.get("transactions") if isinstance(result, dict) else None
    if not isinstance(items, list):
        raise ListUnavailable(which, "the answer has no transactions")
    return _listed(items, _star, str(offset + len(items)) if len(items) == PAGE else None)


def _listed(items: Iterable[Any], read: Callable[[dict[str, Any]], Charge | None], at: str | None) -> Listed:
    charges, count, unreadable = [], 0, 0
    for item in items:
        count += 1
        try:
            charge = read(item)
        except _ODD:  # whatever it is, it hides no other one
            unreadable += 1
            continue
        if charge is not None:
            charges.append(charge)
    return Listed(tuple(charges), count, unreadable, at)


def _payment(item: dict[str, Any]) -> Charge | None:
    metadata = item.get("metadata") or {}
    amount, returned = item["amount"], item.get("refunded_amount")
    number = str(metadata.get("payment_id", ""))
    return Charge(
        YOOKASSA,
        _ref(item["id"], OBJECT_ID.fullmatch),
        paid=item["status"] == "succeeded",
        amount_minor=from_value(amount["value"], amount["currency"]),
        currency=amount["currency"],
        order_id=_uuid(metadata.get("order_id")),
        payment_id=int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None,
        bot=str(metadata.get("bot", "")),
        refunded_minor=from_value(returned["value"], returned["currency"]) if returned else 0,
    )


def _refund(item: dict[str, Any]) -> Charge | None:
    if item["status"] != "succeeded":
        return None
    amount = item["amount"]
    ref = _ref(item["payment_id"], OBJECT_ID.fullmatch)
    minor = from_value(amount["value"], amount["currency"])
    return Charge(YOOKASSA, ref, paid=False, amount_minor=minor, currency=amount["currency"])


def _star(item: dict[str, Any]) -> Charge | None:
    """A sale or its return; None for all else that moves Stars: gifts, withdrawals, advertisements."""
    ref = _ref(item["id"], bool)
    came: Any = item.get("source")
    partner = came if came is not None else item["receiver"]
    if partner["type"] != "user" or partner.get("transaction_type", "invoice_payment") != "invoice_payment":
        return None
    amount, payer = int(item["amount"]), partner["user"]["id"]
    if isinstance(payer, bool) or not isinstance(payer, int) or not 0 < amount < _MOST or abs(payer) >= _MOST:
        raise ValueError("a transaction without a payer or an amount")
    prefix, _, rest = str(partner.get("invoice_payload", "")).partition(":")
    order = _uuid(rest) if prefix == "payments" else None
    return Charge(
        STARS, ref, came is not None, amount, XTR, order_id=order, user_id=payer, at=moment_of(item["date"])
    )


def _ref(value: object, right: Callable[[str], object]) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _REF or not value.isprintable() or not right(value):
        raise ValueError("an id of another form")
    return value


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def moment_of(stamp: float) -> datetime:
    """A moment that a step carries as a number."""
    return datetime.fromtimestamp(stamp, UTC)
