"""Buying through YooKassa: every way in which money, answers and notifications can go astray."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from astral_core import now
from astral_core.db.tables import core_inbox
from astral_payments import shop
from astral_payments.api import Price
from astral_payments.tables import entitlements, events, orders, payments, refunds, transitions
from astral_payments.web import MAX_BODY
from astral_playground.yookassa import Shop

# What is not about the database is tried on one engine; the other one costs as much again.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECRET = "test_very-secret-key"
POOR_CARD = "5555555555554600"


async def settled(seller: Any, anna: Any) -> None:
    """Exactly one grant, one event and one word of thanks."""
    await anna.wait_for("Thank you!")
    await seller.quiet()
    assert await seller.count(entitlements) == 1
    assert len(seller.paid) == 1
    assert len([m for m in anna.messages if "Thank you!" in m.text]) == 1


async def test_a_card_pays_from_button_to_product(seller: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Link, pay page, notification, product; and nothing secret in the log."""
    caplog.set_level(logging.DEBUG)
    anna = seller.buyer()
    url = await seller.link(anna)
    back = await seller.pay(url)
    await settled(seller, anna)
    payment = await seller.newest()
    assert (payment.status, payment.amount_minor, payment.currency, payment.mode) == (
        "succeeded",
        19900,
        "RUB",
        "test",
    )
    remote = seller.yookassa.bank.payments[payment.provider_ref]
    assert remote.metadata["payment_id"] == str(payment.id)
    assert set(remote.metadata) == {"payment_id", "order_id", "bot"}
    assert await seller.states(events) == ["done"]
    assert back == f"{seller.kit.url}/plugins/payments/return/{payment.return_token}"
    path = [
        (row.from_status, row.to_status) for row in await seller.rows(select(transitions).order_by(transitions.c.id))
    ]
    assert path == [("created", "pending"), ("pending", "succeeded")]
    assert SECRET not in caplog.text
    assert seller.kit.telegram.token not in caplog.text
    assert "Authorization" not in caplog.text


@on_sqlite
async def test_a_second_press_shows_the_same_link(seller: Any) -> None:
    """Buying again while a link is young makes neither a second order nor a second payment."""
    anna = seller.buyer()
    first = await seller.link(anna)
    assert await seller.link(anna) == first
    assert await seller.count(orders) == 1
    assert len(seller.yookassa.bank.payments) == 1


async def test_a_double_tap_creates_one_payment(seller: Any) -> None:
    """Two presses at once: one payment at YooKassa."""
    anna = seller.buyer()
    await seller.choose_card(anna)
    second = await anna.press("payments:pay/sky.full/yookassa")
    await anna.wait_until(second.done.is_set)
    await anna.wait_for("The button opens")
    await seller.quiet()
    assert len(seller.yookassa.bank.payments) == 1
    assert await seller.count(payments) == 1


@on_sqlite
async def test_a_declined_card_is_told_and_can_be_replaced(seller: Any) -> None:
    """The buyer reads why, nothing is granted, and a second attempt of the same order succeeds."""
    anna = seller.buyer()
    await seller.pay(await seller.link(anna), POOR_CARD)
    sorry = await anna.wait_for("did not go through")
    assert "not enough money" in sorry.text
    await seller.quiet()
    assert await seller.granted() == 0
    await seller.pay(await seller.link(anna))
    await settled(seller, anna)
    assert await seller.count(orders) == 1
    assert await seller.states(payments) == ["canceled", "succeeded"]


async def test_duplicate_notifications_grant_once(seller: Any) -> None:
    """Three copies of a notification at once, and one more later: one event row, one grant."""
    seller.yookassa.set_faults([{"where": "notification", "do": "duplicate", "copies": 3}])
    anna = seller.buyer()
    await seller.pay(await seller.link(anna))
    await settled(seller, anna)
    payment = await seller.newest()
    seller.yookassa.notifier.redeliver(payment.provider_ref, "payment.succeeded")
    await seller.quiet()
    row = (await seller.rows(select(events)))[0]
    assert (row.seen, row.state) == (4, "done")
    assert await seller.count(entitlements) == 1


def notification(payment_ref: str, number: int, **changes: Any) -> dict[str, Any]:
    """A notification that says: paid."""
    subject = {
        "id": payment_ref,
        "status": "succeeded",
        "paid": True,
        "amount": {"value": "199.00", "currency": "RUB"},
        "metadata": {"payment_id": str(number)},
    } | changes
    return {"type": "notification", "event": "payment.succeeded", "object": subject}


