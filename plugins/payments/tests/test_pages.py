"""What people read: history, support, terms, the return page; and their right to their data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from astral_payments.tables import entitlements, orders, payments

# What is not about the database is tried on one engine; the other one costs as much again.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_history_shows_every_payment(seller: Any) -> None:
    """/payments says what, when, how much and what came of it; a pending payment can be checked there."""
    anna = seller.buyer()
    await anna.send("/payments")
    await anna.wait_for("not bought anything yet")
    await seller.link(anna)
    await anna.send("/payments")
    page = await anna.wait_for("Your payments")
    assert "The whole sky" in page.text
    assert "\n199\u00a0₽ · waiting for the payment" in page.text
    assert "<b>" not in page.text
    await anna.press("Check payment 1")
    await seller.pay((await seller.newest()).confirmation_url)
    await anna.wait_for("Thank you!")
    await anna.send("/payments")
    page = await anna.wait_for("Your payments")
    assert "· paid" in page.text
    await seller.execute(update(payments).values(refunded_minor=100))
    await anna.send("/payments")
    assert "returned in part" in (await anna.wait_for("Your payments")).text


@on_sqlite
async def test_a_paid_link_is_closed_and_leads_on(seller: Any) -> None:
    """After the payment the card has no button to pay with; the thanks and an old «buy» lead to what was bought."""
    anna = seller.buyer()
    await seller.link(anna)
    card = anna.last
    await seller.pay((await seller.newest()).confirmation_url)
    thanks = await anna.wait_for("Thank you!")
    assert {"My payments", "‹ Menu"} <= set(thanks.buttons)
    [card] = [message for message in anna.messages if message.message_id == card.message_id]
    assert "✓ Paid" in card.text
    assert card.buttons == []
    await anna.send("/shop")
    await anna.wait_for("Shop")
    await anna.press("Buy")
    assert "My payments" in (await anna.wait_for("You already have")).buttons


@on_sqlite
async def test_an_unknown_number_is_named_to_the_owner(seller: Any) -> None:
    """/refund with a number that no payment has says so, and how it is written."""
    owner = seller.buyer("Owner", id=4242)
    await owner.send("/refund 99")
    answer = await owner.wait_for("There is no payment “99”.")
    assert "/refund number" in answer.text


@on_sqlite
async def test_russians_read_russian(seller: Any) -> None:
    """Every text of the way has its translation."""
    ivan = seller.buyer("Иван", language_code="ru")
    await ivan.send("/shop")
    await ivan.wait_for("Shop")
    await ivan.press("Buy")
    sheet = await ivan.wait_for("Как вам удобнее оплатить?")
    assert [row[0]["text"] for row in sheet.button_rows] == [
        "Звёзды Telegram · 150\u00a0⭐", "Банковская карта · 199\u00a0₽", "‹ Меню",
    ]  # fmt: skip
    await ivan.press("payments:pay/sky.full/yookassa")
    await ivan.wait_for("защищённую страницу ЮKassa")
    for command, words in (("/terms", "Условия покупки"), ("/paysupport", "Помощь с оплатой")):
        await ivan.send(command)
        await ivan.wait_for(words)
    await ivan.send("/payments")
    await ivan.wait_for("199\u00a0₽ · ожидает оплаты")


async def test_support_passes_words_on(seller: Any) -> None:
    """A buyer's words reach the admins, with markup escaped; a picture is asked for again in words."""
    owner, anna = seller.buyer("Owner", id=4242), seller.buyer("Anna <b>")
    await owner.send("/terms")
    await owner.wait_for("Terms of purchase")
    await anna.send("/paysupport")
    await anna.wait_for("Help with a payment")
    await anna.press("Write to us")
    await anna.wait_for("What happened?")
    await anna.send_location(1.0, 2.0)
    await anna.wait_for("in words")
    await anna.send("I paid <twice> & nothing came")
    await anna.wait_for("passed it on")
    message = await owner.wait_for("I paid")
    assert "I paid <twice> & nothing came" in message.text
    assert f"id {anna.id}" in message.text


@on_sqlite
async def test_a_forwarded_invoice_leads_to_ones_own(seller: Any) -> None:
    """The deep link of an invoice offers the product to whoever opens it."""
    boris = seller.buyer("Boris")
    await boris.send("/start payments-sky-full")
    await boris.wait_for("How do you want to pay?")
    await boris.send("/start payments-nothing")
    await boris.wait_for("no longer for sale")


@on_sqlite
async def test_forged_buttons_buy_nothing(seller: Any) -> None:
    """Callback data can be anything: unknown products and ways are refused politely."""
    eve = seller.buyer("Eve")
    for data in ("payments:buy/no.such", "payments:pay/sky.full/gold", "payments:pay/no.such/stars"):
        await eve.send("/shop")
        shop = await eve.wait_for("Shop")
        shop.button_rows[0][0]["callback_data"] = data
        await eve.press("Buy")
        await eve.wait_for(lambda message: "no longer for sale" in message.text or "not available" in message.text)
    assert await seller.count(orders) == 0


