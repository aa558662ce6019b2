"""The control API and the faults of the API itself."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from astral_playground.yookassa.control import _is_loopback


@pytest.mark.parametrize(
    ("remote", "allowed"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::2", False),
        (None, False),
    ],
)
def test_only_loopback_is_near(remote: str | None, allowed: bool) -> None:
    """Addresses of this machine may control, others may not."""
    assert _is_loopback(remote) is allowed


async def test_control_needs_the_token(client: Any) -> None:
    """Without the right token nothing is shown or changed."""
    assert (await client.control("GET", "/state", token="wrong")).status == 401
    assert (await client.control("POST", "/reset", token="wrong")).status == 401
    state = await client.control("GET", "/state")
    assert state.status == 200
    assert "Access-Control-Allow-Origin" not in state.headers
    assert client.emulator.control_token not in state.text
    assert "test_emulator" not in state.text


async def test_payments_are_driven_by_hand(client: Any) -> None:
    """succeed, decline, hold and expire move a payment as a payer or time would; finals stay."""
    results = {}
    for action, body in (
        ("succeed", {}),
        ("decline", {"reason": "permission_revoked", "party": "yoo_money"}),
        ("hold", {}),
        ("expire", {}),
    ):
        payment = await client.created()
        answer = await client.control("POST", f"/payments/{payment['id']}/{action}", body)
        results[action] = answer.body
        if action != "hold":
            again = await client.control("POST", f"/payments/{payment['id']}/{action}", body)
            assert again.status == 400
    assert results["succeed"]["status"] == "succeeded"
    assert results["decline"]["cancellation_details"] == {"party": "yoo_money", "reason": "permission_revoked"}
    assert results["hold"]["status"] == "waiting_for_capture"
    assert results["expire"]["cancellation_details"]["reason"] == "expired_on_confirmation"
    taken = await client.control("POST", f"/payments/{results['hold']['id']}/succeed")
    assert taken.body["status"] == "succeeded"
    assert (await client.control("POST", "/payments/x/succeed")).status == 404


async def test_notifications_deliveries_redelivery_and_forgery(client: Any, receiver: Any) -> None:
    """The URL is set, deliveries are listed, an old one is sent again, and any JSON can be forged."""
    put = await client.control("PUT", "/notifications", {"url": receiver.url, "events": ["payment.succeeded"]})
    assert put.body["events"] == ["payment.succeeded"]
    assert (await client.control("GET", "/notifications")).body == put.body
    payment = await client.paid()
    await client.emulator.idle()
    listed = (await client.control("GET", "/deliveries")).body
    assert [(item["state"], item["attempts"][0]["status"]) for item in listed] == [("delivered", 200)]
    again = await client.control("POST", "/redeliver", {"id": payment["id"], "event": "payment.succeeded"})
    assert again.status == 202
    forged = {"type": "notification", "event": "payment.succeeded", "object": {"id": "../me", "paid": True}}
    assert (await client.control("POST", "/notify", forged)).status == 202
    await client.emulator.idle()
    assert receiver.bodies[0] == receiver.bodies[1]
    assert receiver.bodies[2] == forged
    assert (await client.control("POST", "/redeliver", {"id": "x", "event": "y"})).status == 404


async def test_cabinet_refund_and_time(client: Any, receiver: Any) -> None:
    """A refund made in the cabinet is notified with an id that the shop never created; time is skipped."""
    payment = await client.paid()
    refund = {"payment_id": payment["id"], "amount": {"value": "10.00", "currency": "RUB"}}
    made = await client.control("POST", "/refunds/cabinet", refund)
    await client.emulator.idle()
    assert receiver.bodies[-1]["object"]["id"] == made.body["id"]
    moved = await client.control("POST", "/advance", {"seconds": 60})
    assert moved.body == {"now": "2026-11-22T10:52:18.139Z"}
    state = (await client.control("GET", "/state")).body
    assert [len(state["payments"]), len(state["refunds"]), state["idempotence_keys"]] == [1, 1, 1]
    await client.control("POST", "/reset")
    assert (await client.control("GET", "/state")).body["payments"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/advance", {"seconds": -1}),
        ("POST", "/advance", {"seconds": "1"}),
        ("POST", "/advance", {"seconds": 1e300}),
        ("POST", "/advance", [1]),
        ("POST", "/faults", {"where": "api"}),
        ("POST", "/faults", [{"where": "api", "do": "lose"}]),
        ("POST", "/faults", [{"where": "api", "do": "html", "match": {"path": "("}}]),
        ("POST", "/faults", [{"where": "api", "do": "html", "typo": 1}]),
        ("PUT", "/notifications", {"url": "ftp://x"}),
        ("PUT", "/notifications", {"url": "http://x", "events": ["payment.paid"]}),
        ("POST", "/refunds/cabinet", {}),
    ],
)
async def test_wrong_control_requests_are_explained(client: Any, method: str, path: str, body: Any) -> None:
    """Wrong input is a 400 with an explanation and changes nothing."""
    before = (await client.control("GET", "/state")).body
    answer = await client.control(method, path, body)
    assert answer.status == 400
    assert answer.body["error"]
    assert (await client.control("GET", "/state")).body == before


# --- faults of the API ------------------------------------------------------------------------------------


async def test_drop_before_and_after(client: Any, body: Any) -> None:
    """Both cut the connection; only `drop_after` has made the payment, which the same key then finds."""
    client.emulator.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "drop_before"}])
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.call("POST", "/payments", body(), key="k")
    assert client.emulator.bank.payments == {}
    client.emulator.set_faults([{"where": "api", "match": {"path": "/payments$"}, "do": "drop_after"}])
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.call("POST", "/payments", body(), key="k")
    (made,) = client.emulator.bank.payments
    assert (await client.call("POST", "/payments", body(), key="k")).body["id"] == made


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"do": "status"}, 500, "internal_server_error"),
        ({"do": "status", "http": 429, "retry_after": 1000}, 429, "too_many_requests"),
        ({"do": "status", "http": 202}, 202, None),
        ({"do": "html", "http": 502}, 502, None),
    ],
)
async def test_status_faults(client: Any, body: Any, fault: dict[str, Any], status: int, code: str | None) -> None:
    """The named answer comes instead of the work, or after it with `before: false`."""
    client.emulator.set_faults([{"where": "api", **fault}])
    answer = await client.call("POST", "/payments", body(), key="k")
    assert (answer.status, (answer.body or {}).get("code")) == (status, code)
    assert client.emulator.bank.payments == {}
    client.emulator.set_faults([{"where": "api", "before": False, **fault}])
    assert (await client.call("POST", "/payments", body(), key="k")).status == status
    assert len(client.emulator.bank.payments) == 1
    if status == 429:
        assert answer.body["retry_after"] == 1000
    if status == 202:
        assert answer.body["type"] == "processing"


async def test_one_fault_of_a_kind_strikes_at_a_time(client: Any) -> None:
    """Two faults of one kind strike one request after the other, `times` times each."""
    client.emulator.set_faults(
        [{"where": "api", "do": "status", "http": 500}, {"where": "api", "do": "status", "http": 429, "times": 2}]
    )
    assert [(await client.call("GET", "/me")).status for _ in range(4)] == [500, 429, 429, 200]


async def test_lag_unknown_members_and_truncation(client: Any) -> None:
    """Young objects are not found, new members appear, bodies break off."""
    client.emulator.set_faults([{"where": "api", "do": "not_found_for", "seconds": 2}])
    payment = await client.created()
    path = f"/payments/{payment['id']}"
    assert (await client.call("GET", path)).status == 404
    client.emulator.advance(2)
    assert (await client.call("GET", path)).status == 200
    client.emulator.set_faults([{"where": "api", "do": "unknown_fields"}])
    assert "x_new_member" in (await client.call("GET", path)).body
    client.emulator.set_faults([{"where": "api", "do": "truncate_body"}])
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.call("GET", path)


async def test_a_stale_answer_shows_a_payment_as_it_was(client: Any) -> None:
    """What was shown last is shown again, however the payment has changed since; afterwards the truth."""
    payment = await client.created()
    path = f"/payments/{payment['id']}"
    client.emulator.bank.pay(client.emulator.bank.payments[payment["id"]])
    client.emulator.set_faults([{"where": "api", "match": {"method": "GET"}, "do": "stale", "times": 2}])
    seen = [(await client.call("GET", path)).body["status"] for _ in range(3)]
    assert seen == ["pending", "pending", "succeeded"]


async def test_what_was_delayed_is_done_though_the_caller_has_gone(client: Any, body: Any) -> None:
    """A caller that does not wait for a slow answer has its payment all the same, and does not know of it."""
    client.emulator.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "delay", "seconds": 0.3}])
    with pytest.raises(TimeoutError):
        await client.call("POST", "/payments", body(), timeout=aiohttp.ClientTimeout(total=0.1))
    async with asyncio.timeout(10):
        while not client.emulator.bank.payments:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # nobody tells of it


async def test_delay_holds_the_answer_back(client: Any) -> None:
    """A delayed answer is later than another request that starts after it."""
    client.emulator.set_faults([{"where": "api", "match": {"path": "me$"}, "do": "delay", "seconds": 0.2}])
    slow = asyncio.create_task(client.call("GET", "/me"))
    await asyncio.sleep(0.05)
    await client.call("GET", "/payments")
    assert not slow.done()
    assert (await slow).status == 200


async def test_refund_stays_pending_and_then_ends(client: Any) -> None:
    """`pending_then` holds the money reserved, then cancels (money free again) or succeeds."""
    payment = await client.paid()
    refund = {"payment_id": payment["id"], "amount": payment["amount"]}
    client.emulator.set_faults(
        [
            {
                "where": "refund",
                "do": "pending_then",
                "status": "canceled",
                "reason": "insufficient_funds",
                "seconds": 60,
            }
        ]
    )
    pending = (await client.call("POST", "/refunds", refund)).body
    assert pending["status"] == "pending"
    assert (await client.call("POST", "/refunds", refund)).status == 400
    client.emulator.advance(60)
    canceled = (await client.call("GET", f"/refunds/{pending['id']}")).body
    assert canceled["cancellation_details"] == {"party": "yoo_money", "reason": "insufficient_funds"}
    client.emulator.set_faults([{"where": "refund", "do": "pending_then", "seconds": 5}])
    second = (await client.call("POST", "/refunds", refund)).body
    client.emulator.advance(5)
    assert (await client.call("GET", f"/refunds/{second['id']}")).body["status"] == "succeeded"