@on_sqlite
async def test_a_forged_success_of_an_unpaid_payment_grants_nothing(seller: Any) -> None:
    """A body that says «paid» is a hint: YooKassa itself says «pending»."""
    anna = seller.buyer()
    await seller.link(anna)
    payment = await seller.newest()
    assert await seller.notify(notification(payment.provider_ref, payment.id)) == 200
    await seller.quiet()
    assert await seller.granted() == 0
    assert (await seller.newest()).status == "pending"


@on_sqlite
async def test_a_cheap_payment_cannot_pay_an_expensive_order(seller: Any) -> None:
    """A real cheap payment with a forged body, also with metadata that names the expensive one, grants nothing."""
    anna, eve = seller.buyer(), seller.buyer("Eve")
    await seller.link(anna)
    target = await seller.newest()
    await seller.link(eve)
    cheap = await seller.newest()
    remote = seller.yookassa.bank.payments[cheap.provider_ref]
    remote.amount = 100
    seller.yookassa.notifier.settings = seller.yookassa.notifier.settings.model_copy(update={"url": None})
    await seller.pay(remote.confirmation_url)
    assert await seller.notify(notification(cheap.provider_ref, target.id)) == 200
    await seller.quiet()
    assert await seller.granted() == 0
    assert await seller.states(events) == ["dead"]
    remote.metadata["payment_id"] = str(target.id)
    assert await seller.notify(notification(cheap.provider_ref, target.id, amount={"value": "200.00"})) == 200
    await seller.quiet()
    assert await seller.granted() == 0
    assert await seller.states(events) == ["dead", "dead"]
    assert await seller.states(payments) == ["pending", "pending"]


@on_sqlite
async def test_a_payment_of_another_program_is_left_alone(seller: Any) -> None:
    """A payment of the same shop that this bot never made is an orphan, whatever number its metadata has."""
    bank, shop = seller.yookassa.bank, seller.yookassa.shops["100500"]
    anna = seller.buyer()
    await seller.link(anna)
    ours = await seller.newest()
    template = bank.payments[ours.provider_ref]
    foreign = type(template)(
        id="2d036654-000f-5000-8000-000000000777", order=777, shop=shop, amount=19900, capture=True,
        return_url="https://shop.example", confirmation_url="http://127.0.0.1/x", created_at=template.created_at,
        description="website", metadata={"payment_id": "999999"},
    )  # fmt: skip
    bank.payments[foreign.id] = foreign
    bank.pay(foreign)
    await seller.quiet()
    assert await seller.states(events) == ["orphan"]
    assert await seller.granted() == 0


@on_sqlite
async def test_another_shop_and_another_mode_are_refused(seller: Any) -> None:
    """A payment that YooKassa books for another shop grants nothing."""
    anna = seller.buyer()
    url = await seller.link(anna)
    await seller.execute(update(payments).values(account_id="555"))
    await seller.pay(url)
    await seller.quiet()
    assert await seller.granted() == 0
    await seller.execute(update(payments).values(account_id="100500", mode="live"))
    assert await seller.notify(notification((await seller.newest()).provider_ref, 1, paid=False, status="x")) == 200
    await seller.quiet()
    assert await seller.granted() == 0
    assert await seller.states(events) == ["dead", "dead"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"no json", b"[]", b"{}", b'{"type": "notification"}', b"\xff\xfe",
        json.dumps(notification("../me", 1)).encode(),
        json.dumps(notification("x" * 65, 1)).encode(),
        json.dumps(notification("", 1)).encode(),
        json.dumps({**notification("2d03", 1), "event": 5}).encode(),
        json.dumps({**notification("2d03", 1, payment_id="../me"), "event": "refund.succeeded"}).encode(),
        b"[" * 30000,
    ],
)  # fmt: skip
async def test_malformed_notifications_are_refused(sell: Any, body: bytes) -> None:
    """What is no notification gets 400 and leaves nothing behind."""
    async with sell() as seller:
        assert await seller.notify(body) == 400
        assert await seller.count(events) == 0


@on_sqlite
async def test_a_long_or_foreign_notification(seller: Any) -> None:
    """64 KiB is the limit; unknown kinds of events are taken and dropped; an unknown id is kept and looked into."""
    assert await seller.notify(b" " * (MAX_BODY + 1)) == 413
    assert await seller.notify({**notification("2d03", 1), "event": "payout.succeeded"}) == 200
    assert await seller.count(events) == 0
    assert await seller.notify(notification("2d03", 1)) == 200
    await seller.quiet()
    for _ in range(3):
        await seller.execute(update(events).values(next_try_at=now()))
        await seller.job()
    assert await seller.states(events) == ["dead"]


