"""The main road: from /start to the full reading, by Stars and by card, over real HTTP and a real database."""

from __future__ import annotations

import re

import aiohttp
import pytest


def photos(user):
    """The pictures that the bot has sent to a user."""
    return [message for message in user.messages if message.sender == "bot" and "photo" in message.content]


def reading(user):
    """The messages of the full reading."""
    return [message for message in user.messages if message.sender == "bot" and len(message.text) > 1500]


async def fill_profile(user, place_button: str = "Москва, Россия") -> None:
    """Answer the wizard: 15.06.1990, 14:30, Moscow."""
    await user.wait_for(lambda message: "15.06.1990" in message.text)
    await user.send("15.06.1990")
    await user.wait_for(lambda message: "14:30" in message.text)
    await user.send("14:30")
    await choose_place(user, place_button)


async def choose_place(user, place_button: str = "Москва, Россия") -> None:
    """Answer the wizard's last question with Moscow, and confirm all."""
    await user.wait_for(lambda message: "55." in message.text or "51." in message.text)
    await user.send("Москва")
    card = await user.wait_for(lambda message: any(place_button in button for button in message.buttons))
    await user.press(next(button for button in card.buttons if place_button in button))
    card = await user.wait_for(lambda message: any(button.startswith("✓") for button in message.buttons))
    await user.press(next(button for button in card.buttons if button.startswith("✓")))


async def pay_by_card(url: str, card: str = "5555555555554444") -> int:
    """Open YooKassa's pay page as a browser would and pay with a test card; the last page's status."""
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url) as page:
            body = await page.text()
            assert "199,00" in body or "199.00" in body
        async with browser.post(url, data={"preset": card}) as paid:
            return paid.status


async def buy(user, full: str) -> None:
    """Press the reading's button under the chart."""
    chart = photos(user)[-1]
    button = next(text for text in chart.buttons if full in text)
    await user.press(button, message=chart)


async def open_invoice(user) -> None:
    """Choose Stars where the bot asks how to pay."""
    offer = await user.wait_for(lambda message: message.invoice is not None or "⭐" in "".join(message.buttons))
    if offer.invoice is None:
        await user.press(next(button for button in offer.buttons if "⭐" in button))
        await user.wait_for(lambda message: message.invoice is not None)


@pytest.mark.long
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_from_start_to_the_full_reading(house):
    """One person buys a reading with Stars, another one by card: each pays once, gets it once; SIGTERM drains."""
    anna = house.telegram.user("Анна", language_code="ru", stars=1000)
    await house.start_profile(anna)
    await fill_profile(anna)
    chart = await anna.wait_for(lambda message: "photo" in message.content, timeout=30)
    assert "Солнце в Близнецах" in chart.text
    assert "Асцендент в Весах" in chart.text

    await buy(anna, "Полный разбор")
    await open_invoice(anna)
    before = anna.stars
    outcome = await anna.pay()
    assert outcome.status == "paid"
    assert before - anna.stars == 150
    await anna.wait_for(lambda message: len(message.text) > 1500, timeout=30)

    ben = house.telegram.user("Ben", language_code="en")
    await house.start_profile(ben, "My profile")
    await fill_profile(ben, "Moscow, Russia")
    chart = await ben.wait_for(lambda message: "photo" in message.content, timeout=30)
    assert "Sun in Gemini" in chart.text
    await buy(ben, "Full reading")
    offer = await ben.wait_for(lambda message: any("199" in button for button in message.buttons))
    await ben.press(next(button for button in offer.buttons if "199" in button))
    link = await ben.wait_for(lambda message: _pay_link(message) is not None)
    assert await pay_by_card(_pay_link(link)) == 200
    await ben.wait_for(lambda message: len(message.text) > 1500, timeout=30)

    assert await house.scalar("SELECT count(*) FROM payments WHERE status = 'succeeded'") == 2
    assert await house.scalar("SELECT count(*) FROM payments_entitlements WHERE revoked_at IS NULL") == 2
    assert len(photos(anna)) == 1
    assert len(photos(ben)) == 1
    assert await house.bot.stop() == 0  # telemetry hands out what it has gathered
    assert await house.scalar("SELECT count(*) FROM core_inbox WHERE state = 0") == 0
    rows = await house.rows("SELECT plugin, route, outcome FROM analytics_events WHERE kind = 'callback' AND ms > 0")
    lines = re.findall(r"callback (\w+):(\S+) (\w+) in [\d.]+ ms", house.bot.text())
    assert len(lines) > 5
    assert sorted(tuple(row) for row in rows) == sorted(lines)


def _pay_link(message) -> str | None:
    for row in message.button_rows:
        for button in row:
            if "/checkout/" in button.get("url", ""):
                return button["url"]
    return None


@pytest.mark.long
@pytest.mark.parametrize("database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_kill_9_in_the_wizard_and_after_the_payment_loses_nothing(house):
    """The bot dies after the date was typed, and just after the Stars were taken; it grants and sends once."""
    anna = house.telegram.user("Анна", language_code="ru", stars=1000)
    await house.start_profile(anna)
    await anna.wait_for(lambda message: "15.06.1990" in message.text)
    await anna.send("15.06.1990")
    await anna.wait_for(lambda message: "14:30" in message.text)
    await house.bot.kill()
    await anna.send("14:30")
    await house.restart()
    await anna.wait_for(lambda message: "55." in message.text, timeout=30)
    cards = [message for message in anna.messages if message.sender == "bot" and not message.deleted]
    assert len(cards) == 1, anna.transcript()

    await choose_place(anna)
    await anna.wait_for(lambda message: "photo" in message.content, timeout=30)
    await buy(anna, "Полный разбор")
    await open_invoice(anna)
    outcome = await anna.pay()
    assert outcome.status == "paid"
    await house.bot.kill()
    await house.restart()
    await anna.wait_for(lambda message: len(message.text) > 1500, timeout=30)
    await anna.send("/payments")
    await anna.wait_for(lambda message: "150" in message.text)
    assert await house.scalar("SELECT count(*) FROM payments WHERE status = 'succeeded'") == 1
    assert await house.scalar("SELECT count(*) FROM payments_entitlements") == 1
    texts = [message.text for message in reading(anna)]
    assert len(texts) == len(set(texts)), "a part of the reading came twice"
