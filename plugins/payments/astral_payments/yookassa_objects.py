"""What YooKassa answers, as frozen objects: only the members that settling money needs.

Nothing else stands between money and its product: whatever else an answer has, or lacks, or has in another form than
documented, is passed over. A member that is needed and cannot be read is :class:`Unreadable`, which names it. Amounts
are read from their decimal strings, never from floats. The payer's e-mail and phone are not kept.

The members are those of https://yookassa.ru/developers/api (payment, refund, me).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from astral_payments.errors import MoneyError, Unreadable
from astral_payments.money import from_value

__all__ = ["OBJECT_ID", "Page", "RemotePayment", "RemoteRefund", "ShopInfo"]

OBJECT_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
"""The form of the ids of payments and refunds; whatever else arrives is never put into a path."""

_STATUS = re.compile(r"[0-9A-Za-z_.-]{1,64}", re.ASCII)
_TEXT = 2048  # characters of what is kept

_PLACE, _FIELD = re.compile(r" - at `\$\.?([^`]*)`"), re.compile(r"required field `([^`]*)`")

T = TypeVar("T")
R = TypeVar("R")


class _Amount(msgspec.Struct):
    value: str
    currency: str


class _Recipient(msgspec.Struct):
    account_id: str | int


class _Payment(msgspec.Struct):
    """The members of a payment that money depends on. `Any` are read where they have the known form."""

    id: str
    status: str
    amount: _Amount
    recipient: _Recipient
    test: bool
    refunded_amount: _Amount | None = None
    metadata: dict[str, Any] | None = None
    cancellation_details: Any = None
    confirmation: Any = None
    paid: Any = None
    created_at: Any = None
    captured_at: Any = None


class _Refund(msgspec.Struct):
    """The members of a refund that money depends on."""

    id: str
    payment_id: str
    status: str
    amount: _Amount
    cancellation_details: Any = None
    created_at: Any = None


class _Shop(msgspec.Struct):
    """The members of ``/me`` that a start depends on."""

    account_id: str | int
    test: bool
    status: Any = None
    fiscalization: Any = None
    payment_methods: Any = None


@dataclass(frozen=True, slots=True)
class RemotePayment:
    """A payment as YooKassa has it; amounts in minor units, times as YooKassa's ISO 8601 strings."""

    id: str
    status: str
    amount_minor: int
    currency: str
    refunded_minor: int
    test: bool
    account_id: str
    metadata: Mapping[str, str]
    confirmation_url: str | None = None
    cancellation_reason: str | None = None
    paid: bool | None = None
    created_at: str | None = None
    captured_at: str | None = None

    @classmethod
    def parse(cls, data: object) -> RemotePayment:
        """Read the JSON of a payment.

        :raises Unreadable: a member that is needed is missing, or has another form.
        """
        found = _read(data, _Payment)
        amount, currency = _money(found.amount, "amount")
        refunded = 0
        if found.refunded_amount is not None:
            refunded, of = _money(found.refunded_amount, "refunded_amount")
            if of != currency:
                raise Unreadable("refunded_amount.currency")
        return cls(
            id=_object_id(found.id, "id"),
            status=_status(found.status),
            amount_minor=amount,
            currency=currency,
            refunded_minor=refunded,
            test=found.test,
            account_id=str(found.recipient.account_id),
            metadata={key: _plain(value) for key, value in (found.metadata or {}).items()},
            confirmation_url=_address(_member(found.confirmation, "confirmation_url")),
            cancellation_reason=_member(found.cancellation_details, "reason"),
            paid=found.paid if isinstance(found.paid, bool) else None,
            created_at=_optional(found.created_at),
            captured_at=_optional(found.captured_at),
        )