async def test_a_notification_is_not_acknowledged_without_the_database(seller: Any) -> None:
    """No table, no 200: YooKassa comes again."""
    from sqlalchemy import text

    await seller.execute(text("ALTER TABLE payments_events RENAME TO payments_events_gone"))
    assert await seller.notify(notification("2d03", 1)) == 503
    await seller.execute(text("ALTER TABLE payments_events_gone RENAME TO payments_events"))
    assert await seller.notify(notification("2d03", 1)) == 200
    assert await seller.count(events) == 1


async def test_the_notification_comes_before_the_answer(seller: Any) -> None:
    """A payment that is settled while its creation is still being answered: found by our number, granted once."""
    seller.yookassa.set_faults(
        [
            {"where": "notification", "do": "before_response"},
            {"where": "api", "match": {"method": "POST", "path": "/payments$"}, "do": "drop_after"},
        ]
    )
    anna = seller.buyer()
    await seller.choose_card(anna)
    await anna.wait_for("slow to answer")
    await seller.quiet()
    row = await seller.newest()
    assert (row.status, row.provider_ref) == ("unknown", None)
    [remote] = seller.yookassa.bank.payments.values()
    await seller.pay(remote.confirmation_url)
    await settled(seller, anna)
    assert (await seller.newest()).provider_ref == remote.id


async def test_a_lost_answer_is_asked_again_with_the_same_key(seller: Any) -> None:
    """YooKassa created the payment, the answer was lost: the same key finds it, there is no second payment."""
    seller.yookassa.set_faults(
        [{"where": "api", "match": {"method": "POST", "path": "/payments$"}, "do": "drop_after", "times": 2}]
    )
    anna = seller.buyer()
    await seller.choose_card(anna)
    await anna.wait_for("slow to answer")
    await seller.quiet()
    for _ in range(2):
        await seller.execute(update(payments).values(next_check_at=now()))
        await seller.job()
    message = await anna.wait_for("The button opens")
    assert len(seller.yookassa.bank.payments) == 1
    await seller.pay(message.button_rows[0][0]["url"])
    await settled(seller, anna)


@on_sqlite
async def test_after_23_hours_a_lost_creation_is_looked_for_not_repeated(seller: Any) -> None:
    """An old key would make a second payment: the list is read instead, and the payment found by our number."""
    seller.yookassa.set_faults(
        [{"where": "api", "match": {"method": "POST", "path": "/payments$"}, "do": "drop_after"}]
    )
    anna = seller.buyer()
    await seller.choose_card(anna)
    await anna.wait_for("slow to answer")
    await seller.quiet()
    [remote] = seller.yookassa.bank.payments.values()
    seller.yookassa.set_faults([{"where": "notification", "do": "lose"}])
    seller.yookassa.bank.pay(remote)
    remote.created_at -= timedelta(hours=24)
    await seller.execute(update(payments).values(created_at=now() - timedelta(hours=24), next_check_at=now()))
    await seller.job()
    await settled(seller, anna)
    assert len(seller.yookassa.bank.payments) == 1


@on_sqlite
async def test_a_clock_that_was_set_back_holds_up_no_payment(seller: Any) -> None:
    """Nobody tells of the payment, and by the row the next look is more than an hour away: it is taken now."""
    seller.yookassa.set_faults([{"where": "notification", "do": "lose"}])
    anna = seller.buyer()
    await seller.pay(await seller.link(anna))
    await seller.quiet()
    hour = timedelta(hours=1)
    late = {"created_at": now() + hour, "next_check_at": now() + hour + timedelta(minutes=5)}
    await seller.execute(update(payments).values(**late))
    await seller.job()
    await settled(seller, anna)


@on_sqlite
async def test_a_payment_that_never_was_ends_after_23_hours(seller: Any) -> None:
    """Neither created nor found: the attempt is closed, nothing is created late, a new attempt is possible."""
    seller.yookassa.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "drop_before"}])
    anna = seller.buyer()
    await seller.choose_card(anna)
    await anna.wait_for("slow to answer")
    await seller.quiet()
    await seller.execute(update(payments).values(created_at=now() - timedelta(hours=24), next_check_at=now()))
    await seller.job()
    assert await seller.states(payments) == ["failed"]
    assert len(seller.yookassa.bank.payments) == 0
    await seller.pay(await seller.link(anna))
    await settled(seller, anna)


