"""The full reading: offered, delivered once a payment, kept, shown again, renewed for other birth data."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from astral_natal.tables import natal_readings
from astral_playground.testkit.bot import bot_kit

TIMEOUT = 60.0
LAST = "Моя карта"


def is_photo(message):
    return "photo" in message.content


def is_last(message):
    """The last message of a reading: the one with buttons."""
    return LAST in message.buttons


def readings(user):
    """How many readings the chat shows."""
    return sum(is_last(message) for message in user.messages)


async def settled(user):
    """Wait until everything before this was handled: a chat's updates run in order."""
    await user.send("/help")
    await user.wait_for("Что я умею")


async def stored(kit):
    """How many readings the database holds."""
    async with kit.context("natal").work() as work:
        return await work.session.scalar(select(func.count()).select_from(natal_readings))


@pytest.fixture
async def anna(database_url, profiles, payments, with_payments):
    """Anna, born on 15 June 1990 at 14:30 in Moscow, and a bot that sells."""
    async with bot_kit(database_url, with_payments()) as kit:
        user = kit.user("Анна", language_code="ru")
        profiles.BIRTHS[user.id] = profiles.birth("1990-06-15", "14:30")
        user.kit = kit
        yield user
        assert not any("<" in message.text for message in user.messages), "a tag is shown as text"