@dataclass(frozen=True, slots=True)
class RemoteRefund:
    """A refund as YooKassa has it; the amount in minor units, the time as YooKassa's ISO 8601 string."""

    id: str
    payment_id: str
    status: str
    amount_minor: int
    currency: str
    cancellation_reason: str | None = None
    created_at: str | None = None

    @classmethod
    def parse(cls, data: object) -> RemoteRefund:
        """Read the JSON of a refund.

        :raises Unreadable: a member that is needed is missing, or has another form.
        """
        found = _read(data, _Refund)
        amount, currency = _money(found.amount, "amount")
        return cls(
            id=_object_id(found.id, "id"),
            payment_id=_object_id(found.payment_id, "payment_id"),
            status=_status(found.status),
            amount_minor=amount,
            currency=currency,
            cancellation_reason=_member(found.cancellation_details, "reason"),
            created_at=_optional(found.created_at),
        )


@dataclass(frozen=True, slots=True)
class ShopInfo:
    """The shop behind the credentials (``GET /me``)."""

    account_id: str
    enabled: bool
    test: bool
    fiscalization: bool
    payment_methods: tuple[str, ...]

    @classmethod
    def parse(cls, data: object) -> ShopInfo:
        """Read the JSON of ``/me``.

        :raises Unreadable: the shop's number or its mode cannot be read.
        """
        found = _read(data, _Shop)
        methods = found.payment_methods if isinstance(found.payment_methods, list) else []
        return cls(
            account_id=str(found.account_id),
            enabled=found.status == "enabled",
            test=found.test,
            fiscalization=isinstance(found.fiscalization, dict) and found.fiscalization.get("enabled") is True,
            payment_methods=tuple(method for method in methods if isinstance(method, str)),
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, newest first; `next_cursor` is None on the last one.

    `unreadable` counts what could not be read, entries and the cursor: a page that has some does not prove that
    something is not there.
    """

    items: tuple[T, ...]
    next_cursor: str | None
    unreadable: int = 0

    @classmethod
    def parse(cls, data: dict[str, Any], item: Callable[[object], T]) -> Page[T]:
        """Read the JSON of a list whose members `item` reads.

        :raises Unreadable: there is no list.
        """
        entries = data.get("items")
        if not isinstance(entries, list):
            raise Unreadable("items")
        items: list[T] = []
        for entry in entries:
            try:
                items.append(item(entry))
            except Unreadable:
                continue
        cursor = data.get("next_cursor")
        found = _optional(cursor)
        lost = cursor is not None and found is None  # there are more pages, and nobody knows how to ask for them
        return cls(tuple(items), found, len(entries) - len(items) + lost)


def _read(data: object, kind: type[R]) -> R:
    """`data` as `kind`; what it has beyond that is passed over."""
    problem: str
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        parts = [found[1] for pattern in (_PLACE, _FIELD) if (found := pattern.search(str(error)))]
        problem = ".".join(part for part in parts if part) or "the answer"
    raise Unreadable(problem)


def _money(amount: _Amount, name: str) -> tuple[int, str]:
    try:
        return from_value(amount.value, amount.currency), amount.currency
    except MoneyError:
        raise Unreadable(name) from None


def _object_id(value: str, name: str) -> str:
    if not OBJECT_ID.fullmatch(value):
        raise Unreadable(name)
    return value


def _status(value: str) -> str:
    """Any word: one that is not known here is compared with those that are, and told."""
    if not _STATUS.fullmatch(value):
        raise Unreadable("status")
    return value


def _plain(value: object) -> str:
    """A value of the metadata, which are all texts; empty for one that cannot be ours."""
    if isinstance(value, (bool, int, float)):
        return str(value)[:_TEXT]
    return _optional(value) or ""


def _address(url: str | None) -> str | None:
    """A link that can be a button's; None for anything else, as long as the payment has none."""
    return url if url is not None and url.startswith(("https://", "http://")) else None


def _member(value: object, name: str) -> str | None:
    """A text inside of a member that may be missing, or be anything."""
    return _optional(value.get(name)) if isinstance(value, dict) else None


def _optional(value: object) -> str | None:
    """A text that every database can keep: of an odd one nothing is kept."""
    return value if isinstance(value, str) and len(value) <= _TEXT and value.isprintable() else None
