"""Money as whole minor units: kopecks, cents, stars. Floats never touch an amount.

YooKassa writes amounts as strings with two decimals (``"199.00"``), Telegram as integers of minor units,
and Telegram Stars (``XTR``) have no minor unit: one star is 1.
"""

from __future__ import annotations

import re
from decimal import Decimal

from astral_payments.errors import MoneyError

__all__ = ["MINOR_DIGITS", "STARS", "YOOKASSA_CURRENCIES", "format_money", "from_value", "to_value"]

STARS = "XTR"
YOOKASSA_CURRENCIES = frozenset({"RUB", "EUR", "USD", "KZT", "BYN", "UAH", "UZS", "TRY", "INR", "MDL", "AZN", "AMD"})
MINOR_DIGITS = dict.fromkeys(sorted(YOOKASSA_CURRENCIES), 2) | {STARS: 0}
"""How many decimals a currency has (ISO 4217; Stars as Telegram defines them)."""

_MAX_MINOR = 10**12 - 1
_VALUE = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,2}))?", re.ASCII)


def to_value(minor: int, currency: str = "RUB") -> str:
    """YooKassa's string for `minor` units: ``to_value(19900) == "199.00"``.

    :raises MoneyError: `minor` is no int from 0 to ten digits of roubles, or YooKassa lacks the currency.
    """
    _check(minor, currency)
    _yookassa(currency)
    return f"{minor // 100}.{minor % 100:02d}"


def from_value(value: object, currency: str = "RUB") -> int:
    """The minor units of YooKassa's string: ``from_value("199.00") == 19900``.

    :raises MoneyError: `value` is not a plain decimal string with at most two decimals. Nothing is rounded.
    """
    _yookassa(currency)
    match = _VALUE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MoneyError(f"an amount must be a string like '199.00', got {type(value).__name__} of another form")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def format_money(minor: int, currency: str, locale: str = "en") -> str:
    """An amount for people: ``1 490 ₽``, ``0,50 ₽``, ``150 ⭐``, in the manner of `locale` (``ru``, ``en``).

    Whole roubles are shown without kopecks. The blank before the sign does not break.

    :raises MoneyError: the amount or the currency is unknown.
    """
    from babel.numbers import format_currency, format_decimal  # Babel is slow to import

    _check(minor, currency)
    number = Decimal(minor).scaleb(-MINOR_DIGITS[currency])
    if currency == STARS:
        return f"{format_decimal(number, '#,##0', locale=locale)}\u00a0⭐"
    if currency == "RUB":
        pattern = "#,##0.00" if minor % 100 else "#,##0"
        return f"{format_decimal(number, pattern, locale=locale)}\u00a0₽"
    return format_currency(number, currency, locale=locale)


def _check(minor: int, currency: str) -> None:
    if currency not in MINOR_DIGITS:
        raise MoneyError(f"currency {currency!r} is unknown; known: {', '.join(MINOR_DIGITS)}")
    if not isinstance(minor, int) or isinstance(minor, bool) or not 0 <= minor <= _MAX_MINOR:
        raise MoneyError(f"an amount must be an int of minor units from 0 to {_MAX_MINOR}, got {minor!r}")


def _yookassa(currency: str) -> None:
    if currency not in YOOKASSA_CURRENCIES:
        raise MoneyError(f"YooKassa does not take the currency {currency!r}; Stars are paid in Telegram only")
