"""The REST API: authentication, idempotence, validation, life cycle, lists."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from astral_playground.yookassa import CARDS, YooKassaEmulator
from astral_playground.yookassa.cards import find_card

RECEIPT = {
    "customer": {"email": "user@example.com"},
    "items": [
        {
            "description": "Натальная карта",
            "quantity": "2",
            "amount": {"value": "99.50", "currency": "RUB"},
            "vat_code": 1,
        }
    ],
}


async def test_created_payment_has_the_documented_shape(client: Any) -> None:
    """A new payment is pending, with the members of YooKassa's specification and a 36-character id."""
    payment = await client.created()
    assert len(payment["id"]) == 36
    assert payment["id"][8:].startswith("-000f-5000-8000-")
    url = payment["confirmation"].pop("confirmation_url")
    assert url == f"{client.emulator.base_url}/checkout/payments/v2/contract?orderId={payment.pop('id')}"
    assert payment == {
        "status": "pending",
        "amount": {"value": "199.00", "currency": "RUB"},
        "description": "Полная натальная карта",
        "recipient": {"account_id": "100500", "gateway_id": "100700"},
        "created_at": "2026-11-22T10:51:18.139Z",
        "confirmation": {"type": "redirect", "return_url": "https://bot.example/pay/return/8Zk"},
        "test": True,
        "paid": False,
        "refundable": False,
        "metadata": {"payment_id": "41"},
    }


@pytest.mark.parametrize("auth", ["", "Bearer x", "Basic ???", "Basic MTAwNTAwOndyb25n", "Basic /////w=="])
async def test_strangers_get_401(client: Any, auth: str) -> None:
    """No, unreadable or wrong credentials: 401 in the API's shape, for unknown paths too."""
    client.auth = auth
    for path in ("/me", "/payments/x", "/nothing"):
        answer = await client.call("GET", path)
        assert answer.status == 401
        assert answer.body["code"] == "invalid_credentials"
        assert answer.body["description"] == "Basic authentication failed"


async def test_shops_do_not_see_each_other(client: Any) -> None:
    """A payment of one shop is not found by another, nor can that one refund it."""
    payment = await client.paid()
    client.auth = "Basic MjAwNjAwOnRlc3Rfb3RoZXI="
    assert (await client.call("GET", f"/payments/{payment['id']}")).status == 404
    assert (await client.call("GET", "/payments")).body["items"] == []
    refund = {"payment_id": payment["id"], "amount": payment["amount"]}
    assert (await client.call("POST", "/refunds", refund)).status == 404
    assert (await client.call("GET", "/me")).body["fiscalization"] == {"enabled": True, "provider": "yoo_receipt"}


async def test_errors_of_http_have_the_api_shape(client: Any) -> None:
    """Unknown paths, methods, media types and broken bodies are answered in JSON with type error."""
    assert (await client.call("GET", "/nothing")).body["code"] == "not_found"
    assert (await client.call("DELETE", "/payments")).status == 405
    wrong_type = await client.call("POST", "/payments", data=b"a=b", headers={"Content-Type": "text/plain"})
    assert (wrong_type.status, wrong_type.body["type"]) == (415, "error")
    for raw in (b"{", b"[1]", b"\xff", b'{"a": "\\ud800"}', b"[" * 100_000):
        answer = await client.call("POST", "/payments", data=raw, headers={"Content-Type": "application/json"})
        assert (answer.status, answer.body["description"]) == (400, "Failed to parse request body")


# --- idempotence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text"),
    [(None, "Idempotence key is empty"), ("k" * 65, "Idempotence key is too long"), ("a b", "illegal")],
)
async def test_key_is_mandatory_and_limited(client: Any, body: Any, key: str | None, text: str) -> None:
    """A POST without a key, with a long or an illegal one is refused and makes nothing."""
    answer = await client.call("POST", "/payments", body(), key=key)
    assert answer.status == 400
    assert text in answer.body["description"]
    assert answer.body["parameter"] == "Idempotence-Key"
    assert client.emulator.bank.payments == {}


