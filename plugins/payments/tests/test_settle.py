"""`settle` from many sides at once: shuffled, repeated, racing; money is counted afterwards."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import func, select, update

from astral_core import now
from astral_payments.orders import new_attempt, open_order
from astral_payments.settle import Outcome, ProviderPayment, settle
from astral_payments.shop import Shop
from astral_payments.state_machine import Cause
from astral_payments.tables import entitlements, orders, payments, refunds, transitions

CAUSES: list[Cause] = ["event", "poll", "return", "button"]


def context(seller: Any) -> Any:
    """The payments plugin's own context in the running bot."""
    return seller.kit.context("payments")


async def attempts(seller: Any, user_id: int, count: int) -> list[int]:
    """An open order of the user with `count` payments under way."""
    ctx = context(seller)
    shop = ctx.get(Shop)
    async with ctx.work() as work:
        order = await open_order(work.session, user_id, shop.products["sky.full"])
        return [await new_attempt(work.session, shop, order, "bot") for _ in range(count)]


def told(number: int, status: str, **changes: Any) -> ProviderPayment:
    """What YooKassa says of a payment."""
    values: dict[str, Any] = {
        "ref": f"ref-{number}", "payment_id": str(number), "status": status, "amount_minor": 19900,
        "currency": "RUB", "account_id": "100500", "mode": "test",
    }  # fmt: skip
    return ProviderPayment(**(values | changes))


async def one(seller: Any, payment_id: int, remote: ProviderPayment, cause: Cause = "event") -> Outcome:
    """One settlement in a unit of work of its own."""
    ctx = context(seller)
    async with ctx.work() as work:
        return await settle(work, payment_id, remote, cause)


async def test_shuffled_and_repeated_news_count_once(seller: Any) -> None:
    """Five buyers, two payments each, all told four times in any order, eight at once: 5 grants, 5 refunds."""
    ctx = context(seller)
    people = [seller.buyer(f"Buyer {number}") for number in range(5)]
    for person in people:
        await person.send("/shop")
        await person.wait_for("Shop")
    numbers = [number for person in people for number in await attempts(seller, person.id, 2)]
    news = [(number, status) for number in numbers for status in ("pending", "succeeded") for _ in range(4)]
    random.Random(7).shuffle(news)  # noqa: S311  # a test's order, the same in every run
    gate = asyncio.Semaphore(8)

    async def deliver(number: int, status: str) -> Outcome:
        async with gate:
            return await one(seller, number, told(number, status), CAUSES[number % len(CAUSES)])

    outcomes = await asyncio.gather(*(deliver(number, status) for number, status in news))
    assert outcomes.count(Outcome.GRANTED) == 5
    assert outcomes.count(Outcome.REFUNDING) == 5
    assert Outcome.MISMATCH not in outcomes
    assert await seller.count(entitlements) == 5
    assert await seller.count(refunds) == 5
    assert await seller.states(orders) == ["paid"] * 5
    audit = select(func.count()).select_from(transitions).where(transitions.c.to_status == "succeeded")
    assert (await seller.rows(audit))[0][0] == 10
    await seller.quiet()
    assert sorted(event.user_id for event in seller.paid) == sorted(person.id for person in people)
    assert ctx.log.name == "astral.plugins.payments"


async def test_two_orders_of_one_product_grant_once(seller: Any) -> None:
    """Two paid orders for the same thing at the same moment: the unique index lets one of them through."""
    anna = seller.buyer()
    await anna.send("/shop")
    await anna.wait_for("Shop")
    [first] = await attempts(seller, anna.id, 1)
    await seller.execute(update(orders).values(status="expired"))
    [second] = await attempts(seller, anna.id, 1)
    outcomes = await asyncio.gather(*(one(seller, number, told(number, "succeeded")) for number in (first, second)))
    assert sorted(outcome.value for outcome in outcomes) == ["granted", "refunding"]
    assert await seller.count(entitlements) == 1
    assert await seller.states(orders) in (["expired", "paid"], ["open", "paid"])


