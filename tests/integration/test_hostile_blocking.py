"""Plugins that block the event loop of a running bot: the watchdog says which one, where, and in which route."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest

from astral_core.observe.metrics import Metrics
from astral_core.observe.watchdog import Watchdog
from astral_playground.testkit.bot import BotKit, bot_kit, module_plugin

Until = Callable[..., Any]

PLUGIN = """
import json, re, subprocess, sys, time
from aiohttp import web
from astral_core import Plugin

plugin = Plugin()
blocked_lifespan = False

def seen():
    return False

def busy():
    end = time.monotonic() + 10  # a machine with much to do lets a process wait, and that is no blocking
    while not seen() and time.monotonic() < end:
        yield

def work(kind):
    if kind == "sleep":
        time.sleep(0.4)
    elif kind == "regex":
        for _ in busy():
            re.match(r"(a+)+$", "a" * 18 + "b")
    elif kind == "json":
        for _ in busy():
            json.dumps(list(range(20_000)), indent=1)
    elif kind == "child":
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.4)"], capture_output=True)

@plugin.command("block", description="Block")
async def block(ctx):
    work(ctx.args)
    ctx.reply("blocked")

@plugin.page("GET", "/page")
async def page(ctx, request):
    time.sleep(0.4)
    return web.Response(text="blocked")

@plugin.middleware()
async def middleware(ctx, call_next):
    if "middle" in ctx.text:
        time.sleep(0.4)  # in the middleware
    await call_next()

@plugin.hook
async def astral_lifespan(ctx):
    if blocked_lifespan:
        time.sleep(0.4)  # in the lifespan
    yield
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A plugin in a package of its own, since files tell whose code it is."""
    package = tmp_path / "astral_tardy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("astral_tardy", "astral_tardy.plugin"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("astral_tardy.plugin")


@pytest.fixture
async def kit(slow: ModuleType, sqlite_url: str) -> AsyncIterator[BotKit]:
    """A bot with that plugin."""
    async with bot_kit(sqlite_url, plugins=[module_plugin("slow", slow.__name__)]) as running:
        yield running


def reports(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the watchdog has said."""
    return [record.getMessage() for record in caplog.records if record.name == "astral.watchdog"]


@pytest.mark.parametrize(
    ("kind", "line"),
    [("sleep", "time.sleep(0.4)"), ("regex", "re.match("), ("json", "json.dumps("), ("child", "subprocess.run(")],
)
async def test_a_handler_that_blocks_is_named_with_its_route_also_inside_of_libraries(
    kit: BotKit, slow: ModuleType, caplog: pytest.LogCaptureFixture, kind: str, line: str
) -> None:
    """Sleeping, C code that holds the interpreter, a library's own code, waiting for a child: the plugin's line."""
    slow.seen = lambda: any(line in text for text in reports(caplog))
    anna = kit.user("Anna")
    await anna.send(f"/block {kind}")
    await anna.wait_for("blocked")
    said = [text for text in reports(caplog) if line in text]
    assert said
    assert said[0].startswith("plugin 'slow' blocks the event loop in route slow:/block for ")
    assert f"at {slow.__file__}:" in said[0]
    assert b'astral_event_loop_blocked_total{plugin="slow"}' in kit.running.metrics.render()


async def test_a_middleware_that_blocks_is_named(kit: BotKit, caplog: pytest.LogCaptureFixture) -> None:
    """Its line, and the route that it stands before."""
    anna = kit.user("Anna")
    await anna.send("/help middle")
    await anna.wait_for("What I can do")
    said = [text for text in reports(caplog) if "# in the middleware" in text]
    assert said
    assert said[0].startswith("plugin 'slow' blocks the event loop in route core:/help for ")


async def test_a_web_route_that_blocks_is_named(
    kit: BotKit, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Its line and its path."""
    async with http.get(f"{kit.url}/plugins/slow/page") as response:
        assert await response.text() == "blocked"
    said = [text for text in reports(caplog) if "time.sleep(0.4)" in text]
    assert said
    assert said[0].startswith("plugin 'slow' blocks the event loop in route slow:/page for ")


async def test_a_lifespan_that_blocks_is_named(
    slow: ModuleType, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Already while the bot starts."""
    slow.blocked_lifespan = True
    async with bot_kit(sqlite_url, plugins=[module_plugin("slow", slow.__name__)]):
        said = [text for text in reports(caplog) if "# in the lifespan" in text]
    assert said
    assert said[0].startswith("plugin 'slow' blocks the event loop for ")


async def test_a_block_that_goes_on_is_reported_again_with_its_stack(caplog: pytest.LogCaptureFixture) -> None:
    """After 0.1 s one line, after 1 s the whole stack; it counts once."""
    metrics = Metrics()
    watchdog = Watchdog(metrics, lambda name: "moon" if name == __file__ else None)
    watchdog.start()
    await asyncio.sleep(0.1)
    while len(reports(caplog)) < 2:
        time.sleep(0.05)  # noqa: ASYNC251  # that is the point
    await watchdog.stop()
    first, second = reports(caplog)[:2]
    assert "\n" not in first
    assert "Traceback" not in first
    assert "time.sleep(0.05)" in second
    assert "in test_a_block_that_goes_on_is_reported_again_with_its_stack" in second
    assert b'astral_event_loop_blocked_total{plugin="moon"} 1.0' in metrics.render()


FROZEN = """
import asyncio, logging, sys, time
from astral_core.observe.metrics import Metrics
from astral_core.observe.watchdog import Watchdog
logging.basicConfig(stream=sys.stdout, format="%(message)s")
async def main():
    watchdog = Watchdog(Metrics(), lambda name: "moon" if name == __file__ else None)
    watchdog.start()
    print("ready", flush=True)
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end:
        sum(range(20_000))  # a bot at work, in steps that are short
        await asyncio.sleep(float(sys.argv[2]))
    await watchdog.stop()
    print("end", flush=True)
asyncio.run(main())
"""


async def run_busy(tmp_path: Path, seconds: float, pause: float) -> asyncio.subprocess.Process:
    """A process that works in short steps under a watchdog."""
    script = tmp_path / "busy.py"
    script.write_text(FROZEN)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(seconds), str(pause), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.rest
async def test_a_process_that_was_stopped_accuses_nobody(tmp_path: Path) -> None:
    """SIGSTOP, a frozen container, a laptop's lid: time passed, but nothing ran."""
    process = await run_busy(tmp_path, 3.0, 0.0)
    for _ in range(4):
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.05)
    said, _ = await process.communicate()
    assert said.endswith(b"end\n")
    assert all(int(ms) < 400 for ms in re.findall(rb"for (\d+) ms", said))


@pytest.mark.rest
@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="the system does not tell who waits for a processor"
)
async def test_a_busy_machine_accuses_nobody(tmp_path: Path) -> None:
    """Who waits for a processor does not block the loop; others do."""
    burners = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
        for _ in range(2 * (os.cpu_count() or 2))
    ]
    try:
        process = await run_busy(tmp_path, 1.0, 0.0)
        said, _ = await process.communicate()
    finally:
        for burner in burners:
            burner.kill()
            await burner.wait()
    assert said == b"end\n"