async def test_same_key_gives_the_same_payment_for_24_hours(client: Any, body: Any) -> None:
    """A repetition answers the first payment as it is now; members may be in another order; after 24 h a new one."""
    first = (await client.call("POST", "/payments", body(), key="k")).body
    await client.pay("POST", first, {"preset": "5555555555554444"})
    turned = dict(reversed(list(body().items())))
    again = (await client.call("POST", "/payments", turned, key="k")).body
    assert (again["id"], again["status"]) == (first["id"], "succeeded")
    client.emulator.advance(24 * 3600 - 1)
    assert (await client.call("POST", "/payments", body(), key="k")).body["id"] == first["id"]
    client.emulator.advance(1)
    assert (await client.call("POST", "/payments", body(), key="k")).body["id"] != first["id"]


async def test_same_key_for_another_request_is_refused(client: Any, body: Any) -> None:
    """Other parameters or another path under a used key: 400, and nothing is made."""
    await client.call("POST", "/payments", body(), key="k")
    for path, other in (("/payments", body(description="x")), ("/refunds", body())):
        answer = await client.call("POST", path, other, key="k")
        assert (answer.status, answer.body["description"]) == (400, "Idempotence key duplicated")
    assert len(client.emulator.bank.payments) == 1


async def test_parallel_requests_with_one_key_make_one_payment(client: Any, body: Any) -> None:
    """Sixteen requests at once with one key get one id."""
    answers = await asyncio.gather(*(client.call("POST", "/payments", body(), key="k") for _ in range(16)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["id"] for answer in answers}) == 1


async def test_a_refusal_leaves_the_key_free(client: Any, body: Any) -> None:
    """After a 400 the corrected request may use the same key."""
    assert (await client.call("POST", "/payments", body(amount=None), key="k")).status == 400
    assert (await client.call("POST", "/payments", body(), key="k")).status == 200


# --- validation -------------------------------------------------------------------------------------------


def _amount(value: Any, currency: str = "RUB") -> dict[str, Any]:
    return {"amount": {"value": value, "currency": currency}}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"amount": None}, "Payment amount is missing"),
    (_amount(199), "Payment amount is illegal"),
    (_amount("199.005"), "Payment amount is illegal"),
    (_amount("-1.00"), "Payment amount is illegal"),
    (_amount("0.00"), "Payment amount is illegal"),
    (_amount("0.99"), "Payment amount is illegal"),
    (_amount("350000.01"), "Payment amount is illegal"),
    (_amount("1e3"), "Payment amount is illegal"),
    (_amount("١٩٩.00"), "Payment amount is illegal"),
    (_amount("199.00", "XTR"), "Currency code is illegal"),
    ({"description": "x" * 129}, "Description is too long. Max. length is 128"),
    ({"metadata": {str(n): "" for n in range(17)}}, "Metadata object is limited to 16 keys"),
    ({"metadata": {"k" * 33: ""}}, "Metadata key is too long"),
    ({"metadata": {"k": 1}}, "Metadata value is illegal"),
    ({"metadata": {"k": "v" * 513}}, "Metadata value is illegal"),
    ({"confirmation": None}, "Confirmation is missing"),
    ({"confirmation": {"type": "redirect"}}, "Return url is missing"),
    ({"confirmation": {"type": "redirect", "return_url": "/back"}}, "Return url is illegal"),
    ({"confirmation": {"type": "redirect", "return_url": "javascript://x/%0aalert(1)"}}, "Return url is illegal"),
    ({"confirmation": {"type": "redirect", "return_url": "https://x/\r\nSet-Cookie: a"}}, "Return url is illegal"),
    ({"confirmation": {"type": "redirect", "return_url": "https://x/" + "a" * 2048}}, "Return url is illegal"),
    ({"confirmation": {"type": "embedded"}}, "not supported by the emulator"),
    ({"capture": "yes"}, "Capture flag is illegal"),
    ({"payment_method_id": "22e18a2f-000f-5000-a000-1db6312b7767"}, "Payment method is not saved"),
    ({"payment_method_data": {"type": "sbp"}}, "Payment method is not available"),
    ({"receipt": {}}, "Receipt is missing or illegal"),
    ({"receipt": RECEIPT | {"customer": {"email": "nobody"}}}, "Receipt is missing or illegal"),
    ({"receipt": RECEIPT | {"items": []}}, "Receipt is missing or illegal"),
    ({"receipt": {**RECEIPT, "items": [RECEIPT["items"][0] | {"vat_code": 13}]}}, "Receipt is missing"),  # type: ignore[operator,index]
    ({"receipt": {**RECEIPT, "items": [RECEIPT["items"][0] | {"quantity": "NaN"}]}}, "Receipt is missing"),  # type: ignore[operator,index]
]


