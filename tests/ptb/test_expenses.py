"""A typical bot of python-telegram-bot in a plugin of one file: its handlers and `setup` as they are."""

from __future__ import annotations

import pytest

from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat
from tests.ptb.conftest import BOTS

pytestmark = pytest.mark.astral(plugins=[BOTS / "expenses.py"])


async def add(chat: Chat, amount: str = "12,50", category: str = "Food") -> None:
    """Note an expense, up to the last question."""
    await chat.send("/add")
    await chat.send(amount)
    await chat.tap(category)
    await chat.tap("Skip")


async def test_its_start_is_the_bots(chat: Chat) -> None:
    """A command that the bot names is its own, also where the core has one; Defaults give the parse mode."""
    await chat.send("/start")
    assert chat.last.text.startswith("Hello Anna! /add notes")


async def test_a_conversation_with_buttons(chat: Chat) -> None:
    """Each step of it, its way back, and the data that it leaves."""
    await chat.send("/add")
    await chat.send("much")
    assert chat.last.text.startswith("A number, please")
    await chat.send("3")
    await chat.tap("Back")
    await chat.send("12.50")
    await chat.tap("Food")
    assert chat.toasts[-1] == "Noted: food"
    await chat.send("bread")
    assert chat.last.text == "12.50 for food, bread. Right?"
    await chat.tap("Yes")
    await chat.send("/stats")
    assert chat.last.text == "food: 12.50"


@pytest.mark.usefixtures("database_url")
async def test_it_survives_a_crash_at_each_step(bot: BotKit, chat: Chat) -> None:
    """State and data are there afterwards, as they were committed."""
    await chat.send("/add")
    for step in (lambda: chat.send("7"), lambda: chat.tap("Fun"), lambda: chat.tap("Skip"), lambda: chat.tap("Yes")):
        await bot.crash()
        await bot.start()
        await step()
    await bot.crash()
    await bot.start()
    await chat.send("/stats")
    assert chat.last.text == "fun: 7.00"


async def test_people_do_not_see_each_others_conversation(bot: BotKit, chat: Chat) -> None:
    """One is asked for a number, the other one is not."""
    ben = bot.chat("Ben")
    await chat.send("/add")
    await ben.send("/stats")
    assert ben.last.text.startswith("Nothing yet")
    await chat.send("5")
    assert chat.last.text == "What was it for?"


async def test_an_error_handler_gets_an_error_once(bot: BotKit, chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    """It speaks in the core's place; what the handler had changed is gone, what it changes itself stays."""
    await add(chat)
    await chat.tap("Yes")
    await chat.send("/undo")
    count = len(chat.messages)
    await chat.send("/undo")
    assert [message.text for message in chat.messages[count:]] == [
        "/undo",
        "That did not work. /start shows what I can do.",
    ]
    assert "IndexError" in caplog.text


async def test_updates_that_it_does_not_want_go_on(chat: Chat) -> None:
    """The core's own commands and its answer to what nobody took."""
    await chat.send("/privacy")
    assert "Send me my data" in str(chat.keyboard)
    await chat.send("hm?")
    assert "did not quite get that" in chat.last.text
