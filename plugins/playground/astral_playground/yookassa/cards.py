"""YooKassa's published test cards: what each of them does.

Source: the table of test cards in YooKassa's documentation for test shops. Any future expiry date, any
CVC and any 3-D Secure code are accepted.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CARDS", "PAYMENT_NETWORK", "PRESETS", "YOO_MONEY", "TestCard", "find_card"]

PAYMENT_NETWORK = "payment_network"
YOO_MONEY = "yoo_money"


@dataclass(frozen=True, slots=True)
class TestCard:
    """A test card: `reason` is None for a card that pays, else the `cancellation_details.reason`."""

    __test__ = False  # the name is YooKassa's; pytest must not take it for a test class

    number: str
    three_ds: bool = False
    reason: str | None = None
    party: str = PAYMENT_NETWORK

    @property
    def brand(self) -> str:
        """The payment system as YooKassa spells it in `card_type`."""
        return {"2": "Mir", "4": "Visa"}.get(self.number[0], "MasterCard")

    @property
    def country(self) -> str:
        """ISO 3166-1 alpha-2 code of the issuer's country."""
        return "RU" if self.brand == "Mir" else "US"

    @property
    def first6(self) -> str:
        """The bank identification number."""
        return self.number[:6]

    @property
    def last4(self) -> str:
        """The part of the number that may be shown."""
        return self.number[-4:]

    @property
    def spaced(self) -> str:
        """The number in groups of four digits, as it stands on the plastic."""
        return " ".join(self.number[i : i + 4] for i in range(0, len(self.number), 4))


CARDS: tuple[TestCard, ...] = (
    TestCard("5555555555554444"),
    TestCard("4111111111111111"),
    TestCard("2202474301322987"),
    TestCard("5555555555554477", three_ds=True),
    TestCard("4793128161644804", three_ds=True),
    TestCard("2200000000000004", three_ds=True),
    TestCard("5555555555554600", reason="insufficient_funds"),
    TestCard("5555555555554592", three_ds=True, reason="3d_secure_failed"),
    TestCard("4839665499603842", three_ds=True, reason="3d_secure_failed"),
    TestCard("2200000000000012", three_ds=True, reason="3d_secure_failed"),
    TestCard("5555555555554527", reason="general_decline"),
    TestCard("5555555555554543", reason="card_expired"),
    TestCard("5555555555554626", reason="invalid_csc"),
    TestCard("5555555555554618", reason="invalid_card_number"),
    TestCard("5555555555554576", reason="payment_method_limit_exceeded"),
    TestCard("5555555555554550", reason="payment_method_restricted"),
    TestCard("5555555555554535", reason="call_issuer"),
    TestCard("5555555555554501", reason="issuer_unavailable"),
    TestCard("5555555555554568", reason="fraud_suspected"),
    TestCard("5555555555554634", reason="fraud_suspected", party=YOO_MONEY),
    TestCard("5555555555554584", reason="country_forbidden", party=YOO_MONEY),
)

_BY_NUMBER = {card.number: card for card in CARDS}


def find_card(number: str) -> TestCard | None:
    """The test card of this number; blanks and hyphens between the digits are allowed."""
    return _BY_NUMBER.get(number.replace(" ", "").replace("\u00a0", "").replace("-", ""))


def _presets() -> tuple[TestCard, ...]:
    """One card for each different outcome, in the order of the table."""
    seen: dict[tuple[bool, str | None, str], TestCard] = {}
    for card in CARDS:
        seen.setdefault((card.three_ds, card.reason, card.party), card)
    return tuple(seen.values())


PRESETS = _presets()
