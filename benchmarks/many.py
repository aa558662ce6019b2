"""A thousand plugins: how much longer than ten they take to start, and what a press then costs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

from benchmarks.bots import deliver
from benchmarks.load import presses
from benchmarks.processes import Child, cpu_seconds
from benchmarks.setting import Setting

FEW, MANY = 10, 1_000
PLUGIN = """
from astral_core import Plugin

plugin = Plugin()


@plugin.command("c{number}")
async def command(ctx):
    pass


@plugin.callback("again/{{n:int}}")
async def again(ctx, n):
    pass


@plugin.page("GET", "/page")
async def page(ctx, request):
    pass
"""


async def measure(setting: Setting) -> None:
    """Start both some times, in turn; the last ones are pressed."""
    table = setting.report.section(
        "A thousand plugins",
        "Each is a distribution of its own with a command, a button and a page. SQLite, the schema in place already.",
        "plugins", "ready", "CPU µs of a no-op press",
    )  # fmt: skip
    bots = {number: _bot(setting, number) for number in (FEW, MANY)}
    seconds: dict[int, list[float]] = {FEW: [], MANY: []}
    for bot in bots.values():
        async with bot:  # the very first start makes the schema
            await bot.answers()
    for turn in range(setting.pick(5, 2)):
        setting.say(f"rates: {MANY} plugins, start {turn + 1}")
        for number, bot in bots.items():
            began = time.monotonic()
            async with bot:
                await bot.answers(pause=0.005)
                seconds[number].append(time.monotonic() - began)
    costs = {number: await _cost(setting, bot) for number, bot in bots.items()}
    for number in bots:
        table.add(f"{number:,}", f"{median(seconds[number]):.2f} s", f"{costs[number]:,.0f}")
    more = median(seconds[MANY]) - median(seconds[FEW])
    detail = f"{median(seconds[MANY]):.2f} against {median(seconds[FEW]):.2f} s"
    setting.report.at_most(f"ready with {MANY:,} plugins, more than with {FEW}", more, 2.0, "s", detail)


def _bot(setting: Setting, number: int) -> Child:
    """A bot with so many plugins beside the one that is pressed."""
    site = setting.bots.folder / f"plugins-{number}"
    for one in range(number):
        _install(site, one)
    bot = setting.bots.astral("Astral", setting.bots.sqlite())
    bot.environment = {
        **bot.environment,
        "PYTHONPATH": os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "ASTRAL_HOST__ENABLED": "[" + ", ".join(f'"many{one}"' for one in range(number)) + "]",
    }
    return bot


def _install(site: Path, number: int) -> None:
    """A distribution as pip would leave it."""
    name = f"many{number}"
    info = site / f"astral_{name}-1.0.dist-info"
    info.mkdir(parents=True)
    needed = "Requires-Dist: astral-core>=0.1,<0.2\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: astral-{name}\nVersion: 1.0\n{needed}", "utf-8")
    (info / "entry_points.txt").write_text(f"[astral.plugins]\n{name} = astral_{name}:plugin\n")
    (site / f"astral_{name}.py").write_text(PLUGIN.format(number=number))


async def _cost(setting: Setting, bot: Child) -> float:
    """Microseconds of CPU time of a press of the benchmark's own plugin."""
    count = setting.pick(3_000, 1_000)
    async with bot:
        await bot.answers()
        await deliver(bot, presses(count, "press:noop"))
        await bot.rests()
        before = cpu_seconds(bot.pid)
        await deliver(bot, presses(count, "press:noop"))
        return (await bot.rests() - before) / count * 1e6
