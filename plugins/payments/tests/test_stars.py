"""Buying for Telegram Stars, from the button to the product and back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text, update

from astral_core import now
from astral_core.db.tables import core_inbox
from astral_core.inbox import express
from astral_payments.api import PaymentsApi, Price
from astral_payments.handlers.stars import order_id_of
from astral_payments.shop import Shop
from astral_payments.tables import entitlements, orders, payments, refunds, transitions
from astral_playground.telegram import checkout

# What is not about the database is tried on one engine; the other one costs as much again.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_stars_from_button_to_product(seller: Any) -> None:
    """A paid invoice grants the product once, emits one event, and the buyer reads thanks with a next step."""
    anna = seller.buyer()
    invoice = await seller.invoice(anna)
    assert invoice.invoice.total_amount == 150
    assert invoice.invoice.start_parameter == "payments-sky-full"
    outcome = await anna.pay(invoice)
    assert outcome.status == "paid"
    thanks = await anna.wait_for("Thank you!")
    assert "150" in thanks.text
    assert "The whole sky" in thanks.text
    await anna.press("Open")
    await anna.wait_for("All of the sky")
    await seller.quiet()
    assert await seller.granted() == 1
    assert [(event.user_id, event.product) for event in seller.paid] == [(anna.id, "sky.full")]
    payment = await seller.newest()
    assert (payment.status, payment.amount_minor, payment.currency) == ("succeeded", 150, "XTR")
    assert payment.provider_ref == outcome.charge_id
    assert [row.cause for row in await seller.rows(select(transitions))] == ["update"]
    async with seller.kit.context("sky").work() as work:
        api = work.get(PaymentsApi)
        assert await api.has(work.session, anna.id, "sky.full")
        assert not await api.has(work.session, anna.id + 1, "sky.full")
    assert api.product("sky.full").price("XTR") == Price("XTR", 150)
    assert api.product("sky.broken") is None


@on_sqlite
async def test_a_refund_that_is_reported_in_a_group_is_told_to_the_buyer_alone(seller: Any) -> None:
    """Money is handled wherever Telegram speaks of it, and spoken of in the private chat."""
    anna, kit = seller.buyer(), seller.kit
    invoice = await seller.invoice(anna)
    outcome = await anna.pay(invoice)
    await anna.wait_for("Thank you!")
    fact = {"currency": "XTR", "total_amount": 150, "invoice_payload": invoice.invoice.payload,
            "telegram_payment_charge_id": outcome.charge_id}  # fmt: skip
    message = {"message_id": 5, "date": 1, "chat": {"id": -1001, "type": "supergroup", "title": "Friends"},
               "from": {"id": anna.id, "is_bot": False, "first_name": "Anna"}, "refunded_payment": fact}  # fmt: skip
    headers = {"X-Telegram-Bot-Api-Secret-Token": kit.secret}
    update = {"update_id": 900_001, "message": message}
    async with seller.session.post(f"{kit.url}/webhook/telegram", json=update, headers=headers) as answer:
        assert answer.status == 200
    await anna.wait_for("I have returned")
    assert [call for call in kit.calls() if (call.chat_id or 0) < 0] == []


@on_sqlite
async def test_an_owned_product_is_not_sold_again(seller: Any) -> None:
    """Who has the product is told so, in the chat and at the old invoice."""
    anna = seller.buyer()
    invoice = await seller.invoice(anna)
    await anna.pay(invoice)
    await anna.wait_for("Thank you!")
    again = await anna.pay(invoice)
    assert again.status == "failed"
    assert "paid for this already" in again.error
    await anna.send("/shop")
    await anna.wait_for("Shop")
    await anna.press("Buy")
    await anna.wait_for("You already have")
    assert anna.stars == 850


@on_sqlite
async def test_an_invoice_of_what_is_owned_by_another_order_is_declined(seller: Any) -> None:
    """The price changed between a card's link and an invoice, both are paid: nothing is charged for the second."""
    anna = seller.buyer()
    url = await seller.link(anna)
    shop = seller.kit.context("payments").get(Shop)
    dearer = (Price("XTR", 200), Price("RUB", 29900))
    shop.products["sky.full"] = replace(shop.products["sky.full"], prices=dearer)
    invoice = await seller.invoice(anna)
    await seller.pay(url)
    await anna.wait_for("Thank you!")
    await seller.quiet()
    assert await seller.states(orders) == ["open", "paid"]
    outcome = await anna.pay(invoice)
    assert outcome.status == "failed"
    assert "paid for this already" in outcome.error
    assert anna.stars == 1000
    assert await seller.count(payments) == 1


async def test_a_double_tap_makes_one_order_and_one_invoice(seller: Any) -> None:
    """Two presses at once open one order and send one invoice."""
    anna = seller.buyer()
    await seller.choose(anna)
    first = await anna.press("payments:pay/sky.full/stars")
    second = await anna.press("payments:pay/sky.full/stars")
    await anna.wait_until(lambda: first.done.is_set() and second.done.is_set())
    await seller.quiet()
    assert await seller.count(orders) == 1
    assert len([message for message in anna.messages if message.invoice is not None]) == 1


