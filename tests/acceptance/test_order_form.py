"""examples/order.py: a form of questions, as a person fills it in."""

from __future__ import annotations

from pathlib import Path

import pytest

from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat

ORDER = Path(__file__).parents[2] / "examples/order.py"
SHOP = 4242
pytestmark = [
    pytest.mark.usefixtures("database_url"),
    pytest.mark.astral(plugins=[ORDER], now="2026-12-01 09:00+00:00", settings={"admins": [SHOP]}),
]


async def fill(chat: Chat) -> None:
    """Answer everything."""
    await chat.send("/order")
    await chat.send("Anna K")
    await chat.send_contact("+49301234567")
    await chat.tap("24")
    await chat.send("No <nuts>, please")


async def test_a_form_is_filled_in_and_sent(bot: BotKit, chat: Chat) -> None:
    """The shop reads what was written, as it was written."""
    await bot.chat("Shop", id=SHOP).send("/start")
    await fill(chat)
    assert chat.last.text == "Anna K, +49301234567\n24.12.2026\nNo <nuts>, please"
    await chat.tap("Order")
    assert chat.last.text == "Thank you! We will call you."
    (sent,) = [call for call in bot.calls("sendMessage") if call.chat_id == SHOP and "nuts" in call.params["text"]]
    assert sent.params["text"] == "<b>Anna K</b>, +49301234567\n24.12.2026\nNo &lt;nuts&gt;, please"


async def test_each_step_has_a_way_back_and_a_way_out(chat: Chat) -> None:
    """Back keeps what was filled in; Cancel forgets it."""
    await fill(chat)
    for _ in range(4):
        await chat.tap("‹ Back")
    assert chat.keyboard == [["Cancel"]]
    await chat.send("Anna Karenina")
    await chat.send("+49 30 7654321")
    await chat.tap("24")
    await chat.tap("No, that is all")
    assert chat.last.text == "Anna Karenina, +49 30 7654321\n24.12.2026\nNo <nuts>, please"
    await chat.tap("Cancel")
    assert chat.last.text == "Cancelled. /order begins again."


async def test_what_is_no_answer_is_said_and_asked_again(chat: Chat) -> None:
    """The question stays open."""
    await chat.send("/order")
    await chat.send("A")
    assert chat.last.text == "Please write 2 to 200 characters."
    await chat.send("Anna")
    await chat.send("soon")
    assert chat.last.text == "That is no phone number. Write it like this: +49 30 123456"
    await chat.send("+49301234567")
    await chat.send("tomorrow")
    assert chat.last.text == "Please press a day."
    await chat.tap("2")
    assert "Anything else that we should know?" in chat.texts


async def test_the_calendar_offers_the_days_that_are_free(chat: Chat) -> None:
    """From tomorrow on, sixty days; a forged day is refused."""
    await chat.send("/order")
    await chat.send("Anna")
    await chat.send_contact("+49301234567")
    days = [text for row in chat.keyboard for text in row if text.isdecimal()]
    assert days == [str(day) for day in range(2, 32)]
    await chat.tap("01/2027")
    days = [text for row in chat.keyboard for text in row if text.isdecimal()]
    assert days == [str(day) for day in range(1, 31)]
    await chat.forge("order:choose/999999")
    assert chat.last.text == "Please choose another day."


async def test_a_crash_in_the_middle_changes_nothing(bot: BotKit, chat: Chat) -> None:
    """The form goes on where it was."""
    await chat.send("/order")
    await chat.send("Anna")
    await bot.crash()
    await bot.restart()
    await chat.send("+49301234567")
    await chat.tap("24")
    await chat.tap("No, that is all")
    assert chat.last.text.startswith("Anna, +49301234567\n24.12.2026")
