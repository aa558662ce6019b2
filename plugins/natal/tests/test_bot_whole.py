"""The whole way with the real profile and payments plugins: questions, chart, payment in Stars, reading."""

from __future__ import annotations

from astral_playground.testkit.bot import bot_kit, module_plugin

TIMEOUT = 60.0


def is_photo(message):
    return "photo" in message.content


async def test_from_the_first_question_to_the_paid_reading(database_url, computed_once):
    """Date, time and place bring the chart at once; 150 Stars bring the reading; /chart then opens it for nothing."""
    plugins = [module_plugin(name, f"astral_{name}.plugin") for name in ("profile", "natal", "payments")]
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.user("Анна", language_code="ru", stars=150)
        await anna.send("/chart")
        await anna.wait_for()
        await anna.press("Построить карту")
        await anna.wait_for()
        for answer in ("15.06.1990", "14:30", "Москва"):
            await anna.send(answer)
            question = await anna.wait_for(lambda message: bool(message.buttons), timeout=TIMEOUT)
        await anna.press("Москва, Россия")
        card = await anna.wait_for("UTC+4", timeout=TIMEOUT)
        assert card.message_id == question.message_id
        await anna.press(card.buttons[0])
        photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
        for words in ("Солнце в Близнецах", "Луна в Рыбах", "Асцендент в Весах"):
            assert words in photo.text
        await anna.press("Полный разбор · 150\u00a0⭐")
        await anna.wait_for(lambda message: message.invoice is not None)
        assert (await anna.pay()).status == "paid"
        last = await anna.wait_for(lambda message: "Моя карта" in message.buttons, timeout=TIMEOUT)
        assert anna.stars == 0
        await anna.press("Моя карта", message=last)
        again = await anna.wait_for(is_photo, timeout=TIMEOUT)
        assert "Полный разбор" in again.buttons
        await anna.press("Полный разбор", message=again)
        shown = await anna.wait_for(lambda message: "Моя карта" in message.buttons, timeout=TIMEOUT)
        assert shown.text == last.text
        await anna.send("/profile")
        profile = await anna.wait_for("15 июня 1990", timeout=TIMEOUT)
        await anna.press("Моя карта", message=profile)
        await anna.wait_for(is_photo, timeout=TIMEOUT)
