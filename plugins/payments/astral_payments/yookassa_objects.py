"""What YooKassa answers, as frozen objects: only the members that settling money needs.

The SDK's response models read the answer first; amounts are then taken from the JSON itself, because the
SDK turns them into floats. A missing or malformed member is a ValueError, which the client reports as
:class:`~astral_payments.errors.OutcomeUnknown`. The payer's e-mail and phone are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from astral_payments.money import from_value

__all__ = ["OBJECT_ID", "Page", "RemotePayment", "RemoteRefund", "ShopInfo"]

OBJECT_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
"""The form of the ids of payments and refunds; whatever else arrives is never put into a path."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RemotePayment:
    """A payment as YooKassa has it; amounts in minor units, times as YooKassa's ISO 8601 strings."""

    id: str
    status: str
    amount_minor: int
    currency: str
    refunded_minor: int
    paid: bool
    test: bool
    account_id: str
    created_at: str
    metadata: Mapping[str, str]
    confirmation_url: str | None = None
    captured_at: str | None = None
    expires_at: str | None = None
    cancellation_party: str | None = None
    cancellation_reason: str | None = None
    receipt_registration: str | None = None
    method_type: str | None = None
    card_first6: str | None = None
    card_last4: str | None = None

    @classmethod
    def parse(cls, data: dict[str, Any]) -> RemotePayment:
        """Read the JSON of a payment."""
        from yookassa.domain.response import PaymentResponse

        amount, currency = _amount(data, "amount")
        refunded = _amount(data, "refunded_amount")[0] if data.get("refunded_amount") else 0
        model = PaymentResponse(data)
        recipient = model.recipient
        if recipient is None or not isinstance(recipient.account_id, str):
            raise _malformed("recipient.account_id is missing")
        cancellation, confirmation = model.cancellation_details, model.confirmation
        card = getattr(model.payment_method, "card", None)
        return cls(
            id=_object_id(model.id, "id"),
            status=_text(model.status, "status"),
            amount_minor=amount,
            currency=currency,
            refunded_minor=refunded,
            paid=_flag(data, "paid"),
            test=_flag(data, "test"),
            account_id=recipient.account_id,
            created_at=_text(model.created_at, "created_at"),
            metadata=_metadata(model.metadata),
            confirmation_url=_optional(getattr(confirmation, "confirmation_url", None)),
            captured_at=_optional(model.captured_at),
            expires_at=_optional(model.expires_at),
            cancellation_party=_optional(getattr(cancellation, "party", None)),
            cancellation_reason=_optional(getattr(cancellation, "reason", None)),
            receipt_registration=_optional(model.receipt_registration),
            method_type=_optional(getattr(model.payment_method, "type", None)),
            card_first6=_optional(getattr(card, "first6", None)),
            card_last4=_optional(getattr(card, "last4", None)),
        )


@dataclass(frozen=True, slots=True)
class RemoteRefund:
    """A refund as YooKassa has it; the amount in minor units."""

    id: str
    payment_id: str
    status: str
    amount_minor: int
    currency: str
    created_at: str
    cancellation_party: str | None = None
    cancellation_reason: str | None = None
    receipt_registration: str | None = None

    @classmethod
    def parse(cls, data: dict[str, Any]) -> RemoteRefund:
        """Read the JSON of a refund."""
        from yookassa.domain.response import RefundResponse

        amount, currency = _amount(data, "amount")
        model = RefundResponse(data)
        cancellation = model.cancellation_details
        return cls(
            id=_object_id(model.id, "id"),
            payment_id=_object_id(model.payment_id, "payment_id"),
            status=_text(model.status, "status"),
            amount_minor=amount,
            currency=currency,
            created_at=_text(model.created_at, "created_at"),
            cancellation_party=_optional(getattr(cancellation, "party", None)),
            cancellation_reason=_optional(getattr(cancellation, "reason", None)),
            receipt_registration=_optional(model.receipt_registration),
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
    def parse(cls, data: dict[str, Any]) -> ShopInfo:
        """Read the JSON of ``/me``."""
        from yookassa.domain.models import Me

        model = Me(data)
        fiscal = data.get("fiscalization")
        methods = data.get("payment_methods") or []
        if not isinstance(methods, list) or not all(isinstance(method, str) for method in methods):
            raise _malformed("payment_methods is malformed")
        return cls(
            account_id=_text(model.account_id, "account_id"),
            enabled=model.status == "enabled",
            test=_flag(data, "test"),
            fiscalization=bool(isinstance(fiscal, dict) and fiscal.get("enabled")),
            payment_methods=tuple(methods),
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, newest first; `next_cursor` is None on the last one."""

    items: tuple[T, ...]
    next_cursor: str | None

    @classmethod
    def parse(cls, data: dict[str, Any], item: Callable[[dict[str, Any]], T]) -> Page[T]:
        """Read the JSON of a list whose members `item` reads."""
        items = data.get("items")
        if not isinstance(items, list):
            raise _malformed("items is missing")
        cursor = data.get("next_cursor")
        return cls(tuple(item(entry) for entry in items), _optional(cursor))


def _malformed(what: str) -> ValueError:
    return ValueError(f"YooKassa's answer: {what}")


def _amount(data: dict[str, Any], name: str) -> tuple[int, str]:
    amount = data.get(name)
    if not isinstance(amount, dict):
        raise _malformed(f"{name} is missing")
    currency = _text(amount.get("currency"), f"{name}.currency")
    return from_value(amount.get("value"), currency), currency


def _object_id(value: object, name: str) -> str:
    if not isinstance(value, str) or not OBJECT_ID.fullmatch(value):
        raise _malformed(f"{name} is malformed")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise _malformed(f"{name} is missing")
    return value


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _flag(data: dict[str, Any], name: str) -> bool:
    value = data.get(name)
    if not isinstance(value, bool):
        raise _malformed(f"{name} is missing")
    return value


def _metadata(value: object) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _malformed("metadata is malformed")
    return {str(key): str(text) for key, text in value.items()}