async def test_a_rolled_back_settlement_leaves_nothing(seller: Any) -> None:
    """Status, grant, event and audit are one transaction: a failure after them undoes all of them."""
    anna = seller.buyer()
    await anna.send("/shop")
    await anna.wait_for("Shop")
    [number] = await attempts(seller, anna.id, 1)

    async def settle_and_fail() -> None:
        async with context(seller).work() as work:
            assert await settle(work, number, told(number, "succeeded"), "event") is Outcome.GRANTED
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await settle_and_fail()
    await seller.quiet()
    assert await seller.granted() == 0
    assert (await seller.newest()).status == "created"
    assert await seller.count(transitions) == 0
    assert seller.paid == []
    assert await one(seller, number, told(number, "succeeded")) is Outcome.GRANTED
    await anna.wait_for("Thank you!")


async def test_contradictions_change_nothing(seller: Any) -> None:
    """Another amount, shop, mode, number or an unknown payment: nothing moves, whatever else fits."""
    anna = seller.buyer()
    await anna.send("/shop")
    await anna.wait_for("Shop")
    [number] = await attempts(seller, anna.id, 1)
    for wrong in (
        {"amount_minor": 19899}, {"currency": "USD"}, {"account_id": "1"}, {"mode": "live"}, {"payment_id": "0"},
        {"order_id": "0193"}, {"bot": "another_bot"},
    ):  # fmt: skip
        assert await one(seller, number, told(number, "succeeded", **wrong)) is Outcome.MISMATCH
    assert await one(seller, 10**9, told(10**9, "succeeded")) is Outcome.MISMATCH
    assert (await seller.newest()).status == "created"
    assert await seller.count(transitions) == 0
    assert await seller.granted() == 0


async def test_a_hold_is_not_a_payment(seller: Any) -> None:
    """waiting_for_capture grants nothing; the capture does; going back is old news."""
    anna = seller.buyer()
    await anna.send("/shop")
    await anna.wait_for("Shop")
    [number] = await attempts(seller, anna.id, 1)
    assert await one(seller, number, told(number, "waiting_for_capture")) is Outcome.MOVED
    assert await seller.granted() == 0
    assert await one(seller, number, told(number, "pending")) is Outcome.SAME
    assert await one(seller, number, told(number, "succeeded")) is Outcome.GRANTED
    assert await one(seller, number, told(number, "waiting_for_capture")) is Outcome.SAME
    assert await one(seller, number, told(number, "canceled")) is Outcome.MISMATCH
    assert await seller.granted() == 1


async def test_an_abandoned_payment_is_not_mourned(seller: Any) -> None:
    """A link that nobody paid expires without a message an hour later."""
    anna = seller.buyer()
    await anna.send("/shop")
    await anna.wait_for("Shop")
    [number] = await attempts(seller, anna.id, 1)
    before = len(anna.messages)
    assert await one(seller, number, told(number, "canceled", reason="expired_on_confirmation")) is Outcome.MOVED
    await seller.quiet()
    assert len(anna.messages) == before


async def test_a_created_payment_of_another_shop_is_never_shown(seller: Any) -> None:
    """If the answer to a creation contradicts, the buyer gets no link and reads that cards do not work."""
    seller.yookassa.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "drop_after"}])
    anna = seller.buyer()
    await seller.choose_card(anna)
    await anna.wait_for("slow to answer")
    await seller.quiet()
    await seller.execute(update(payments).values(account_id="555", next_check_at=now()))
    await seller.job()
    await anna.wait_for("do not work right now")
    assert await seller.states(payments) == ["failed"]


async def test_a_plugin_whose_products_fail_is_left_out(sell: Any, caplog: Any) -> None:
    """The shop opens without it, and the log names the plugin."""
    async with sell(failing=True) as seller:
        assert context(seller).get(Shop).products == {}
        assert "astral_products of plugin 'sky' failed" in caplog.text