@pytest.mark.parametrize(("changes", "text"), WRONG)
async def test_wrong_payments_are_refused(client: Any, body: Any, changes: dict[str, Any], text: str) -> None:
    """Each wrong member is refused with 400 and YooKassa's text; nothing is made."""
    answer = await client.call("POST", "/payments", body(**changes))
    assert answer.status == 400
    assert answer.body["code"] == "invalid_request"
    assert text in answer.body["description"]
    assert client.emulator.bank.payments == {}


async def test_receipts_are_checked_and_registered(client: Any, body: Any) -> None:
    """A receipt's sum must be the amount; a shop with fiscalization demands one; it is registered at last."""
    wrong = await client.call("POST", "/payments", body(receipt=RECEIPT, **_amount("198.99")))
    assert (wrong.status, wrong.body["parameter"]) == (400, "receipt")
    payment = await client.created(receipt=RECEIPT)
    assert payment["receipt_registration"] == "pending"
    await client.pay("POST", payment, {"preset": "5555555555554444"})
    client.emulator.advance(2)
    assert (await client.call("GET", f"/payments/{payment['id']}")).body["receipt_registration"] == "succeeded"
    part = {"payment_id": payment["id"], "amount": {"value": "99.50", "currency": "RUB"}}
    assert "Receipt" in (await client.call("POST", "/refunds", part)).body["description"]
    client.auth = "Basic MjAwNjAwOnRlc3Rfb3RoZXI="
    assert "Receipt" in (await client.call("POST", "/payments", body())).body["description"]


async def test_saving_a_method_is_forbidden(client: Any, body: Any) -> None:
    """Autopayments are off, as in a new shop: 403."""
    answer = await client.call("POST", "/payments", body(save_payment_method=True))
    assert (answer.status, answer.body["description"]) == (403, "Forbidden to save payment method")


# --- life cycle -------------------------------------------------------------------------------------------


async def test_capture_defaults_to_two_steps(client: Any) -> None:
    """Without `capture` a paid payment waits; capture takes it once."""
    payment = await client.paid(capture=None)
    assert (payment["status"], payment["paid"], payment["refundable"]) == ("waiting_for_capture", True, False)
    path = f"/payments/{payment['id']}/capture"
    more = {"amount": {"value": "199.01", "currency": "RUB"}}
    assert (await client.call("POST", path, more)).body["description"] == "Illegal amount for capture"
    assert (await client.call("POST", path)).body["status"] == "succeeded"
    again = await client.call("POST", path)
    assert again.body["description"] == "Payment can not be captured in current status."


async def test_one_step_payments_are_neither_captured_nor_canceled(client: Any) -> None:
    """Autocapture excludes capture; only a held payment can be canceled."""
    payment = await client.created()
    capture = await client.call("POST", f"/payments/{payment['id']}/capture")
    assert capture.body["description"] == "You can not capture payment with autocapture"
    cancel = await client.call("POST", f"/payments/{payment['id']}/cancel")
    assert cancel.body["description"] == "Payment can not be canceled in current status"


async def test_unconfirmed_payment_expires_after_an_hour(client: Any) -> None:
    """At 3600 s it is still pending; a second later it is canceled for good."""
    payment = await client.created()
    client.emulator.advance(3600)
    assert (await client.call("GET", f"/payments/{payment['id']}")).body["status"] == "pending"
    client.emulator.advance(1)
    gone = (await client.call("GET", f"/payments/{payment['id']}")).body
    assert gone["cancellation_details"] == {"party": "yoo_money", "reason": "expired_on_confirmation"}
    assert "confirmation" not in gone


async def test_hold_expires_after_seven_days(client: Any) -> None:
    """A held payment that nobody captures is canceled."""
    payment = await client.paid(capture=False)
    client.emulator.advance(timedelta(days=7).total_seconds() + 1)
    gone = (await client.call("GET", f"/payments/{payment['id']}")).body
    assert gone["cancellation_details"]["reason"] == "expired_on_capture"
    assert gone["paid"] is False


