"""What the emulator keeps: shops, payments, refunds, and their JSON as the API shows it.

Money is in kopecks; times are aware UTC datetimes. The shapes follow YooKassa's OpenAPI specification.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from astral_playground.yookassa.cards import TestCard

__all__ = ["FINAL", "RECEIPT_DELAY", "Payment", "Refund", "Shop", "money", "timestamp"]

FINAL = frozenset({"succeeded", "canceled"})
RECEIPT_DELAY = timedelta(seconds=2)
_FEE_PER_MILLE = 35


def money(kopecks: int) -> dict[str, str]:
    """The API's amount object: ``{"value": "199.00", "currency": "RUB"}``."""
    return {"value": f"{kopecks // 100}.{kopecks % 100:02d}", "currency": "RUB"}


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: ``2026-11-22T10:51:18.139Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop of the emulator.

    :param fiscalization: True makes the receipt (54-FZ) mandatory in every payment.
    """

    id: str = "100500"
    secret_key: str = field(default="test_emulator", repr=False)
    name: str = "Astral"
    gateway_id: str = "100700"
    fiscalization: bool = False

    def me(self) -> dict[str, Any]:
        """The answer of ``GET /me``."""
        fiscal: dict[str, Any] = {"enabled": self.fiscalization}
        if self.fiscalization:
            fiscal["provider"] = "yoo_receipt"
        return {
            "account_id": self.id,
            "status": "enabled",
            "test": True,
            "fiscalization": fiscal,
            "payment_methods": ["bank_card"],
        }


@dataclass(slots=True)
class Payment:
    """A payment; `order` numbers payments as they were created (lists are newest first)."""

    id: str
    order: int
    shop: Shop
    amount: int
    capture: bool
    return_url: str
    confirmation_url: str
    created_at: datetime
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    merchant_customer_id: str | None = None
    has_receipt: bool = False
    status: str = "pending"
    card: TestCard | None = None
    challenge: TestCard | None = None
    captured_at: datetime | None = None
    expires_at: datetime | None = None
    refunded: int = 0
    cancellation: tuple[str, str] | None = None

    def render(self, now: datetime) -> dict[str, Any]:
        """The payment as the API shows it at `now`."""
        paid = self.status in {"waiting_for_capture", "succeeded"}
        body: dict[str, Any] = {
            "id": self.id,
            "status": self.status,
            "amount": money(self.amount),
            "recipient": {"account_id": self.shop.id, "gateway_id": self.shop.gateway_id},
            "created_at": timestamp(self.created_at),
            "test": True,
            "paid": paid,
            "refundable": self.status == "succeeded" and self.refunded < self.amount,
            "metadata": dict(self.metadata),
        }
        if self.description is not None:
            body["description"] = self.description
        if self.merchant_customer_id is not None:
            body["merchant_customer_id"] = self.merchant_customer_id
        if self.has_receipt:
            body["receipt_registration"] = self._receipt(now)
        if self.card is not None:
            body["payment_method"] = self._method(self.card)
        body.update(self._state())
        return body

    def _state(self) -> dict[str, Any]:
        """The members that only one status has."""
        if self.status == "pending":
            return {
                "confirmation": {
                    "type": "redirect",
                    "return_url": self.return_url,
                    "confirmation_url": self.confirmation_url,
                }
            }
        if self.status == "canceled":
            party, reason = self.cancellation or ("merchant", "canceled_by_merchant")
            return {"cancellation_details": {"party": party, "reason": reason}}
        state: dict[str, Any] = {"authorization_details": self._authorization()}
        if self.status == "waiting_for_capture" and self.expires_at is not None:
            state["expires_at"] = timestamp(self.expires_at)
        if self.status == "succeeded" and self.captured_at is not None:
            fee = (self.amount * _FEE_PER_MILLE) // 1000
            state["captured_at"] = timestamp(self.captured_at)
            state["income_amount"] = money(self.amount - fee)
            state["refunded_amount"] = money(self.refunded)
        return state

    def _authorization(self) -> dict[str, Any]:
        applied = self.card is not None and self.card.three_ds
        return {
            "rrn": f"{10_000_000_000 + self.order}",
            "auth_code": f"{self.order % 1_000_000:06d}",
            "three_d_secure": {"applied": applied},
        }

    def _method(self, card: TestCard) -> dict[str, Any]:
        return {
            "type": "bank_card",
            "id": self.id,
            "saved": False,
            "status": "inactive",
            "title": f"Bank card *{card.last4}",
            "card": {
                "first6": card.first6,
                "last4": card.last4,
                "expiry_year": str(self.created_at.year + 4),
                "expiry_month": "12",
                "card_type": card.brand,
                "issuer_country": card.country,
            },
        }

    def _receipt(self, now: datetime) -> str:
        if self.status == "canceled":
            return "canceled"
        done = self.captured_at is not None and now >= self.captured_at + RECEIPT_DELAY
        return "succeeded" if done else "pending"


@dataclass(slots=True)
class Refund:
    """A refund; a pending one becomes `outcome` at `due_at`."""

    id: str
    order: int
    payment: Payment
    amount: int
    created_at: datetime
    description: str | None = None
    metadata: dict[str, str] | None = None
    has_receipt: bool = False
    status: str = "succeeded"
    due_at: datetime | None = None
    outcome: str = "succeeded"
    cancellation: tuple[str, str] | None = None

    def render(self, now: datetime) -> dict[str, Any]:
        """The refund as the API shows it at `now`."""
        body: dict[str, Any] = {
            "id": self.id,
            "payment_id": self.payment.id,
            "status": self.status,
            "created_at": timestamp(self.created_at),
            "amount": money(self.amount),
        }
        if self.description is not None:
            body["description"] = self.description
        if self.metadata is not None:
            body["metadata"] = dict(self.metadata)
        if self.has_receipt:
            done = self.status == "succeeded" and now >= self.created_at + RECEIPT_DELAY
            body["receipt_registration"] = "succeeded" if done else "pending"
        if self.status == "canceled" and self.cancellation is not None:
            party, reason = self.cancellation
            body["cancellation_details"] = {"party": party, "reason": reason}
        return body
