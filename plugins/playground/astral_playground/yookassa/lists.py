"""Lists of payments and refunds: filters, newest first, pages by cursor."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from astral_playground.yookassa.bank import Bank
from astral_playground.yookassa.errors import invalid
from astral_playground.yookassa.objects import Payment, Refund, Shop

__all__ = ["payments_page", "refunds_page"]

_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}
_STATUSES = {
    "payment": {"pending", "waiting_for_capture", "succeeded", "canceled"},
    "refund": {"pending", "succeeded", "canceled"},
}

Thing = TypeVar("Thing", Payment, Refund)
Query = Mapping[str, str]


def payments_page(bank: Bank, shop: Shop, query: Query) -> dict[str, Any]:
    """The answer of ``GET /payments``."""
    status = _status(query, "payment")
    method = query.get("payment_method")
    found = [
        payment
        for payment in bank.payments.values()
        if payment.shop.id == shop.id
        and (status is None or payment.status == status)
        and (method is None or (payment.card is not None and method == "bank_card"))
    ]
    for name in ("created_at", "captured_at"):
        found = _in_time(found, query, name)
    return _page(bank, found, query)


def refunds_page(bank: Bank, shop: Shop, query: Query) -> dict[str, Any]:
    """The answer of ``GET /refunds``."""
    status = _status(query, "refund")
    payment_id = query.get("payment_id")
    found = [
        refund
        for refund in bank.refunds.values()
        if refund.payment.shop.id == shop.id
        and (status is None or refund.status == status)
        and (payment_id is None or refund.payment.id == payment_id)
    ]
    return _page(bank, _in_time(found, query, "created_at"), query)


def _status(query: Query, kind: str) -> str | None:
    status = query.get("status")
    if status is not None and status not in _STATUSES[kind]:
        raise invalid("Status is illegal", "status")
    return status


def _in_time(things: list[Thing], query: Query, name: str) -> list[Thing]:
    for suffix, compare in _COMPARE.items():
        parameter = f"{name}.{suffix}"
        if parameter not in query:
            continue
        limit = _moment(query[parameter], parameter)
        things = [
            thing
            for thing in things
            if (moment := getattr(thing, name)) is not None and compare(_milliseconds(moment), limit)
        ]
    return things


def _milliseconds(moment: datetime) -> datetime:
    """Compare what the API shows, which is whole milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _moment(text: str, parameter: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("Date is illegal: send ISO 8601", parameter) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _page(bank: Bank, things: Sequence[Thing], query: Query) -> dict[str, Any]:
    limit = query.get("limit", "10")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= 100):
        raise invalid("Limit is illegal: from 1 to 100", "limit")
    rest = sorted(things, key=lambda thing: -thing.order)
    if cursor := query.get("cursor"):
        last = bank.payments.get(cursor) or bank.refunds.get(cursor)
        if last is None:
            raise invalid("Cursor is illegal", "cursor")
        rest = [thing for thing in rest if thing.order < last.order]
    page = rest[: int(limit)]
    now = bank.clock.now()
    body: dict[str, Any] = {"type": "list", "items": [thing.render(now) for thing in page]}
    if len(rest) > len(page):
        body["next_cursor"] = page[-1].id
    return body