@pytest.mark.parametrize("card", [card for card in CARDS if card.reason], ids=lambda card: card.number)
async def test_declining_cards_cancel_with_their_reason(client: Any, card: Any) -> None:
    """Each declining test card cancels the payment with its party and reason, after 3-D Secure if it has that."""
    payment = await client.created()
    answer = await client.pay("POST", payment, {"number": card.spaced})
    if card.three_ds:
        answer = await client.pay("POST", payment, {"action": "confirm"})
    assert answer.headers["Location"] == "https://bot.example/pay/return/8Zk"
    got = (await client.call("GET", f"/payments/{payment['id']}")).body
    assert (got["status"], got["paid"]) == ("canceled", False)
    assert got["cancellation_details"] == {"party": card.party, "reason": card.reason}


def test_cards_are_found_as_people_type_them() -> None:
    """Blanks and hyphens do not matter; unknown numbers are unknown."""
    assert find_card("5555 5555-5555 4444") is CARDS[0]
    assert find_card("4000000000000002") is None


async def test_refunds_keep_the_sums(client: Any) -> None:
    """Refunds add up to the payment and no further; the rest must be zero or more than a rouble."""
    payment = await client.paid()

    async def refund(value: str) -> Any:
        amount = {"value": value, "currency": "RUB"}
        return await client.call("POST", "/refunds", {"payment_id": payment["id"], "amount": amount})

    assert "greater than 1.00 RUB" in (await refund("198.00")).body["description"]
    first = (await refund("99.00")).body
    assert (first["status"], first["amount"]["value"]) == ("succeeded", "99.00")
    assert (await refund("100.01")).body["description"] == "Refund sum exceeded"
    assert (await refund("100.00")).status == 200
    assert (await refund("1.00")).body["description"] == "Payment is already completely refunded"
    after = (await client.call("GET", f"/payments/{payment['id']}")).body
    assert (after["status"], after["refunded_amount"]["value"], after["refundable"]) == ("succeeded", "199.00", False)
    unpaid = await client.created()
    other = await client.call("POST", "/refunds", {"payment_id": unpaid["id"], "amount": unpaid["amount"]})
    assert other.body["description"] == "Payment can not be refunded in current status."


# --- lists ------------------------------------------------------------------------------------------------


async def test_lists_are_newest_first_in_pages(client: Any) -> None:
    """Pages follow each other by the cursor without gaps or repetitions, newest first."""
    ids = [(await client.created())["id"] for _ in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        answer = await client.call("GET", f"/payments?limit=3{cursor}")
        seen += [item["id"] for item in answer.body["items"]]
        if "next_cursor" not in answer.body:
            break
        cursor = f"&cursor={answer.body['next_cursor']}"
    assert seen == ids[::-1]


async def test_lists_filter_by_time_status_and_payment(client: Any) -> None:
    """created_at bounds are exact, status selects, refunds are found by their payment."""
    old = await client.paid()
    client.emulator.advance(60)
    new = await client.created()
    moment = new["created_at"]

    async def ids(query: str) -> list[str]:
        return [item["id"] for item in (await client.call("GET", f"/payments?{query}")).body["items"]]

    assert await ids(f"created_at.gte={moment}") == [new["id"]]
    assert await ids(f"created_at.gt={moment}") == []
    assert await ids(f"created_at.lt={moment}") == [old["id"]]
    assert await ids(f"created_at.lte={moment}") == [new["id"], old["id"]]
    assert await ids("captured_at.lt=2030-01-01") == [old["id"]]
    assert await ids("status=pending") == [new["id"]]
    assert await ids("payment_method=bank_card") == [old["id"]]
    refund = await client.call("POST", "/refunds", {"payment_id": old["id"], "amount": old["amount"]})
    listed = await client.call("GET", f"/refunds?payment_id={old['id']}")
    assert [item["id"] for item in listed.body["items"]] == [refund.body["id"]]
    assert (await client.call("GET", f"/refunds?payment_id={new['id']}")).body["items"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "status=lost", "cursor=x", "created_at.gte=x"])
async def test_wrong_filters_are_refused(client: Any, query: str) -> None:
    """A filter that cannot be is a 400 that names it."""
    answer = await client.call("GET", f"/payments?{query}")
    assert answer.status == 400
    assert answer.body["parameter"] == query.partition("=")[0]


async def test_address_is_needed_before_use() -> None:
    """An emulator that is not served has no address and says how to get one."""
    with pytest.raises(RuntimeError, match="async with"):
        _ = YooKassaEmulator().base_url
    assert YooKassaEmulator(public_url="http://x/yookassa/").api_url == "http://x/yookassa/v3"
