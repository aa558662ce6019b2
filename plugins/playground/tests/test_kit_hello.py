"""The first plugin of the README, tested as its author would test it."""

from __future__ import annotations

from pathlib import Path

import pytest

from astral_playground.testkit.chat import Chat

HELLO = Path(__file__).parents[3] / "examples/hello.py"
pytestmark = pytest.mark.astral(plugins=[HELLO])


async def test_hello_greets_by_name(chat: Chat) -> None:
    """/hello is answered with the person's name."""
    await chat.send("/hello")
    assert chat.last.text == "Hello, Anna!"


async def test_again_counts_in_the_same_message(chat: Chat) -> None:
    """Each tap edits the greeting."""
    await chat.send("/hello")
    await chat.tap("Again")
    await chat.tap("Again")
    assert chat.texts == ["Pressed: 2"]