async def test_two_payments_of_one_order_grant_once_and_one_is_returned(seller: Any) -> None:
    """Money that comes twice for one order: one product, one automatic refund, the first product stays."""
    anna = seller.buyer()
    invoice = await seller.invoice(anna)
    world = seller.kit.telegram.world
    first = checkout._settle(world, world.users[anna.id], invoice.invoice)
    second = checkout._settle(world, world.users[anna.id], invoice.invoice)
    await anna.wait_for("I have returned")
    await seller.quiet()
    assert first.charge_id != second.charge_id
    assert await seller.granted() == 1
    assert await seller.count(entitlements) == 1
    assert len(seller.paid) == 1
    assert seller.revoked == []
    assert await seller.states(refunds) == ["succeeded"]
    assert await seller.states(orders) == ["paid"]
    assert sorted(row.refunded_minor for row in await seller.rows(select(payments))) == [0, 150]
    assert anna.stars == 850
    assert len([m for m in anna.messages if "Thank you!" in m.text]) == 1
    assert len([m for m in anna.messages if "I have returned" in m.text]) == 1


async def test_a_repeated_update_settles_once(seller: Any) -> None:
    """Telegram delivers every update twice: one payment row, one grant."""
    seller.kit.telegram.switch(duplicate_every=1)
    anna = seller.buyer()
    await anna.pay(await seller.invoice(anna))
    await anna.wait_for("Thank you!")
    await seller.quiet()
    assert await seller.count(payments) == 1
    assert await seller.count(entitlements) == 1


@on_sqlite
async def test_another_user_cannot_pay_the_invoice(seller: Any) -> None:
    """Somebody else's invoice is declined before any money moves; the reason is in the payer's language."""
    anna, boris = seller.buyer(), seller.buyer("Boris", language_code="ru")
    invoice = await seller.invoice(anna)
    outcome = await checkout.pay(seller.kit.telegram.world, boris.user, invoice.invoice)
    assert outcome.status == "failed"
    assert "другому человеку" in outcome.error
    assert boris.stars == 1000


@on_sqlite
async def test_a_changed_price_declines_the_old_invoice(seller: Any) -> None:
    """An invoice from before a price change cannot be paid; a new one can, under a new order."""
    anna = seller.buyer()
    old = await seller.invoice(anna)
    shop = seller.kit.context("payments").get(Shop)
    dearer = (Price("XTR", 200), Price("RUB", 19900))
    shop.products["sky.full"] = replace(shop.products["sky.full"], prices=dearer)
    outcome = await anna.pay(old)
    assert outcome.status == "failed"
    assert "out of date" in outcome.error
    new = await seller.invoice(anna)
    assert (await anna.pay(new)).status == "paid"
    await anna.wait_for("Thank you!")
    assert await seller.states(orders) == ["expired", "paid"]


@on_sqlite
async def test_a_foreign_payload_is_returned(seller: Any) -> None:
    """Stars for an order that does not exist are kept in the books and given back."""
    anna = seller.buyer()
    invoice = (await seller.invoice(anna)).invoice
    invoice.payload = "payments:00000000-0000-4000-8000-000000000000"
    assert (await anna.pay()).status == "failed"
    world = seller.kit.telegram.world
    checkout._settle(world, world.users[anna.id], invoice)
    await anna.wait_for("I have returned")
    await seller.quiet()
    assert anna.stars == 1000
    assert await seller.granted() == 0
    assert [row.reason for row in await seller.rows(select(refunds))] == ["no_order"]


@on_sqlite
async def test_a_wrong_amount_or_payer_is_returned(seller: Any) -> None:
    """What the pre-checkout would have declined is declined at the settlement too."""
    anna, boris = seller.buyer(), seller.buyer("Boris")
    invoice = (await seller.invoice(anna)).invoice
    await boris.send("/start")
    await boris.wait_for()
    world = seller.kit.telegram.world
    checkout._settle(world, world.users[boris.id], invoice)
    await boris.wait_for("I have returned")
    invoice.total_amount = 1
    checkout._settle(world, world.users[anna.id], invoice)
    await anna.wait_for("I have returned")
    await seller.quiet()
    assert await seller.granted() == 0
    assert sorted(row.reason for row in await seller.rows(select(refunds))) == ["other_price", "other_user"]
    assert (anna.stars, boris.stars) == (1000, 1000)


