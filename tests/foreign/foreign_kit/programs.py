"""The bots of `bots/` as processes of their own, each of them told by its environment where Telegram is.

FOREIGN_TOKEN and FOREIGN_API name the Bot API server, FOREIGN_MODE is polling or webhook, FOREIGN_PORT is where a
webhook listens on loopback, FOREIGN_PICTURE is the file of a picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from astral_playground.telegram import TelegramEmulator
from astral_playground.testkit.ports import free_port
from benchmarks.report import BenchError
from benchmarks.roster import CACHE, node

BOTS = Path(__file__).resolve().parent.parent / "bots"
PROGRAMS = {
    "aiogram": "aiogram_bot.py", "telebot": "telebot_bot.py", "ptb": "ptb_bot.py", "grammy": "grammy_bot.cjs",
}  # fmt: skip
MODES = ("polling", "webhook")
_UP_WITHIN = 60.0  # s
_DOWN_WITHIN = 5.0  # s
_SHOWN = 3000  # letters of what a bot printed


def command(framework: str) -> list[str | Path]:
    """The command line of a framework's bot; skips the test where node or grammY cannot be had."""
    program = BOTS / PROGRAMS[framework]
    if program.suffix == ".py":
        return [sys.executable, program]
    try:
        return [node(install=False), program]
    except BenchError as error:
        pytest.skip(f"grammY cannot run: {error}")


@contextlib.asynccontextmanager
async def running(tg: TelegramEmulator, framework: str, mode: str, folder: Path) -> AsyncIterator[Path]:
    """A bot that runs and gets its updates by `mode`; gives the file that it prints to."""
    log = folder / f"{framework}-{mode}.log"
    words = command(framework)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *words, stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL, env=_environment(tg, mode, folder)
        )
    try:
        await _up(tg, process, log, mode)
        yield log
    finally:
        await _end(process)


def _environment(tg: TelegramEmulator, mode: str, folder: Path) -> dict[str, str]:
    proxies = {"http_proxy", "https_proxy", "all_proxy"}  # the emulator is on this machine
    own = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    return own | {
        "FOREIGN_TOKEN": tg.token, "FOREIGN_API": tg.api_url, "FOREIGN_MODE": mode,
        "FOREIGN_PORT": str(free_port()), "FOREIGN_PICTURE": str(folder / "picture.png"),
        "NODE_PATH": str(CACHE / "grammy" / "node_modules"),
    }  # fmt: skip


async def _up(tg: TelegramEmulator, process: asyncio.subprocess.Process, log: Path, mode: str) -> None:
    """Return when the bot waits for updates."""
    try:
        async with asyncio.timeout(_UP_WITHIN):
            while not (tg.world.poll.open if mode == "polling" else tg.world.webhook.url):
                if process.returncode is not None:
                    pytest.fail(f"the bot ended with {process.returncode}:\n{printed(log)}")
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"the bot was not up after {_UP_WITHIN:g} s:\n{printed(log)}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(_DOWN_WITHIN):
                await process.wait()
        except TimeoutError:
            process.kill()
    await process.wait()


def printed(log: Path) -> str:
    """The end of what a bot printed."""
    return log.read_text("utf-8", "replace")[-_SHOWN:]
