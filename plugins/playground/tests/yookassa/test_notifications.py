"""Notifications to a real receiver: snapshots, repetitions, faults, forgeries."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from astral_playground.yookassa import GAPS, NotificationSettings, VirtualClock, YooKassaEmulator
from astral_playground.yookassa.notifications import Notifier


async def _due(emulator: YooKassaEmulator) -> None:
    """Wait until all that is due was tried."""
    await asyncio.wait_for(emulator.idle(), 20)


async def test_events_of_a_life_are_told_once(client: Any, receiver: Any) -> None:
    """Hold, capture and refund send one notification each, with the whole object."""
    payment = await client.paid(capture=False)
    await _due(client.emulator)
    await client.call("POST", f"/payments/{payment['id']}/capture")
    await _due(client.emulator)
    await client.call("POST", "/refunds", {"payment_id": payment["id"], "amount": payment["amount"]})
    await _due(client.emulator)
    assert receiver.events == ["payment.waiting_for_capture", "payment.succeeded", "refund.succeeded"]
    assert receiver.bodies[0]["type"] == "notification"
    assert receiver.bodies[0]["object"]["status"] == "waiting_for_capture"
    assert receiver.bodies[1]["object"]["metadata"] == {"payment_id": "41"}
    assert receiver.bodies[2]["object"]["payment_id"] == payment["id"]
    assert all(headers["Content-Type"] == "application/json" for headers in receiver.headers)


async def test_repeats_with_the_gaps_and_then_gives_up(client: Any, receiver: Any) -> None:
    """At once, then after each of seven gaps, never a moment earlier; after eight failures it is over."""
    receiver.statuses = [500] * 8
    await client.paid()
    await _due(client.emulator)
    for number, gap in enumerate(GAPS, start=1):
        client.emulator.advance(gap - 0.001)
        await _due(client.emulator)
        assert len(receiver.bodies) == number
        client.emulator.advance(0.001)
        await _due(client.emulator)
        assert len(receiver.bodies) == number + 1
    client.emulator.advance(10**6)
    await _due(client.emulator)
    assert len(receiver.bodies) == 8
    delivery = client.emulator.notifier.deliveries[0]
    assert (delivery.state, [attempt["status"] for attempt in delivery.attempts]) == ("failed", [500] * 8)


@pytest.mark.parametrize("status", [201, 202, 204, 301, 400, 503])
async def test_only_200_is_success(client: Any, receiver: Any, status: int) -> None:
    """Any other answer is repeated, the 2xx and redirects included; 200 ends it."""
    receiver.statuses = [status]
    await client.paid()
    await _due(client.emulator)
    client.emulator.advance(10)
    await _due(client.emulator)
    client.emulator.advance(10**6)
    await _due(client.emulator)
    assert len(receiver.bodies) == 2
    assert client.emulator.notifier.deliveries[0].state == "delivered"


async def test_repetitions_carry_the_state_of_the_event(client: Any, receiver: Any) -> None:
    """A repeated hold notification still says waiting_for_capture after the capture."""
    receiver.statuses = [500]
    payment = await client.paid(capture=False)
    await _due(client.emulator)
    await client.call("POST", f"/payments/{payment['id']}/capture")
    await _due(client.emulator)
    client.emulator.advance(10)
    await _due(client.emulator)
    assert [body["object"]["status"] for body in receiver.bodies] == [
        "waiting_for_capture",
        "succeeded",
        "waiting_for_capture",
    ]
    assert receiver.bodies[0] == receiver.bodies[2]


async def test_speed_divides_the_gaps_in_real_time() -> None:
    """With a running clock and a high speed all attempts at a dead receiver are over in no time."""
    async with YooKassaEmulator(notification_url="http://127.0.0.1:9/", speed=1e6) as emulator:
        delivery = emulator.notifier.forge({"event": "x", "object": {"id": "1"}})
        await asyncio.wait(emulator.notifier._tasks, timeout=20)
        assert delivery.state == "failed"
        assert [attempt["error"] for attempt in delivery.attempts] == ["ClientConnectorError"] * 8
        moments = [attempt["at"] for attempt in delivery.attempts]
        assert all(first <= second for first, second in pairwise(moments))
    with pytest.raises(ValueError, match="positive"):
        Notifier(VirtualClock(), emulator.faults, speed=0)


async def test_settings_choose_url_events_and_header(client: Any, receiver: Any) -> None:
    """Only chosen events are sent; the source header carries an address of YooKassa's; no URL means silence."""
    client.emulator.notifier.settings = NotificationSettings(
        url=receiver.url, events=("payment.canceled",), source_ip_header="X-Forwarded-For"
    )
    await client.paid()
    await client.created()
    client.emulator.advance(3601)
    await _due(client.emulator)
    assert receiver.events == ["payment.canceled"]
    assert receiver.headers[0]["X-Forwarded-For"] == "185.71.76.5"
    client.emulator.notifier.settings = NotificationSettings()
    await client.paid()
    assert len(client.emulator.notifier.deliveries) == 1


