"""Checks of API requests, with the texts that YooKassa answers. Money becomes kopecks here.

Each function takes a part of the parsed JSON body and raises
:class:`~astral_playground.yookassa.errors.ApiError` (400) for what the API refuses.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from astral_playground.yookassa.errors import forbidden, invalid

__all__ = ["PaymentRequest", "RefundRequest", "body_of", "idempotence_key", "payment", "refund", "sum_of"]

_VALUE = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
_KEY = re.compile(r"[0-9A-Za-z+,\-._]{1,64}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"\+?[0-9]{10,15}")
_CARD_MIN, _CARD_MAX = 100, 35_000_000
_MAX_ITEMS = 100
_VAT_CODES = range(1, 13)
_RECEIPT = "Receipt is missing or illegal"
_RETURN_SCHEMES = frozenset({"http", "https", "tg"})


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A checked ``POST /payments``; the amount is in kopecks."""

    amount: int
    capture: bool
    return_url: str
    description: str | None
    metadata: dict[str, str]
    merchant_customer_id: str | None
    has_receipt: bool


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A checked ``POST /refunds``; the amount is in kopecks."""

    payment_id: str
    amount: int
    description: str | None
    metadata: dict[str, str] | None
    has_receipt: bool


def idempotence_key(value: str | None) -> str:
    """The checked `Idempotence-Key` header."""
    if not value:
        raise invalid("Idempotence key is empty", "Idempotence-Key")
    if len(value) > 64:
        raise invalid(
            "Idempotence key is too long. Send the value in accordance with the documentation",
            "Idempotence-Key",
        )
    if not _KEY.fullmatch(value):
        raise invalid("Idempotence key is illegal", "Idempotence-Key")
    return value


def body_of(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`; an empty body is an empty object (capture and cancel send none)."""
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise invalid("Failed to parse request body") from None
    if not isinstance(body, dict):
        raise invalid("Failed to parse request body")
    return body


def sum_of(amount: object, parameter: str = "amount") -> int:
    """Kopecks of an amount object: positive, in roubles, the value a string."""
    if not isinstance(amount, dict):
        raise invalid("Payment amount is missing", parameter)
    if amount.get("currency") != "RUB":
        raise invalid("Currency code is illegal", f"{parameter}.currency")
    value = amount.get("value")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise invalid("Payment amount is illegal", f"{parameter}.value")
    kopecks = int(Decimal(value) * 100)
    if kopecks <= 0:
        raise invalid("Payment amount is illegal", f"{parameter}.value")
    return kopecks


def payment(body: dict[str, Any], *, receipt_required: bool) -> PaymentRequest:
    """Check the body of ``POST /payments``."""
    amount = sum_of(body.get("amount"))
    if not _CARD_MIN <= amount <= _CARD_MAX:
        raise invalid("Payment amount is illegal", "amount.value")
    if body.get("save_payment_method"):
        raise forbidden("Forbidden to save payment method")
    if body.get("payment_method_id") is not None:
        raise invalid("Payment method is not saved", "payment_method_id")
    _method_data(body.get("payment_method_data"))
    capture = body.get("capture", False)
    if not isinstance(capture, bool):
        raise invalid("Capture flag is illegal", "capture")
    return PaymentRequest(
        amount=amount,
        capture=capture,
        return_url=_return_url(body.get("confirmation")),
        description=_text(body.get("description"), "description", 128),
        metadata=_metadata(body.get("metadata")) or {},
        merchant_customer_id=_text(body.get("merchant_customer_id"), "merchant_customer_id", 200),
        has_receipt=receipt(body.get("receipt"), amount, required=receipt_required),
    )


def refund(body: dict[str, Any]) -> RefundRequest:
    """Check the body of ``POST /refunds``; whether the payment allows it is the bank's matter."""
    payment_id = body.get("payment_id")
    if not isinstance(payment_id, str) or not payment_id:
        raise invalid("Payment id is missing", "payment_id")
    amount = sum_of(body.get("amount"))
    return RefundRequest(
        payment_id=payment_id,
        amount=amount,
        description=_text(body.get("description"), "description", 250),
        metadata=_metadata(body.get("metadata")),
        has_receipt=receipt(body.get("receipt"), amount, required=False),
    )


