"""Posts acknowledged a second: what it costs to keep an update before it is answered 200.

Astral is measured twice. "Astral" handles what it takes meanwhile, in the same process; "the inbox alone" has all its
handlers wait for something else, as a bot's handlers do in a burst: that is the price of durability by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from benchmarks.bots import deliver
from benchmarks.figures import ASTRAL, Rates, hundredths, start
from benchmarks.ledger import Ledger
from benchmarks.load import presses, span
from benchmarks.report import Report
from benchmarks.roster import FLOOR, Peer
from benchmarks.setting import Setting

INSERT = Peer("insert", "one INSERT a request, SQLAlchemy", "", "naive.py", ("insert",))
BARE, ALONE = FLOOR.title, "Astral, the inbox alone"
HANDLERS, WAIT = 64, 3.0  # Astral's default number of handlers, and the seconds that they wait
WARM = 300


async def measure(setting: Setting) -> None:
    """One table for both engines."""
    table = setting.report.section(
        "Posts acknowledged a second",
        "As fast as 40 connections get answers; a press whose handler does nothing. Medians of interleaved rounds. "
        "Astral handles the updates in the same process meanwhile; in the row below all its handlers wait.",
        "engine", "bot", "posts/s", "of the floor", "p50 ms", "p99 ms",
    )  # fmt: skip
    for engine, new in setting.engines():
        found = await _rounds(setting, engine, new)
        for name, item in found.items():
            cuts = hundredths([one.seconds for one in item.answers])
            share = f"{item.rate / found[BARE].rate:.0%}"
            table.add(engine, name, f"{item.rate:,.0f}", share, f"{cuts[49]:.1f}", f"{cuts[98]:.1f}")
        for name in (ASTRAL, ALONE):
            _judge(setting.report, f"posts acknowledged, {engine}: {name}", name, found)


def _judge(report: Report, what: str, name: str, found: dict[str, Rates]) -> None:
    ours, bare, insert = (found[key].rate for key in (name, BARE, INSERT.title))
    report.at_least(what, ours / bare * 100, 35, "% of bare aiohttp", f"{ours:,.0f} against {bare:,.0f}/s")
    report.at_least(what, ours / insert, 3, "x one INSERT a request", f"{ours:,.0f} against {insert:,.0f}/s")


async def _rounds(setting: Setting, engine: str, new: Callable[[], str]) -> dict[str, Rates]:
    bots, posts = setting.bots, setting.pick(3_000, 1_500)
    async with AsyncExitStack() as stack:
        url = new()
        await stack.enter_async_context(Ledger(url))
        astral = bots.astral(ASTRAL, new())
        found = {
            BARE: Rates(bots.peer(FLOOR, BENCH_PARSED="0")),
            INSERT.title: Rates(bots.peer(INSERT, BENCH_DATABASE=url)),
            ASTRAL: Rates(astral),
            ALONE: Rates(astral),
        }
        await start(stack, *(item.bot for name, item in found.items() if name != ALONE))
        for item in found.values():
            await _round(item, WARM, alone=False)
            item.rates.clear()
            item.answers.clear()
        for number in range(setting.pick(5, 3)):
            setting.say(f"durable: posts acknowledged, {engine}, {number + 1}")
            for name, item in found.items():
                await _round(item, posts, alone=name == ALONE)
    return found


async def _round(item: Rates, posts: int, *, alone: bool) -> None:
    until = time.monotonic() + WAIT
    if alone:
        await deliver(item.bot, presses(HANDLERS, f"press:wait/{WAIT * 1_000:.0f}", chats=HANDLERS, first=900_000))
    done = await deliver(item.bot, presses(posts, "press:noop"))
    item.rates.append(posts / span(done))
    item.answers += done
    if alone:
        await asyncio.sleep(max(until + 0.2 - time.monotonic(), 0.0))
    await item.bot.rests()
