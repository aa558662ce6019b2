"""The official SDK's own classes work against the emulator."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest


async def test_sdk_goes_round(sdk: Any, client: Any, body: Any) -> None:
    """Create, find, pay, list, refund and find the refund: the SDK reads each answer as its models."""
    payment = await sdk.run(sdk.payment.create, body(), "sdk-1")
    assert payment.status == "pending"
    assert payment.confirmation.type == "redirect"
    assert payment.metadata == {"payment_id": "41", "cms_name": "yookassa_sdk_python"}
    found = await sdk.run(sdk.payment.find_one, payment.id)
    assert (found.id, found.amount.value, found.paid) == (payment.id, Decimal("199.00"), False)

    await client.pay(
        "POST",
        {"confirmation": {"confirmation_url": payment.confirmation.confirmation_url}},
        {"preset": "4111111111111111"},
    )
    paid = await sdk.run(sdk.payment.find_one, payment.id)
    assert (paid.status, paid.paid, paid.refundable, paid.test) == ("succeeded", True, True, True)
    assert paid.payment_method.card.last4 == "1111"
    assert paid.payment_method.card.card_type == "Visa"
    assert paid.income_amount.value == Decimal("192.04")

    listed = await sdk.run(sdk.payment.list, {"limit": 5, "status": "succeeded"})
    assert [item.id for item in listed.items] == [payment.id]
    refund = await sdk.run(
        sdk.refund.create, {"payment_id": payment.id, "amount": {"value": "50.00", "currency": "RUB"}}, "sdk-2"
    )
    assert refund.status == "succeeded"
    again = await sdk.run(sdk.refund.find_one, refund.id)
    assert (again.payment_id, again.amount.value) == (payment.id, Decimal("50.00"))
    after = await sdk.run(sdk.payment.find_one, payment.id)
    assert after.refunded_amount.value == Decimal("50.00")
    refunds = await sdk.run(sdk.refund.list, {"payment_id": payment.id})
    assert [item.id for item in refunds.items] == [refund.id]


async def test_sdk_captures_and_cancels(sdk: Any, client: Any, body: Any) -> None:
    """A two-step payment waits for capture; the SDK captures a part of one and cancels another."""
    held = []
    for key in ("hold-1", "hold-2"):
        payment = await sdk.run(sdk.payment.create, body(capture=False), key)
        url = payment.confirmation.confirmation_url
        await client.pay("POST", {"confirmation": {"confirmation_url": url}}, {"preset": "5555555555554444"})
        held.append(payment.id)
    waiting = await sdk.run(sdk.payment.find_one, held[0])
    assert waiting.status == "waiting_for_capture"
    assert waiting.expires_at == "2026-11-29T10:51:18.139Z"
    taken = await sdk.run(sdk.payment.capture, held[0], {"amount": {"value": "100.00", "currency": "RUB"}}, "cap")
    assert (taken.status, taken.amount.value) == ("succeeded", Decimal("100.00"))
    released = await sdk.run(sdk.payment.cancel, held[1], "can")
    assert released.status == "canceled"
    assert (released.cancellation_details.party, released.cancellation_details.reason) == (
        "merchant",
        "canceled_by_merchant",
    )


async def test_sdk_reads_the_shop_and_errors(sdk: Any, body: Any) -> None:
    """GET /me is read as the SDK's model, and a refusal as its typed exception."""
    from yookassa.domain.exceptions import BadRequestError, NotFoundError

    me = await sdk.run(sdk.settings.get_account_settings)
    assert (me.account_id, me.test, me.status) == ("100500", True, "enabled")
    with pytest.raises(NotFoundError) as missing:
        await sdk.run(sdk.payment.find_one, "2d036654-000f-5000-8000-000000000009")
    assert missing.value.content["description"] == "Payment not found or forbidden"
    await sdk.run(sdk.payment.create, body(), "same")
    with pytest.raises(BadRequestError) as twice:
        await sdk.run(sdk.payment.create, body(description="other"), "same")
    assert twice.value.content["parameter"] == "Idempotence-Key"
