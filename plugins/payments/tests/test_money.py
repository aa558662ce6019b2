"""Money is exact: strings and minor units turn into each other without loss, and people read it right."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_payments.errors import MoneyError, PaymentsError
from astral_payments.money import MINOR_DIGITS, YOOKASSA_CURRENCIES, format_money, from_value, to_value

AMOUNTS = st.integers(0, 10**12 - 1)
CURRENCIES = st.sampled_from(sorted(YOOKASSA_CURRENCIES))


@given(AMOUNTS, CURRENCIES)
def test_round_trip_is_exact(minor: int, currency: str) -> None:
    """Every amount survives the way to YooKassa's string and back."""
    value = to_value(minor, currency)
    assert from_value(value, currency) == minor
    assert Decimal(value) * 100 == minor


@given(st.text(max_size=20))
def test_reading_never_guesses(text: str) -> None:
    """Any text is either a plain decimal with at most two places, read exactly, or an error."""
    try:
        minor = from_value(text)
    except MoneyError:
        return
    assert text.isascii()
    assert Decimal(text) * 100 == minor
    assert "e" not in text.lower()


@given(st.decimals(min_value=0, max_value=10**9, places=3))
def test_a_third_decimal_is_refused_not_rounded(value: Decimal) -> None:
    """YooKassa never writes three decimals; to round them would invent money."""
    with pytest.raises(MoneyError):
        from_value(f"{value:.3f}")


@pytest.mark.parametrize(("value", "minor"), [("199.00", 19900), ("0.01", 1), ("1.5", 150), ("7", 700), ("0.00", 0)])
def test_known_values_are_read(value: str, minor: int) -> None:
    """One, two or no decimals."""
    assert from_value(value) == minor


@pytest.mark.parametrize(
    "value",
    ["", "1.", ".5", "-1.00", "+1.00", "1,00", "1e3", "NaN", "inf", " 1", "1\n", "01", "٣", "1" * 11, None, 1, 1.5],
)
def test_other_forms_are_refused(value: Any) -> None:
    """Signs, blanks, exponents, foreign digits, numbers instead of strings."""
    with pytest.raises(MoneyError, match="like"):
        from_value(value)


@pytest.mark.parametrize("minor", [-1, 10**12, 1.0, True, "1", None])
def test_only_whole_minor_units_are_written(minor: Any) -> None:
    """A float, a bool, a negative or an absurd amount never reaches a provider."""
    with pytest.raises(MoneyError, match="int of minor units"):
        to_value(minor)


@pytest.mark.parametrize("currency", ["XTR", "rub", "", "BTC"])
def test_yookassa_takes_its_currencies_only(currency: str) -> None:
    """Stars and unknown currencies are refused in both directions."""
    with pytest.raises(PaymentsError):
        to_value(1, currency)
    with pytest.raises(PaymentsError):
        from_value("1.00", currency)


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "text"),
    [
        (149000, "RUB", "ru", "1\u00a0490\u00a0₽"),
        (149050, "RUB", "ru", "1\u00a0490,50\u00a0₽"),
        (149000, "RUB", "en", "1,490\u00a0₽"),
        (5, "RUB", "ru", "0,05\u00a0₽"),
        (150, "XTR", "ru", "150\u00a0⭐"),
        (10000, "XTR", "en", "10,000\u00a0⭐"),
        (1050, "USD", "en", "$10.50"),
    ],
)
def test_people_read_it_in_their_manner(minor: int, currency: str, locale: str, text: str) -> None:
    """Grouping, decimals and the sign's place follow the language; stars and whole roubles have no decimals."""
    assert format_money(minor, currency, locale) == text


@given(AMOUNTS, st.sampled_from(sorted(MINOR_DIGITS)), st.sampled_from(["ru", "en"]))
def test_formatting_loses_no_digit(minor: int, currency: str, locale: str) -> None:
    """The digits of the formatted text are those of the amount, however large."""
    digits = "".join(char for char in format_money(minor, currency, locale) if char.isdigit())
    hidden = 100 if currency == "RUB" and minor % 100 == 0 else 1  # kopecks that are none
    assert int(digits) * hidden == minor


def test_unknown_currency_is_not_formatted() -> None:
    """An unknown currency is an error that names the known ones."""
    with pytest.raises(MoneyError, match="RUB"):
        format_money(1, "BTC")
