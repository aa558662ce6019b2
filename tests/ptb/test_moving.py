"""docs/how-to/python-telegram-bot.md: its lines of shell make a plugin of the bot that it shows."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from astral_core.host.discover import from_file
from astral_playground.testkit.bot import bot_kit

PAGE = Path(__file__).parents[2] / "docs/how-to/python-telegram-bot.md"
ELSEWHERE = (
    "python3 -m venv",
    "pip install",
    "python -m astral_playground",
)  # what is there already, or runs for ever


def blocks(language: str) -> list[str]:
    """The page's blocks of a language."""
    found = MarkdownIt().parse(PAGE.read_text("utf-8"))
    return [token.content for token in found if token.type == "fence" and token.info == language]


def shell() -> list[str]:
    """The page's first lines of shell, each a command."""
    joined = blocks("console")[0].replace("\\\n", "")
    return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


def test_ten_lines_are_enough() -> None:
    """No more than the page promises."""
    assert len(blocks("console")[0].splitlines()) <= 10


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """The page's bot after the page's lines; those that a test cannot run are left out."""
    (tmp_path / "bot.py").write_text(blocks("python")[0], encoding="utf-8")
    for line in shell():
        if not line.startswith(ELSEWHERE):
            subprocess.run(["bash", "-euc", line], cwd=tmp_path, check=True)
    return tmp_path / "mybot.py"


async def test_the_bot_of_the_page_moves_in(sqlite_url: str, moved: Path) -> None:
    """Its handlers are the same, character for character, and its conversation survives a crash."""
    before = blocks("python")[0]
    after = await asyncio.to_thread(moved.read_text, "utf-8")
    assert after.partition("def setup")[0] == before.partition("def main")[0]
    async with bot_kit(sqlite_url, [from_file(moved)]) as bot:
        chat = bot.chat("Anna")
        await chat.send("/start")
        await bot.crash()
        await bot.start()
        await chat.send("Anna K")
        assert chat.last.text == "Hello, Anna K!"


@pytest.mark.parametrize("gone", ["Application.builder()", "run_polling", "__name__"])
def test_nothing_of_main_is_left(moved: Path, gone: str) -> None:
    """What only a program of its own needs is gone."""
    assert gone not in moved.read_text("utf-8")
