"""The emulator's bank: payments and refunds, their life cycles and their expiries.

pending -> waiting_for_capture -> succeeded | canceled; both last ones are final. Each change of a status
that YooKassa reports is handed to `on_event` with a snapshot of the object.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from astral_playground.yookassa import checks
from astral_playground.yookassa.cards import CARDS, YOO_MONEY, TestCard
from astral_playground.yookassa.clock import VirtualClock
from astral_playground.yookassa.errors import ApiError, invalid, not_found
from astral_playground.yookassa.objects import FINAL, Payment, Refund, Shop

__all__ = ["Bank", "PendingRefund"]

CONFIRMATION_TIME = timedelta(hours=1)
HOLD_TIME = timedelta(days=7)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_SMALLEST_REMAINDER = 100
DEFAULT_CARD = CARDS[0]

PendingRefund = tuple[float, str, str]
"""Seconds until a refund leaves `pending`, the status that it gets, the reason if that is `canceled`."""


class Bank:
    """All payments and refunds of all shops, in memory. Every method is synchronous, hence atomic."""

    def __init__(self, clock: VirtualClock, on_event: Callable[[str, dict[str, Any]], None]) -> None:
        self.clock = clock
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, Refund] = {}
        self._on_event = on_event
        self._count = 0

    def reset(self) -> None:
        """Forget everything and count from one again."""
        self.payments.clear()
        self.refunds.clear()
        self._count = 0

    # --- payments ---------------------------------------------------------------------------------------

    def create(self, shop: Shop, request: checks.PaymentRequest, pay_url: str) -> Payment:
        """Register a payment; `pay_url` is the pay page's address up to the payment's id."""
        payment_id = self._next_id()
        payment = Payment(
            id=payment_id,
            order=self._count,
            shop=shop,
            amount=request.amount,
            capture=request.capture,
            return_url=request.return_url,
            confirmation_url=f"{pay_url}{payment_id}",
            created_at=self.clock.now(),
            description=request.description,
            metadata=request.metadata,
            merchant_customer_id=request.merchant_customer_id,
            has_receipt=request.has_receipt,
        )
        self.payments[payment_id] = payment
        return payment

    def payment(self, payment_id: str, shop: Shop | None = None) -> Payment:
        """The payment with its expiries applied; 404 if it is missing or of another shop."""
        payment = self.payments.get(payment_id)
        if payment is None or (shop is not None and payment.shop.id != shop.id):
            raise not_found("payment")
        self._expire(payment)
        return payment

    def pay(self, payment: Payment, card: TestCard = DEFAULT_CARD) -> None:
        """The payer's card was accepted or declined, as the card says."""
        self._expect(payment, "pending", "Payment can not be paid in current status")
        payment.card, payment.challenge = card, None
        if card.reason is not None:
            self._cancel(payment, card.party, card.reason)
        elif payment.capture:
            self._succeed(payment)
        else:
            self._hold(payment)

    def hold(self, payment: Payment) -> None:
        """Authorise the payment and leave it waiting for capture, whatever `capture` said."""
        self._expect(payment, "pending", "Payment can not be held in current status")
        payment.card, payment.capture = DEFAULT_CARD, False
        self._hold(payment)

    def decline(self, payment: Payment, reason: str, party: str) -> None:
        """Cancel an unfinished payment for any reason of the provider's."""
        if payment.status in FINAL:
            raise invalid("Payment can not be declined in current status")
        self._cancel(payment, party, reason)

    def capture(self, payment: Payment, amount: int | None) -> None:
        """Take the held money, or `amount` kopecks of it."""
        if payment.capture:
            raise invalid("You can not capture payment with autocapture")
        self._expect(payment, "waiting_for_capture", "Payment can not be captured in current status.")
        if amount is not None:
            if amount > payment.amount:
                raise invalid("Illegal amount for capture", "amount")
            payment.amount = amount
        self._succeed(payment)

    def cancel(self, payment: Payment) -> None:
        """The merchant lets the held money go."""
        self._expect(payment, "waiting_for_capture", "Payment can not be canceled in current status")
        self._cancel(payment, "merchant", "canceled_by_merchant")

    def expire(self, payment: Payment) -> None:
        """End an unfinished payment as if its time were over."""
        if payment.status in FINAL:
            raise invalid("Payment can not be expired in current status")
        held = payment.status == "waiting_for_capture"
        self._cancel(payment, YOO_MONEY, "expired_on_capture" if held else "expired_on_confirmation")

    def sweep(self) -> None:
        """Apply every expiry and every due refund; the real service does it by itself."""
        for payment in self.payments.values():
            self._expire(payment)
        for refund in self.refunds.values():
            self._finish(refund)

    # --- refunds ----------------------------------------------------------------------------------------

    def create_refund(
        self, payment: Payment, request: checks.RefundRequest, pending: PendingRefund | None = None
    ) -> Refund:
        """Give money back; `pending` delays the outcome."""
        self._check_refund(payment, request.amount)
        now = self.clock.now()
        refund = Refund(
            id=self._next_id(),
            order=self._count,
            payment=payment,
            amount=request.amount,
            created_at=now,
            description=request.description,
            metadata=request.metadata,
            has_receipt=request.has_receipt,
            status="pending",
            due_at=now,
        )
        if pending is not None:
            seconds, refund.outcome, reason = pending
            refund.due_at = now + timedelta(seconds=seconds)
            refund.cancellation = (YOO_MONEY, reason)
        self.refunds[refund.id] = refund
        self._finish(refund)
        return refund

    def refund(self, refund_id: str, shop: Shop) -> Refund:
        """The refund, finished if it is due; 404 if it is missing or of another shop."""
        refund = self.refunds.get(refund_id)
        if refund is None or refund.payment.shop.id != shop.id:
            raise not_found("refund")
        self._finish(refund)
        return refund

    def _check_refund(self, payment: Payment, amount: int) -> None:
        self._expect(payment, "succeeded", "Payment can not be refunded in current status.")
        taken = sum(
            refund.amount
            for refund in self.refunds.values()
            if refund.payment is payment and refund.status != "canceled"
        )
        left = payment.amount - taken
        if left == 0:
            raise invalid("Payment is already completely refunded")
        if amount > left:
            raise invalid("Refund sum exceeded", "amount")
        if 0 < left - amount <= _SMALLEST_REMAINDER:
            raise invalid("Remaining payment amount after refund must be greater than 1.00 RUB", "amount")

    def _finish(self, refund: Refund) -> None:
        if refund.status != "pending" or refund.due_at is None or refund.due_at > self.clock.now():
            return
        refund.status = refund.outcome
        if refund.status == "succeeded":
            refund.payment.refunded += refund.amount
            self._on_event("refund.succeeded", refund.render(self.clock.now()))

    # --- inside -----------------------------------------------------------------------------------------

    def _next_id(self) -> str:
        """36 characters; the time in front keeps ids apart over restarts, the counter within a run."""
        self._count += 1
        seconds = int((self.clock.now() - _EPOCH).total_seconds()) & 0xFFFFFFFF
        return f"{seconds:08x}-000f-5000-8000-{self._count:012x}"

    def _expect(self, payment: Payment, status: str, refusal: str) -> None:
        if payment.status != status:
            raise ApiError(400, "invalid_request", refusal)

    def _succeed(self, payment: Payment) -> None:
        payment.status, payment.captured_at, payment.expires_at = "succeeded", self.clock.now(), None
        self._tell(payment)

    def _hold(self, payment: Payment) -> None:
        payment.status, payment.expires_at = "waiting_for_capture", self.clock.now() + HOLD_TIME
        self._tell(payment)

    def _cancel(self, payment: Payment, party: str, reason: str) -> None:
        payment.status, payment.cancellation, payment.expires_at = "canceled", (party, reason), None
        payment.challenge = None
        self._tell(payment)

    def _expire(self, payment: Payment) -> None:
        now = self.clock.now()
        late = payment.status == "pending" and now > payment.created_at + CONFIRMATION_TIME
        if late or (payment.expires_at is not None and now > payment.expires_at):
            self.expire(payment)

    def _tell(self, payment: Payment) -> None:
        self._on_event(f"payment.{payment.status}", payment.render(self.clock.now()))