async def test_a_paid_order_brings_the_reading_once(anna):
    """All chapters in messages that Telegram takes; the same event again brings nothing."""
    await anna.send("/paid order-1")
    await anna.wait_for("Вот ваш полный разбор")
    last = await anna.wait_for(is_last, timeout=TIMEOUT)
    texts = [message.text for message in anna.messages if message.sender == "bot"]
    whole = "\n".join(texts)
    for words in ("Солнце в Близнецах", "Луна в Рыбах", "Меркурий", "Венера", "Марс", "Сатурн в Козероге"):
        assert words in whole
    assert len(texts) >= 3
    assert all(len(text.encode("utf-16-le")) // 2 <= 4096 for text in texts)
    assert last.buttons == [LAST, "‹ Меню"]
    await anna.send("/paid order-1")
    await settled(anna)
    assert readings(anna) == 1
    assert await stored(anna.kit) == 1


async def test_the_reading_is_offered_with_its_price_and_opened_by_its_owner(anna):
    """Before: a button with the price that leads to the payment. After: the reading as often as wanted."""
    await anna.send("/chart")
    photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
    assert "Полный разбор · 150 ⭐" in photo.buttons
    await anna.press("Полный разбор · 150 ⭐")
    await anna.wait_for("invoice for natal.full")
    await anna.send("/paid order-1")
    await anna.wait_for(is_last, timeout=TIMEOUT)
    await anna.press(LAST)
    photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
    assert "Полный разбор" in photo.buttons
    assert not any("⭐" in button for button in photo.buttons)
    await anna.press("Полный разбор", message=photo)
    await anna.wait_for(is_last, timeout=TIMEOUT)
    assert readings(anna) == 2
    assert await stored(anna.kit) == 1


async def test_what_was_bought_opens_from_the_payment_too(anna, profiles):
    """The product's own button shows the reading to its owner, and asks for the birth where there is none."""
    await anna.send("/bought")
    await anna.wait_for("bought")
    await anna.press("Open")
    offer = await anna.wait_for("покупается один раз")
    assert offer.buttons == ["Полный разбор · 150 ⭐", "‹ Меню"]
    await anna.send("/paid order-1")
    await anna.wait_for(is_last, timeout=TIMEOUT)
    await anna.press("Open")
    await anna.wait_for(is_last, timeout=TIMEOUT)
    assert readings(anna) == 2
    assert await stored(anna.kit) == 1
    del profiles.BIRTHS[anna.id]
    await anna.press("Open")
    await anna.wait_for("Мне нужны дата, время и место рождения")


async def test_who_has_not_paid_is_told_what_it_is(anna, payments):
    """An old button of a right that was taken back opens nothing: it explains and offers."""
    payments.OWNERS.add(anna.id)
    await anna.send("/chart")
    await anna.wait_for(is_photo, timeout=TIMEOUT)
    payments.OWNERS.clear()
    await anna.press("Полный разбор")
    offer = await anna.wait_for("покупается один раз")
    assert offer.buttons == ["Полный разбор · 150 ⭐", "‹ Меню"]
    assert await stored(anna.kit) == 0


async def test_changed_birth_data_renew_the_reading_without_a_payment(anna, profiles):
    """The right is the user's: after a change of the birth data the reading tells of the new chart."""
    await anna.send("/paid order-1")
    await anna.wait_for(is_last, timeout=TIMEOUT)
    profiles.BIRTHS[anna.id] = profiles.birth("1990-12-15", "14:30")
    await anna.send("/complete")
    await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.press("Полный разбор")
    await anna.wait_for("Солнце в Стрельце", timeout=TIMEOUT)
    await anna.wait_for(is_last, timeout=TIMEOUT)
    assert await stored(anna.kit) == 2


async def test_paid_before_the_profile_waits_for_it(anna, profiles):
    """A payment without birth data asks for them, once; the completed profile brings chart and reading, once."""
    birth = profiles.BIRTHS.pop(anna.id)
    await anna.send("/paid order-1")
    asked = await anna.wait_for("оплачен и ждёт")
    assert asked.buttons[0] == "Построить карту"
    await anna.send("/paid order-1")
    await settled(anna)
    assert sum("оплачен и ждёт" in message.text for message in anna.messages) == 1
    profiles.BIRTHS[anna.id] = birth
    await anna.send("/complete")
    await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.wait_for(is_last, timeout=TIMEOUT)
    await anna.send("/complete")
    await anna.send("/paid order-1")
    await settled(anna)
    assert readings(anna) == 1
    assert await stored(anna.kit) == 1


@pytest.mark.parametrize("words", ["", " quiet"])
async def test_a_refunded_reading_does_not_come_with_the_first_chart(anna, profiles, words):
    """Paid before the profile and given back: the chart comes alone, also where no event told of it."""
    birth = profiles.BIRTHS.pop(anna.id)
    await anna.send("/paid order-1")
    await anna.wait_for("оплачен и ждёт")
    await anna.send(f"/refund order-1{words}")
    await anna.wait_for("given back")
    await settled(anna)
    assert await stored(anna.kit) == (1 if words else 0)
    profiles.BIRTHS[anna.id] = birth
    await anna.send("/complete")
    photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
    await settled(anna)
    assert "Полный разбор · 150 ⭐" in photo.buttons
    assert readings(anna) == 0


async def test_bought_again_after_a_refund_it_comes_once(anna, profiles):
    """The order that was given back waits no longer; the new one brings the reading."""
    birth = profiles.BIRTHS.pop(anna.id)
    await anna.send("/paid order-1")
    await anna.wait_for("оплачен и ждёт")
    await anna.send("/refund order-1")
    await anna.wait_for("given back")
    await settled(anna)
    profiles.BIRTHS[anna.id] = birth
    await anna.send("/paid order-2")
    await anna.wait_for(is_last, timeout=TIMEOUT)
    await anna.send("/complete")
    await anna.wait_for(is_photo, timeout=TIMEOUT)
    await settled(anna)
    assert readings(anna) == 1
    assert await stored(anna.kit) == 1


async def test_an_event_that_comes_after_the_refund_brings_nothing(anna):
    """A payment whose event was late, or was tried again by hand, and whose money is back by then."""
    await anna.send("/told order-1")
    await anna.wait_for("told")
    await settled(anna)
    assert readings(anna) == 0
    assert await stored(anna.kit) == 0


async def test_other_products_are_not_its_business(anna):
    """An order of something else delivers no reading."""
    await anna.send("/paid order-1 other.thing")
    await settled(anna)
    assert readings(anna) == 0
    assert await stored(anna.kit) == 0
