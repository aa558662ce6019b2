"""Bodies of YooKassa requests: the SDK's models check them, and this module checks what those leave out.

The SDK reads amounts through floats and lets wrong metadata, addresses, currencies and receipt sums pass to
the server; here the amounts are written from minor units and the rest is refused at home.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from astral_payments.errors import InvalidRequest, MoneyError
from astral_payments.money import from_value, to_value

__all__ = ["capture_body", "payment_body", "refund_body"]

_VAT_CODES = range(1, 13)
_MAX_ITEMS = 100


def payment_body(
    *,
    amount_minor: int,
    currency: str,
    description: str,
    return_url: str,
    metadata: Mapping[str, str],
    receipt: Mapping[str, Any] | None,
    capture: bool,
) -> dict[str, Any]:
    """The JSON of ``POST /payments`` with a redirect confirmation.

    :raises InvalidRequest: a member is wrong; the message names it.
    """
    from yookassa.domain.request import PaymentRequest

    _check_url(return_url)
    _check_receipt(receipt, amount_minor, currency)
    if not 1 <= len(description) <= 128:
        raise InvalidRequest(f"description must have 1 to 128 characters, has {len(description)}")
    body: dict[str, Any] = {
        "amount": _amount(amount_minor, currency),
        "capture": capture,
        "confirmation": {"type": "redirect", "return_url": return_url},
        "description": description,
        "metadata": _metadata(metadata),
    }
    return _checked(PaymentRequest, body, receipt)


def capture_body(*, amount_minor: int | None, currency: str, receipt: Mapping[str, Any] | None) -> dict[str, Any]:
    """The JSON of ``POST /payments/{id}/capture``; without an amount the whole sum is taken."""
    from yookassa.domain.request import CapturePaymentRequest

    if amount_minor is None:
        if receipt is not None:
            raise InvalidRequest("a receipt for a capture needs the captured amount: pass amount_minor")
        return {}
    _check_receipt(receipt, amount_minor, currency)
    return _checked(CapturePaymentRequest, {"amount": _amount(amount_minor, currency)}, receipt)


def refund_body(
    *,
    payment_id: str,
    amount_minor: int,
    currency: str,
    description: str | None,
    metadata: Mapping[str, str] | None,
    receipt: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The JSON of ``POST /refunds``."""
    from yookassa.domain.request.refund_request import RefundRequest

    _check_receipt(receipt, amount_minor, currency)
    body: dict[str, Any] = {"payment_id": payment_id, "amount": _amount(amount_minor, currency)}
    if description is not None:
        if not 1 <= len(description) <= 250:
            raise InvalidRequest(f"description must have 1 to 250 characters, has {len(description)}")
        body["description"] = description
    if metadata:
        body["metadata"] = _metadata(metadata)
    return _checked(RefundRequest, body, receipt)


def _checked(model: Any, body: dict[str, Any], receipt: Mapping[str, Any] | None) -> dict[str, Any]:
    """`body` after the SDK's model `model` has read, checked and written it."""
    if receipt is not None:
        body = {**body, "receipt": dict(receipt)}
    try:
        request = model(body)
        request.validate()
        written = dict(request)
    except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
        raise InvalidRequest(f"the YooKassa SDK refuses the request: {error}") from None
    for name in ("statements", "transfers", "sources"):  # the SDK sends these lists even when empty
        if not written.get(name, True):
            del written[name]
    return {**written, "amount": body["amount"]}


def _amount(minor: int, currency: str) -> dict[str, str]:
    try:
        value = to_value(minor, currency)
    except MoneyError as error:
        raise InvalidRequest(str(error)) from None
    if minor == 0:
        raise InvalidRequest("the amount must be positive")
    return {"value": value, "currency": currency}


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidRequest("return_url is not a URL") from None
    if parts.scheme not in {"http", "https", "tg"} or not parts.netloc or len(url) > 2048:
        raise InvalidRequest("return_url must be an absolute http, https or tg URL of at most 2048 characters")


def _metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Checked, as a plain dict: the SDK silently drops any other mapping."""
    if len(metadata) > 16:
        raise InvalidRequest(f"metadata may have 16 keys, has {len(metadata)}")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidRequest(f"metadata must map strings to strings; {key!r} does not")
        if len(key) > 32 or len(value) > 512:
            raise InvalidRequest(f"metadata key {key[:32]!r}: at most 32 characters a key, 512 a value")
    return dict(metadata)


def _check_receipt(receipt: Mapping[str, Any] | None, amount_minor: int, currency: str) -> None:
    """54-FZ: the sum of price times quantity must be the amount, VAT codes go from 1 to 12."""
    if receipt is None:
        return
    items = receipt.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= _MAX_ITEMS:
        raise InvalidRequest(f"receipt.items must have 1 to {_MAX_ITEMS} items")
    if not receipt.get("customer"):
        raise InvalidRequest("receipt.customer needs an email or a phone")
    total = sum((_item_total(item, index, currency) for index, item in enumerate(items)), Decimal(0))
    if total != amount_minor:
        raise InvalidRequest(f"the receipt's items add up to {total} minor units, the amount is {amount_minor}")


def _item_total(item: object, index: int, currency: str) -> Decimal:
    where = f"receipt.items[{index}]"
    if not isinstance(item, Mapping):
        raise InvalidRequest(f"{where} must be an object")
    if item.get("vat_code") not in _VAT_CODES:
        raise InvalidRequest(f"{where}.vat_code must be from 1 to 12")
    amount = item.get("amount")
    if not isinstance(amount, Mapping) or amount.get("currency") != currency:
        raise InvalidRequest(f"{where}.amount must be in {currency}")
    try:
        price = from_value(amount.get("value"), currency)
        quantity = Decimal(str(item.get("quantity")))
    except MoneyError as error:
        raise InvalidRequest(f"{where}.amount: {error}") from None
    except InvalidOperation:
        raise InvalidRequest(f"{where}.quantity must be a decimal string") from None
    if not quantity.is_finite() or quantity <= 0:
        raise InvalidRequest(f"{where}.quantity must be positive")
    return price * quantity
