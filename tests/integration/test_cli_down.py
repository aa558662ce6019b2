"""`astral run` where something is missing or kills it: one sentence instead of a traceback, and no crash loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from astral_playground.telegram import TelegramEmulator
from astral_playground.testkit.process import BotProcess, Nursery

Until = Callable[..., Awaitable[Any]]

PLUGIN = """
import os
from astral_core import Plugin

plugin = Plugin()


@plugin.command("die")
async def die(ctx):
    os._exit(9)


@plugin.command("say")
async def say(ctx):
    ctx.reply(f"said {ctx.args}")
"""


@pytest.mark.parametrize(
    "url", ["postgresql://nobody:hush-hush@127.0.0.1:1/x", "sqlite+aiosqlite:////nowhere/at/all/x.db"]
)
async def test_a_database_that_is_away_is_one_sentence(url: str, tmp_path: Path, nursery: Nursery) -> None:
    """Exit code 1, the setting's name, no traceback and no password."""
    environment = {"ASTRAL_TELEGRAM__TOKEN": "1:a-token-of-nobody-at-all", "ASTRAL_DATABASE__URL": url,
                   "ASTRAL_WEB__PORT": "0", "ASTRAL_CONFIG": str(tmp_path / "astral.toml")}  # fmt: skip
    log = tmp_path / "log"
    bot = BotProcess(nursery, environment, log)
    await bot.spawn()
    assert await bot.ended() == 1
    output = log.read_text(encoding="utf-8")
    assert output.splitlines()[-1].startswith("astral: the database cannot be reached (")
    assert "ASTRAL_DATABASE__URL" in output
    assert "Traceback" not in output
    assert "hush-hush" not in output


@pytest.mark.long
async def test_an_update_that_kills_the_process_is_convicted_alone(
    tmp_path: Path, nursery: Nursery, until: Until, bot_environment: Callable[..., dict[str, str]]
) -> None:
    """A supervisor starts the bot again and again: three processes die of it, and then it is a dead letter."""
    (tmp_path / "deadly.py").write_text(PLUGIN, encoding="utf-8")
    async with TelegramEmulator() as telegram:
        environment = bot_environment(telegram, ASTRAL_INBOX__SUSPECT_DELAY="1")
        bot = BotProcess(nursery, environment, tmp_path / "bot.log", ("--plugin", str(tmp_path / "deadly.py")))
        anna = telegram.user("Anna")
        deaths = 0
        await bot.start()
        await anna.send("/die")
        await anna.send("/say after")
        try:
            while deaths < 8 and not any("Something went wrong" in message.text for message in anna.messages):
                ended = asyncio.create_task(bot.ended())
                heard = asyncio.create_task(anna.wait_for("Something went wrong"))
                await asyncio.wait({ended, heard}, return_when=asyncio.FIRST_COMPLETED)
                heard.cancel()
                await asyncio.gather(heard, return_exceptions=True)
                if not ended.done():
                    ended.cancel()
                    break
                deaths += 1
                try:
                    await bot.start()
                except RuntimeError:
                    continue  # it died before it was ready
            await anna.wait_for("said after")
        finally:
            await bot.kill()
    assert deaths == 3
    assert "the process died each time that it handled this row" in bot.text()