async def test_an_admin_returns_a_payment(seller: Any) -> None:
    """/refund gives the stars back, takes the product back, emits one event; the product can be bought again."""
    admin, anna = seller.buyer("Owner", id=4242), seller.buyer()
    await anna.pay(await seller.invoice(anna))
    await anna.wait_for("Thank you!")
    order = (await seller.rows(select(orders)))[0]
    await anna.send(f"/refund {order.id}")
    await anna.wait_for()
    await seller.quiet()
    assert await seller.count(refunds) == 0
    await admin.send(f"/refund {order.id}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    assert anna.stars == 1000
    assert await seller.granted() == 0
    assert [event.order_id for event in seller.revoked] == [str(order.id)]
    assert await seller.states(orders) == ["refunded"]
    await admin.send(f"/refund {order.id}")
    await admin.wait_for("cannot be returned")
    await anna.pay(await seller.invoice(anna))
    await anna.wait_for("Thank you!")
    await seller.quiet()
    assert await seller.granted() == 1


@on_sqlite
async def test_money_for_a_returned_order_goes_back(seller: Any) -> None:
    """An old invoice of an order that was given back is paid once more: no product, the money returns."""
    admin, anna = seller.buyer("Owner", id=4242), seller.buyer()
    invoice = await seller.invoice(anna)
    await anna.pay(invoice)
    await anna.wait_for("Thank you!")
    await admin.send(f"/refund {(await seller.newest()).id}")
    await anna.wait_for("I have returned")
    await seller.quiet()
    world = seller.kit.telegram.world
    checkout._settle(world, world.users[anna.id], invoice.invoice)
    await anna.wait_until(lambda: len([m for m in anna.messages if "I have returned" in m.text]) == 2)
    await seller.quiet()
    assert anna.stars == 1000
    assert await seller.granted() == 0
    assert await seller.states(orders) == ["refunded"]
    assert await seller.states(refunds) == ["succeeded", "succeeded"]


@on_sqlite
async def test_a_lost_refund_answer_is_asked_again(seller: Any) -> None:
    """Telegram's answer to the refund is lost: the next try learns that it was done, and counts it once."""
    admin, anna = seller.buyer("Owner", id=4242), seller.buyer()
    await anna.pay(await seller.invoice(anna))
    await anna.wait_for("Thank you!")
    seller.kit.telegram.fail("refundStarPayment", "timeout", times=1, delay=0.1)
    await admin.send(f"/refund {(await seller.newest()).id}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    await seller.execute(update(refunds).values(next_try_at=now()))
    await seller.job()
    assert await seller.states(refunds) == ["succeeded"]
    assert anna.stars == 1000
    assert len(seller.revoked) == 1


async def test_stars_alone_go_straight_to_the_invoice(sell: Any) -> None:
    """Where there is one way to pay, nobody is asked which."""
    async with sell(prices=[Price("XTR", 5)]) as seller:
        anna = seller.buyer(language_code="ru")
        await anna.send("/shop")
        await anna.wait_for("Shop")
        await anna.press("Buy")
        invoice = await anna.wait_for(lambda message: message.invoice is not None)
        assert invoice.invoice.title == "Всё небо"
        await anna.pay(invoice)
        await anna.wait_for("Спасибо!")


async def test_the_bot_restarts_between_payment_and_update(seller: Any) -> None:
    """A payment that Telegram reports while the bot is down is settled when it is back."""
    anna = seller.buyer()
    invoice = await seller.invoice(anna)
    await seller.kit.stop()
    world = seller.kit.telegram.world
    checkout._settle(world, world.users[anna.id], invoice.invoice)
    async with asyncio.timeout(10):
        while not any(one.deliveries for one in world.updates.pending.values()):  # noqa: ASYNC110  # a try in vain
            await asyncio.sleep(0.002)
    await seller.kit.start()
    seller.kit.telegram.retry()
    await anna.wait_for("Thank you!")
    await seller.quiet()
    assert await seller.granted() == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("language", "sorry"), [("en", "You were not charged"), ("ru", "Деньги не списаны")])
async def test_a_locked_database_declines_in_time(
    seller: Any, language: str, sorry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buyer reads that nothing was charged while shop and inbox are still locked, and can pay afterwards."""
    anna = seller.buyer()
    invoice = await seller.invoice(anna)
    anna.user.language_code = language
    monkeypatch.setattr(express, "LIFE", 1.0)
    engine = seller.kit.running.database.engine
    waiting = select(core_inbox.c.seq).where(core_inbox.c.express, core_inbox.c.state == 0)
    async with engine.connect() as shop, engine.connect() as inbox:
        await shop.execute(text("LOCK TABLE payments_orders IN ACCESS EXCLUSIVE MODE"))
        paying = asyncio.create_task(anna.pay(invoice))
        while not await seller.rows(waiting):  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.005)
        await inbox.execute(text("LOCK TABLE core_inbox IN EXCLUSIVE MODE"))
        outcome = await paying
        assert outcome.status == "failed"
        assert sorry in outcome.error
        await inbox.rollback()
        await shop.rollback()
    await seller.quiet()
    assert anna.stars == 1000
    monkeypatch.undo()
    assert (await anna.pay(invoice)).status == "paid"


def test_payloads_of_others_name_no_order() -> None:
    """Whatever stands in a payload is read without an error."""
    assert order_id_of("payments:") is None
    assert order_id_of("payments:1; DROP TABLE payments") is None
    assert str(order_id_of("payments:00000000-0000-4000-8000-000000000000")).startswith("0000")
