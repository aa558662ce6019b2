"""The conversation of python-telegram-bot's documentation, inside a plugin."""

from __future__ import annotations

import base64

import pytest

from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat
from tests.ptb.conftest import BOTS

PHOTO = base64.b64decode(  # a PNG of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
pytestmark = [pytest.mark.usefixtures("sqlite_url"), pytest.mark.astral(plugins=[BOTS / "conversationbot.py"])]


async def test_the_whole_conversation(chat: Chat) -> None:
    """With a photo that is downloaded, and a location; the keyboard comes and goes."""
    await chat.send("/start")
    assert chat.keyboard == [["Boy", "Girl", "Other"]]
    await chat.tap("Girl")
    await chat.send_photo(PHOTO)
    assert chat.last.text.startswith("Gorgeous!")
    await chat.send_location(48.2, 16.4)
    assert chat.last.text == "I may visit you at 48.2, 16.4. And who are you?"
    await chat.send("An astronomer")
    assert chat.last.text == "Thank you! I hope we talk again."


async def test_skipping_and_cancelling(chat: Chat) -> None:
    """/skip is a command of two states, /cancel one of all; outside of the conversation they are nobody's."""
    await chat.send("/start")
    await chat.send("Other")
    await chat.send("/skip")
    assert chat.last.text.startswith("You look great anyway!")
    await chat.send("/skip")
    assert chat.last.text.startswith("You are careful!")
    await chat.send("/cancel")
    assert chat.last.text.startswith("Bye!")
    await chat.send("/skip")
    assert not chat.last.text.startswith("You ")


async def test_a_start_in_the_middle_is_not_the_cores(chat: Chat) -> None:
    """The conversation takes no second start, and so the core's own answers."""
    await chat.send("/start")
    await chat.send("/start")
    assert not chat.last.text.startswith("Let us talk")


async def test_it_goes_on_after_a_crash(bot: BotKit, chat: Chat) -> None:
    """In the state that it was in."""
    await chat.send("/start")
    await chat.send("Boy")
    await bot.crash()
    await bot.start()
    await chat.send("/skip")
    assert chat.last.text.startswith("You look great anyway!")