async def page(seller: Any, token: str, **headers: str) -> tuple[int, str, Any]:
    """Status, text and headers of the return page."""
    url = f"{seller.kit.url}/plugins/payments/return/{token}"
    async with seller.session.get(url, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers


@on_sqlite
async def test_the_return_page_tells_and_leads_back(seller: Any) -> None:
    """Pending, then paid; in the buyer's language; no scripts; a lost notification is no matter."""
    seller.yookassa.set_faults([{"where": "notification", "do": "lose", "times": None}])
    ivan = seller.buyer("Иван", language_code="ru")
    await ivan.send("/start payments-sky-full")
    await ivan.wait_for("Как вам удобнее оплатить?")
    await ivan.press("payments:pay/sky.full/yookassa")
    await ivan.wait_for("ЮKassa")
    payment = await seller.newest()
    status, text, headers = await page(seller, payment.return_token)
    assert status == 200
    assert "Ждём ответа банка" in text
    assert 'http-equiv="refresh"' in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "<script" not in text
    assert "style=" not in text
    await seller.quiet()
    await seller.pay(payment.confirmation_url)
    await seller.execute(update(payments).values(checks=1))
    async with seller.session.get(f"{seller.kit.url}/plugins/payments/return.css") as answer:
        assert answer.content_type == "text/css"
    while "Оплачено" not in text:
        _, text, _ = await page(seller, payment.return_token)
        await seller.quiet()
    assert "Всё небо" in text
    assert f"https://t.me/{seller.kit.running.bot.application.bot.username}" in text
    assert 'http-equiv="refresh"' not in text
    assert await seller.granted() == 1


@on_sqlite
async def test_an_unknown_token_is_a_polite_404(seller: Any) -> None:
    """A wrong link says nothing about anybody; the language is the browser's."""
    status, text, _ = await page(seller, "x" * 32, **{"Accept-Language": "ru-RU"})
    assert status == 404
    assert "Такого платежа нет" in text
    assert (await page(seller, "x%22%3E"))[0] == 404


@on_sqlite
async def test_titles_are_escaped_on_the_page(seller: Any) -> None:
    """A product's title is text, not markup."""
    anna = seller.buyer()
    await seller.link(anna)
    snapshot = json.dumps({"title": {"en": "<img src=x>"}, "prices": {"RUB": 19900}})
    await seller.execute(update(orders).values(snapshot=snapshot))
    _, text, _ = await page(seller, (await seller.newest()).return_token)
    assert "<img" not in text
    assert "&lt;img" in text


@pytest.mark.parametrize("path", ["export", "delete"])
async def test_people_own_their_data(seller: Any, path: str) -> None:
    """/mydata has the payments without secrets of ours; /forget takes back and keeps the fiscal minimum."""
    anna, boris = seller.buyer(), seller.buyer("Boris")
    await seller.pay(await seller.link(anna))
    await anna.wait_for("Thank you!")
    await seller.link(boris)
    await seller.quiet()
    if path == "export":
        files = await seller.kit.export(anna, plugin="payments")
        data = {name: json.loads(content) for name, content in files.items()}
        assert [row["amount_minor"] for row in data["payments/payments.json"]] == [19900]
        assert len(data["payments/orders.json"]) == len(data["payments/entitlements.json"]) == 1
        assert not {"return_token", "confirmation_url", "idempotence_key"} & set(data["payments/payments.json"][0])
        assert await seller.kit.export(seller.buyer("Nobody"), plugin="payments") == {}
        return
    assert await seller.kit.forget(anna, plugin="payments") == 2
    assert await seller.granted() == 0
    kept = await seller.rows(select(payments).order_by(payments.c.id))
    assert [(row.amount_minor, row.return_token is None) for row in kept] == [(19900, True), (19900, False)]
    assert (await seller.rows(select(entitlements.c.revoke_reason)))[0][0] == "forgotten"


@on_sqlite
async def test_every_command_is_in_the_help_and_the_menu_leads_there(seller: Any) -> None:
    """People see /payments, /paysupport, /terms; admins see /refund too; the menu has «My payments»."""
    owner, anna = seller.buyer("Owner", id=4242), seller.buyer()
    await anna.send("/help")
    page = await anna.wait_for("/paysupport")
    assert "/refund" not in page.text
    await owner.send("/help")
    await owner.wait_for("/refund")
    await anna.send("/start")
    await anna.wait_for()
    await anna.press("My payments")
    await anna.wait_for("not bought anything yet")
    await anna.press("Help with a payment")
    await anna.wait_for("We answer")
    await anna.press("Terms")
    await anna.wait_for("Terms of purchase")