@on_sqlite
async def test_a_refused_creation_offers_another_way(seller: Any) -> None:
    """YooKassa says no: the buyer is told that nothing was charged, and Stars are offered."""
    seller.yookassa.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "status", "http": 403}])
    anna = seller.buyer()
    await seller.choose_card(anna)
    await anna.wait_for("do not work right now")
    await anna.press("payments:pay/sky.full/stars")
    await anna.wait_for(lambda message: message.invoice is not None)
    assert await seller.states(payments) == ["failed"]


async def test_a_lost_notification_is_found_by_the_reconciliation(seller: Any) -> None:
    """No notification ever comes: the next look at YooKassa settles the payment."""
    seller.yookassa.set_faults([{"where": "notification", "do": "lose"}])
    anna = seller.buyer()
    await seller.pay(await seller.link(anna))
    await seller.quiet()
    assert await seller.granted() == 0
    await seller.execute(update(payments).values(next_check_at=now()))
    await seller.job()
    await settled(seller, anna)
    assert [row.cause for row in await seller.rows(select(transitions).order_by(transitions.c.id))][-1] == "poll"


@on_sqlite
async def test_a_hundred_presses_are_one_question_to_yookassa(seller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """«I have paid» asks at once, then not again for some seconds; each press is answered, each buyer's alone."""
    client = seller.kit.context("payments").get(shop.Shop).quick
    asked: list[str] = []

    async def counted(ref: str, get: Any = client.get_payment) -> Any:
        asked.append(ref)
        return await get(ref)

    monkeypatch.setattr(client, "get_payment", counted)
    anna, boris = seller.buyer(), seller.buyer("Boris")
    for buyer in (anna, boris):
        await seller.link(buyer)
        for _ in range(8):
            await buyer.wait_answer(await buyer.press("I have paid"))
        assert len(set(asked)) == len(asked)
        assert "do not see the payment yet" in buyer.toasts[-8]
        assert all("just looked" in toast for toast in buyer.toasts[-7:])
    assert len(asked) == 2


@on_sqlite
async def test_the_button_settles_too(seller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """«I have paid» looks at YooKassa at once: first nothing, then the product; only the buyer may press it."""
    monkeypatch.setattr(shop, "LOOK_EVERY", 0.0)  # the buyer was away for a while
    seller.yookassa.set_faults([{"where": "notification", "do": "lose", "times": None}])
    anna, eve = seller.buyer(), seller.buyer("Eve")
    url = await seller.link(anna)
    payment = await seller.newest()
    await anna.wait_answer(await anna.press("I have paid"))
    assert "do not see the payment yet" in anna.toasts[-1]
    await seller.pay(url)
    await eve.send("/shop")
    opened = await eve.wait_for("Shop")
    opened.button_rows[0][0]["callback_data"] = f"payments:check/{payment.id}"
    await eve.wait_answer(await eve.press("Buy"))
    assert "do not know" in eve.toasts[-1]
    assert await seller.granted() == 0
    await anna.wait_answer(await anna.press("I have paid"))
    await settled(seller, anna)
    assert anna.toasts[-1] == "Paid. Thank you!"


async def test_the_bot_restarts_between_payment_and_notification(seller: Any) -> None:
    """A payment while the bot is down is settled by the reconciliation when it is back."""
    anna = seller.buyer()
    url = await seller.link(anna)
    await seller.quiet()
    await seller.kit.stop()
    await seller.pay(url)
    await seller.yookassa.idle()
    await seller.kit.start()
    await seller.execute(update(payments).values(next_check_at=now()))
    await seller.job()
    await settled(seller, anna)


async def test_everything_at_once_grants_once(seller: Any) -> None:
    """Notification, return page, poll and button race: one grant, one event, one word of thanks."""
    seller.yookassa.set_faults([{"where": "notification", "do": "duplicate", "copies": 5}])
    anna = seller.buyer()
    back = await seller.pay(await seller.link(anna))
    await seller.execute(update(payments).values(next_check_at=now()))

    async def look() -> None:
        async with seller.session.get(back) as answer:
            assert answer.status == 200

    await asyncio.gather(look(), look(), seller.job(), anna.press("I have paid"))
    await seller.quiet()
    assert await seller.count(entitlements) == 1
    assert len(seller.paid) == 1
    assert len([m for m in anna.messages if "Thank you!" in m.text]) == 1


async def test_stars_and_card_for_one_order_grant_once(seller: Any) -> None:
    """Who pays in both ways gets the product once and the second payment back."""
    anna = seller.buyer()
    invoice = await seller.invoice(anna)
    url = await seller.link(anna)
    await anna.pay(invoice)
    await anna.wait_for("Thank you!")
    await seller.pay(url)
    await anna.wait_for("I have returned")
    await seller.quiet()
    assert await seller.granted() == 1
    assert await seller.states(refunds) == ["succeeded"]
    [remote] = seller.yookassa.bank.refunds.values()
    assert remote.amount == 19900
    assert seller.revoked == []
    assert await seller.states(orders) == ["paid"]


async def test_a_lost_refund_answer_makes_one_refund(seller: Any) -> None:
    """The refund's answer is lost: the same key, one refund at YooKassa."""
    admin, anna = seller.buyer("Owner", id=4242), seller.buyer()
    await seller.pay(await seller.link(anna))
    await settled(seller, anna)
    seller.yookassa.set_faults(
        [{"where": "api", "match": {"method": "POST", "path": "/refunds$"}, "do": "drop_after"}]
    )
    await admin.send(f"/refund {(await seller.newest()).id}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    await seller.execute(update(refunds).values(next_try_at=now()))
    await seller.job()
    assert len(seller.yookassa.bank.refunds) == 1
    assert await seller.states(refunds) == ["succeeded"]
    assert len(seller.revoked) == 1
    assert await seller.granted() == 0


async def test_a_refund_in_the_cabinet_takes_the_product_back(seller: Any) -> None:
    """A refund that the bot never asked for is learned from its notification; a part of it takes nothing back."""
    from astral_playground.yookassa import checks

    anna = seller.buyer()
    await seller.pay(await seller.link(anna))
    await settled(seller, anna)
    bank, row = seller.yookassa.bank, await seller.newest()
    remote = bank.payment(row.provider_ref)
    for value, left in (("50.00", 1), ("149.00", 0)):
        asked = checks.refund({"payment_id": remote.id, "amount": {"value": value, "currency": "RUB"}})
        bank.create_refund(remote, asked)
        await seller.quiet()
        assert await seller.granted() == left
    assert len(seller.revoked) == 1
    assert await seller.states(orders) == ["refunded"]
    await anna.wait_for("I have returned")


async def lanes(seller: Any, step: str) -> list[int]:
    """In which lanes a step was done."""
    query = select(core_inbox.c.lane).where(core_inbox.c.ext_id.startswith(f"payments.{step}:"))
    return [row.lane for row in await seller.rows(query.order_by(core_inbox.c.seq))]


async def test_work_about_one_payment_has_a_lane_of_its_own(seller: Any) -> None:
    """Its notifications, looks and refund are done in order; nobody's chat and no other payment waits for them."""
    admin, anna, boris = seller.buyer("Owner", id=4242), seller.buyer(), seller.buyer("Boris")
    for buyer in (anna, boris):
        await seller.pay(await seller.link(buyer))
        await buyer.wait_for("Thank you!")
        await seller.quiet()
    await admin.send("/refund 1")
    await anna.wait_for("I have returned")
    await seller.quiet()
    annas, boriss, refunded = await lanes(seller, "process_notification")
    assert await lanes(seller, "pay_back") == [annas] == [refunded]
    assert len({annas, boriss, admin.id, anna.id, boris.id}) == 5


@on_sqlite
async def test_late_money_wins_over_an_expired_order(seller: Any) -> None:
    """Prices changed while the payer was at the bank: the old price was agreed on, so it counts."""
    anna = seller.buyer()
    url = await seller.link(anna)
    await seller.execute(update(orders).values(status="expired"))
    await seller.pay(url)
    await settled(seller, anna)
    assert await seller.states(orders) == ["paid"]


async def test_credentials_are_checked_at_the_start(sell: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong key is an error in the log that shows no key; a live key never goes to an emulator."""
    from astral_core.errors import PluginLoadError

    async with sell(yookassa_secret_key="test_other-secret-key"):
        assert "check yookassa_shop_id and yookassa_secret_key" in caplog.text
    assert "other-secret-key" not in caplog.text
    for wrong in ({"yookassa_secret_key": "live_key-of-real-money"}, {"yookassa_secret_key": None}):
        with pytest.raises(PluginLoadError) as error:
            async with sell(**wrong):
                pass
        assert "real-money" not in str(error.value)


async def test_digital_goods_for_roubles_are_warned_about(sell: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The owner is told of Telegram's terms at the start, and of products that nobody can buy."""
    async with sell():
        assert "at your own risk" in caplog.text
    caplog.clear()
    async with sell(prices=[Price("RUB", 100)], yookassa_secret_key=None, yookassa_shop_id=None):
        assert "cannot be bought" in caplog.text
        assert "at your own risk" not in caplog.text
    assert Shop().secret_key not in caplog.text
