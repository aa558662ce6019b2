"""`astral run` as an owner runs it: a process of its own that drains, that may be killed, and that goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from astral_playground.telegram import TelegramEmulator
from astral_playground.testkit.process import BotProcess, Nursery

Until = Callable[..., Awaitable[Any]]

PLUGIN = """
import asyncio
import gc
import time
import weakref
from pathlib import Path
from sqlalchemy import text
from astral_core import Health, Plugin

plugin = Plugin()


@plugin.command("say")
async def say(ctx):
    ctx.reply(f"said {ctx.args}")


@plugin.command("slow")
async def slow(ctx):
    Path("slow-began").touch()
    await asyncio.sleep(float(ctx.args))
    ctx.reply("slow done")


@plugin.command("block")
async def block(ctx):
    time.sleep(0.5)
    ctx.reply("blocked")


class Circle:
    def __init__(self):
        self.me = self


@plugin.command("garbage")
async def garbage(ctx):
    circles = [weakref.ref(Circle()) for _ in range(100_000)]
    left = sum(circle() is not None for circle in circles)
    ctx.reply(f"bounded: {left < 50_000}, what the start built is left alone: {gc.get_freeze_count() > 50_000}")


@plugin.hook
async def astral_health(ctx):
    return Health(gauges={"sun": 1})
"""


@pytest.fixture
def bot(
    telegram: TelegramEmulator, nursery: Nursery, tmp_path: Path, bot_environment: Callable[..., dict[str, str]]
) -> BotProcess:
    """`astral run` with one installed plugin, not yet started."""
    site = tmp_path / "site"
    info = site / "astral_weather-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: astral-weather\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[astral.plugins]\nweather = astral_weather.plugin:plugin\n", encoding="utf-8"
    )
    package = site / "astral_weather"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = bot_environment(telegram, PYTHONPATH=path)
    (tmp_path / "astral.toml").write_text('[host]\nenabled = ["weather"]\non_error = "stop"\n', encoding="utf-8")
    return BotProcess(nursery, environment, tmp_path / "bot.log")


async def test_sigterm_drains_what_runs_and_exits_with_0(
    telegram: TelegramEmulator, bot: BotProcess, tmp_path: Path, until: Until
) -> None:
    """The running handler finishes and its message goes out; a blocking one was named; no secret is in the log."""
    await bot.start()
    anna = telegram.user("Anna")
    await anna.send("/block")
    await anna.wait_for("blocked")
    await until(lambda: "blocks the event loop" in bot.text())
    assert "plugin 'weather' blocks the event loop" in bot.text()
    assert "astral_weather/plugin.py:27" in bot.text()
    await anna.send("/slow 0.7")
    await until((tmp_path / "slow-began").exists)
    assert await bot.stop() == 0
    assert anna.last.text == "slow done"
    assert "Traceback" not in bot.text()
    assert telegram.token not in bot.text()
    assert "a-secret-of-this-test" not in bot.text()


async def test_garbage_is_collected_while_the_bot_serves(telegram: TelegramEmulator, bot: BotProcess) -> None:
    """The collector rests while the bot starts, and is on again afterwards: circles of objects do not pile up."""
    await bot.start()
    anna = telegram.user("Anna")
    await anna.send("/garbage")
    await anna.wait_for("bounded: True, what the start built is left alone: True")
    assert await bot.stop() == 0


async def test_after_kill_9_the_next_start_goes_on(
    telegram: TelegramEmulator, bot: BotProcess, tmp_path: Path, until: Until
) -> None:
    """The update that was being handled was acknowledged, and is handled by the next process."""
    await bot.start()
    anna = telegram.user("Anna")
    await anna.send("/slow 30")
    await until((tmp_path / "slow-began").exists)
    await anna.send("/say after")
    await until(lambda: not telegram.world.updates.pending)
    await bot.kill()
    plugin = tmp_path / "site" / "astral_weather" / "plugin.py"
    plugin.write_text(PLUGIN.replace("float(ctx.args)", "0"), encoding="utf-8")
    await bot.start()

    def heard() -> list[str]:
        return [message.text for message in anna.messages if message.sender != "user"]

    await until(lambda: "said after" in heard())
    assert heard() == ["slow done", "said after"]
    assert await bot.stop() == 0


async def test_a_second_signal_ends_at_once(
    telegram: TelegramEmulator, bot: BotProcess, tmp_path: Path, until: Until
) -> None:
    """An owner who does not want to wait need not; the row stays for the next start."""
    await bot.start()
    anna = telegram.user("Anna")
    await anna.send("/slow 30")
    await until((tmp_path / "slow-began").exists)
    os.kill(bot.pid, signal.SIGTERM)
    await until(lambda: "a second signal ends at once" in bot.text())
    assert bot.alive
    assert await bot.stop() == 1


@pytest.mark.rest
@pytest.mark.long
async def test_reload_starts_anew_when_a_source_file_changes(
    telegram: TelegramEmulator, bot: BotProcess, tmp_path: Path, until: Until
) -> None:
    """The new text is said without a hand on the bot; a broken file is waited out; one signal ends both processes."""
    bot.arguments = (*bot.arguments, "--reload")
    await bot.start()
    anna = telegram.user("Anna")
    await anna.send("/say one")
    await anna.wait_for("said one")
    plugin = tmp_path / "site" / "astral_weather" / "plugin.py"
    plugin.write_text("def (", encoding="utf-8")
    await until(lambda: "SyntaxError" in bot.text(), 30)
    plugin.write_text(PLUGIN.replace('f"said ', 'f"now I say '), encoding="utf-8")
    await anna.send("/say two")
    await anna.wait_for("now I say two", timeout=30)
    assert await bot.stop() == 0


async def test_hooks_are_traced_where_somebody_asks(
    telegram: TelegramEmulator, bot: BotProcess, until: Until
) -> None:
    """Each call with its plugin, what came back and how long it took."""
    bot.arguments = (*bot.arguments, "--trace-hooks")
    await bot.start()
    await until(lambda: "astral.hooks  astral_health of weather: Health in " in bot.text())
    assert await bot.stop() == 0
