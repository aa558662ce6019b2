"""A bot that may open few files: strangers who connect take none of those that it needs, and do not fill its log."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from asyncio import constants
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from astral_core import descriptors
from astral_core.cli import run
from astral_core.config import Settings
from astral_playground.telegram import TelegramEmulator
from astral_playground.testkit.bot import bot_kit
from astral_playground.testkit.process import BotProcess, Nursery

Until = Callable[..., Awaitable[Any]]
FEW = 256  # what macOS gives a program
resource = pytest.importorskip("resource", reason="Windows has no limit of descriptors")

PLUGIN = """
import os
from astral_core import Plugin

plugin = Plugin()
taken = []


@plugin.command("say")
async def say(ctx):
    ctx.reply(f"said {ctx.args}")


@plugin.command("take")
async def take(ctx):
    ctx.reply("taken")
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        os.close(taken.pop())
        os.close(taken.pop())


@plugin.command("release")
async def release(ctx):
    ctx.reply("released")
    while taken:
        os.close(taken.pop())
"""


@pytest.fixture
def bot(
    telegram: TelegramEmulator, nursery: Nursery, tmp_path: Path, bot_environment: Callable[..., dict[str, str]]
) -> BotProcess:
    """`astral run` with a plugin that answers, not yet started."""
    (tmp_path / "talking.py").write_text(PLUGIN, encoding="utf-8")
    environment = bot_environment(telegram)
    return BotProcess(nursery, environment, tmp_path / "bot.log", ("--plugin", str(tmp_path / "talking.py")))


@contextlib.contextmanager
def crowd(port: int, count: int) -> Iterator[list[socket.socket]]:
    """`count` strangers who connect and say nothing."""
    with contextlib.ExitStack() as strangers:
        yield [
            strangers.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(count)
        ]


def tries(loop: Any, port: int) -> int:
    """How many timers of `loop` will begin to accept at `port` again."""
    serving = [timer._args for timer in loop._scheduled if "_start_serving" in repr(timer) and timer._args]
    return sum(listening.getsockname()[1] == port for _, listening, *_ in serving)


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_a_crowd_of_strangers_takes_no_descriptor_that_the_bot_needs(
    telegram: TelegramEmulator, bot: BotProcess
) -> None:
    """With 256 descriptors the server takes fewer connections and says so. Telegram is answered; the log is short."""
    await bot.start(descriptors=FEW)
    assert f"this process may open {FEW} files, so its server takes" in bot.text()
    anna = telegram.user("Anna")
    with crowd(bot.port, 300):
        before = len(bot.text().splitlines())
        for number in range(20):
            await anna.send(f"/say {number}")
            await anna.wait_for(f"said {number}")
        lines = bot.text().splitlines()[before:]
        assert [line for line in lines if " INFO " not in line] == []
        assert len(lines) < 40, "one line for each update, and little else"
    assert await bot.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_without_any_descriptor_the_log_and_the_processor_stay_quiet(
    telegram: TelegramEmulator, bot: BotProcess, until: Until
) -> None:
    """A plugin has taken all descriptors: one line tells so, nothing multiplies, and afterwards the bot goes on."""
    await bot.start(descriptors=FEW)
    anna = telegram.user("Anna")
    await anna.send("/say hello")
    await anna.wait_for("said hello")
    await anna.send("/take")
    await anna.wait_for("taken")
    with crowd(bot.port, 100):
        await until(lambda: "no connection can be accepted" in bot.text())
        used = cpu_seconds(bot.pid)
        await asyncio.sleep(2.5)  # asyncio tries again each second
        assert cpu_seconds(bot.pid) - used < 1.0
        assert bot.text().count("no connection can be accepted") == 1
        assert "out of system resource" not in bot.text()
    assert len(bot.text().splitlines()) < 60
    await bot.stop()


async def test_one_failure_to_accept_is_one_more_try(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio sets a timer for each failure, and each begins to accept again: they must not multiply."""
    failures: list[str] = []

    def accept(_: socket.socket) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(constants, "ACCEPT_RETRY_DELAY", 0.001)
    loop = asyncio.get_running_loop()
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        monkeypatch.setattr(socket.socket, "accept", accept)
        loop.set_exception_handler(lambda _, context: failures.append(context["message"]))
        with crowd(kit.port, 1):
            while len(failures) < 50:
                await asyncio.sleep(0.001)
                assert tries(loop, kit.port) <= 1
        loop.set_exception_handler(None)


def test_the_soft_limit_is_raised_to_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the hard one is "any number" and the system takes a smaller one only."""
    set_: list[int] = []

    def setrlimit(_: int, limits: tuple[int, int]) -> None:
        if limits[0] == resource.RLIM_INFINITY or limits[0] > 24_576:
            raise ValueError("not so many")
        set_.append(limits[0])

    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    for soft, hard, then in (
        (256, 4096, [4096]),
        (256, resource.RLIM_INFINITY, [24_576]),
        (4096, 4096, []),
        (30_000, resource.RLIM_INFINITY, []),
    ):
        set_.clear()
        monkeypatch.setattr(resource, "getrlimit", lambda _, both=(soft, hard): both)
        descriptors.raise_limit()
        assert set_ == then


def test_connections_are_fitted_to_what_is_left(make_settings: Callable[..., Settings]) -> None:
    """Never more than the settings allow, and never none."""
    settings = make_settings(web={"port": 0, "max_connections": 500}, database={"url": "postgresql://x/y"})
    beside = descriptors.needed(settings)
    for allowed, expected in (
        (None, 500), (1_000_000, 500), (beside + 500, 500), (beside + 499, 499), (beside + 20, 20),
        (beside, descriptors.LEAST), (1, descriptors.LEAST),
    ):  # fmt: skip
        assert descriptors.connections(settings, allowed) == expected
        assert (descriptors.too_few(settings, allowed) is None) is (expected == 500)


def test_what_plugins_call_leaves_descriptors_to_the_database(make_settings: Callable[..., Settings]) -> None:
    """However few there are: an API that hangs keeps no more than half of what is meant for calls to others."""
    settings = make_settings(web={"port": 0, "max_connections": 500}, database={"url": "postgresql://x/y"})
    for allowed in (64, 256, 600, 700, 1_024, 20_000):
        most, per_host = descriptors.outgoing(settings, allowed)
        assert 0 < per_host <= min(most // 2, descriptors.PER_HOST)
        server, beside = descriptors.connections(settings, allowed), descriptors.needed(settings)
        if server > descriptors.LEAST:
            assert server + beside - descriptors.OUTSIDE // 2 + most <= allowed
    assert descriptors.outgoing(settings, None) == (0, descriptors.PER_HOST)


async def test_only_complaints_about_accepting_are_rare(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever else the loop has to tell is told each time."""
    loop = asyncio.get_running_loop()
    handler = run._Complaints()
    for _ in range(5):
        handler(loop, {"message": "socket.accept() out of system resource", "exception": OSError(24, "Too many")})
        handler(loop, {"message": "Task exception was never retrieved", "exception": OSError(5, "I/O error")})
    told = [record.getMessage() for record in caplog.records]
    assert sum("no connection can be accepted (Too many)" in line for line in told) == 1
    assert sum("never retrieved" in line for line in told) == 5