def receipt(value: object, amount: int, *, required: bool) -> bool:
    """Check a 54-FZ receipt against the sum in kopecks; returns whether there is one."""
    if value is None:
        if required:
            raise invalid(_RECEIPT, "receipt")
        return False
    if not isinstance(value, dict) or not _customer_is_right(value):
        raise invalid(_RECEIPT, "receipt")
    items = value.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= _MAX_ITEMS:
        raise invalid(_RECEIPT, "receipt.items")
    total = sum((_item_total(item, value.get("tax_system_code")) for item in items), Decimal(0))
    if total != amount:
        raise invalid(_RECEIPT, "receipt")
    return True


def _customer_is_right(value: dict[str, Any]) -> bool:
    customer = value.get("customer")
    customer = customer if isinstance(customer, dict) else {}
    email, phone = customer.get("email", value.get("email")), customer.get("phone", value.get("phone"))
    if email is None and phone is None:
        return False
    right_email = email is None or (isinstance(email, str) and _EMAIL.fullmatch(email) is not None)
    return right_email and (phone is None or (isinstance(phone, str) and _PHONE.fullmatch(phone) is not None))


def _item_total(item: object, tax_system: object) -> Decimal:
    """Price times quantity of a receipt's line, in kopecks."""
    if not isinstance(item, dict) or not isinstance(item.get("description"), str):
        raise invalid(_RECEIPT, "receipt.items")
    if not 1 <= len(item["description"]) <= 128:
        raise invalid(_RECEIPT, "receipt.items.description")
    vat = item.get("vat_code")
    if vat not in _VAT_CODES and not (vat is None and tax_system is not None):
        raise invalid(_RECEIPT, "receipt.items.vat_code")
    try:
        quantity = Decimal(str(item.get("quantity")))
    except InvalidOperation:
        raise invalid(_RECEIPT, "receipt.items.quantity") from None
    if not quantity.is_finite() or not 0 < quantity < 100_000:
        raise invalid(_RECEIPT, "receipt.items.quantity")
    return sum_of(item.get("amount"), "receipt.items.amount") * quantity


def _return_url(confirmation: object) -> str:
    if not isinstance(confirmation, dict):
        raise invalid("Confirmation is missing", "confirmation")
    if confirmation.get("type") != "redirect":
        raise invalid("Confirmation type is not supported by the emulator: send redirect", "confirmation.type")
    url = confirmation.get("return_url")
    if not isinstance(url, str) or not url:
        raise invalid("Return url is missing", "confirmation.return_url")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise invalid("Return url is illegal", "confirmation.return_url") from None
    plain = url.isprintable() and " " not in url
    if len(url) > 2048 or not plain or parts.scheme not in _RETURN_SCHEMES or not parts.netloc:
        raise invalid("Return url is illegal", "confirmation.return_url")
    return url


def _method_data(data: object) -> None:
    if data is not None and (not isinstance(data, dict) or data.get("type") != "bank_card"):
        raise invalid("Payment method is not available for this shop", "payment_method_data.type")


def _text(value: object, parameter: str, limit: int) -> str | None:
    if value is None:
        return None
    name = parameter.replace("_", " ").capitalize()
    if not isinstance(value, str):
        raise invalid(f"{name} is illegal", parameter)
    if len(value) > limit:
        raise invalid(f"{name} is too long. Max. length is {limit}", parameter)
    return value


def _metadata(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid("Metadata object is illegal", "metadata")
    if len(value) > 16:
        raise invalid("Metadata object is limited to 16 keys", "metadata")
    for key, text in value.items():
        if len(key) > 32:
            raise invalid("Metadata key is too long. Max. length is 32", "metadata")
        if not isinstance(text, str) or len(text) > 512:
            raise invalid("Metadata value is illegal: send a string of at most 512 characters", "metadata")
    return dict(value)