async def test_duplicates_and_losses(client: Any, receiver: Any) -> None:
    """`duplicate` sends copies, `lose` sends nothing and says so; each strikes as often as asked."""
    client.emulator.set_faults(
        [
            {"where": "notification", "match": {"event": r"payment\.succeeded"}, "do": "duplicate", "copies": 3},
            {"where": "notification", "match": {"event": "canceled"}, "do": "lose"},
        ]
    )
    await client.paid()
    await _due(client.emulator)
    assert receiver.events == ["payment.succeeded"] * 3
    declined = await client.created()
    await client.pay("POST", declined, {"preset": "5555555555554600"})
    await _due(client.emulator)
    assert len(receiver.events) == 3
    assert client.emulator.notifier.deliveries[-1].state == "lost"
    await client.paid()
    await _due(client.emulator)
    assert len(receiver.events) == 4


async def test_delay_reorder_and_mutate(client: Any, receiver: Any) -> None:
    """Late, turned round, or with other members: the receiver gets what the fault says."""
    client.emulator.set_faults([{"where": "notification", "do": "delay", "seconds": 120}])
    await client.paid()
    client.emulator.advance(119)
    await _due(client.emulator)
    assert receiver.events == []
    client.emulator.advance(1)
    await _due(client.emulator)
    assert len(receiver.events) == 1

    client.emulator.set_faults([{"where": "notification", "do": "reorder", "window": 2}])
    first, second = await client.paid(), await client.paid()
    await receiver.until(3)
    assert [body["object"]["id"] for body in receiver.bodies[1:]] == [second["id"], first["id"]]

    patch = {"object": {"amount": {"value": "1.00"}}}
    client.emulator.set_faults([{"where": "notification", "do": "mutate", "patch": patch}])
    await client.paid()
    await _due(client.emulator)
    assert receiver.bodies[-1]["object"]["amount"] == {"value": "1.00", "currency": "RUB"}


async def test_held_back_notifications_leave_when_faults_change(client: Any, receiver: Any) -> None:
    """A reorder window that never fills does not swallow notifications for ever."""
    client.emulator.set_faults([{"where": "notification", "do": "reorder", "window": 9}])
    await client.paid()
    await _due(client.emulator)
    assert receiver.events == []
    client.emulator.set_faults([])
    await receiver.until(1)
    assert receiver.events == ["payment.succeeded"]


async def test_notification_may_outrun_the_answer(client: Any, receiver: Any) -> None:
    """`before_response`: the receiver has the refund's event before the shop knows the refund's id."""
    payment = await client.paid()
    client.emulator.set_faults([{"where": "notification", "match": {"event": "refund"}, "do": "before_response"}])
    refund = await client.call("POST", "/refunds", {"payment_id": payment["id"], "amount": payment["amount"]})
    assert receiver.bodies[-1]["object"]["id"] == refund.body["id"]


async def test_reset_stops_deliveries(client: Any, receiver: Any) -> None:
    """After a reset nothing old is delivered and ids count from one again."""
    receiver.statuses = [500]
    payment = await client.paid()
    await _due(client.emulator)
    await client.emulator.reset()
    client.emulator.advance(10**6)
    await _due(client.emulator)
    assert len(receiver.bodies) == 1
    assert (await client.call("GET", f"/payments/{payment['id']}")).status == 404
    assert (await client.created())["id"].endswith("000000000001")


async def test_clock_refuses_to_go_back() -> None:
    """Time moves forward by finite steps only; a naive start is refused."""
    from datetime import datetime

    clock = VirtualClock(running=False)
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="cannot advance"):
            clock.advance(seconds)
    with pytest.raises(ValueError, match="time zone"):
        VirtualClock(datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake under test
