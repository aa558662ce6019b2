"""Business writes: how many updates a second, and how soon, beside a handler that does them in the request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks.bots import deliver
from benchmarks.figures import ASTRAL, Rates, hundredths, start
from benchmarks.ledger import Ledger
from benchmarks.load import Lateness, presses
from benchmarks.processes import Child
from benchmarks.report import Section
from benchmarks.roster import Peer
from benchmarks.setting import Setting

RATE = 100.0  # updates a second of the measurement of times
STINT = 4.0  # seconds of one round of it
WRITES = Peer("writes", "two writes in the request, SQLAlchemy", "", "naive.py", ("writes",))


async def measure(setting: Setting) -> None:
    """Both tables, each on both engines."""
    whole = setting.report.section(
        "Updates a second until all effects are committed",
        "Two business writes: an UPDATE of a chat's counter and an INSERT. The handler in the request has no inbox, "
        "no order and no protection from doubles.",
        "engine", "bot", "updates/s", "of the request",
    )  # fmt: skip
    paced = setting.report.section(
        f"Times at {RATE:.0f} updates a second",
        "Two business writes; medians of interleaved rounds. An effect is committed when another connection sees it; "
        "it looks every 8 ms. The last column is how late a mere timer of the load generator was: what the machine "
        "itself added.",
        "engine", "bot", "ack p50 ms", "ack p99 ms", "committed p50 ms", "committed p99 ms", "timer p99 ms",
    )  # fmt: skip
    for engine, new in setting.engines():
        await _whole(setting, whole, engine, new)
        await _paced(setting, paced, engine, new)
    if setting.postgres is None:
        setting.report.missing("durability on PostgreSQL", "", setting.no_postgres)


async def _whole(setting: Setting, table: Section, engine: str, new: Callable[[], str]) -> None:
    bots, count = setting.bots, setting.pick(2_000, 800)
    async with AsyncExitStack() as stack:
        urls = [new(), new()]
        ledgers = [await stack.enter_async_context(Ledger(url)) for url in urls]
        found = {
            WRITES.title: Rates(bots.peer(WRITES, BENCH_DATABASE=urls[0])),
            ASTRAL: Rates(bots.astral(ASTRAL, urls[1])),
        }
        await start(stack, *(item.bot for item in found.values()))
        for number in range(-1, setting.pick(5, 3)):
            setting.say(f"durable: effects committed, {engine}, {'warm-up' if number < 0 else number + 1}")
            for item, ledger in zip(found.values(), ledgers, strict=True):
                rate = await _committed(item.bot, ledger, count if number >= 0 else 300)
                if number >= 0:
                    item.rates.append(rate)
    ours, theirs = found[ASTRAL].rate, found[WRITES.title].rate
    for name, item in found.items():
        table.add(engine, name, f"{item.rate:,.0f}", f"{item.rate / theirs:.0%}")
    what, detail = f"two writes, end to end, {engine}", f"{ours:,.0f} against {theirs:,.0f}/s"
    setting.report.at_least(what, ours / theirs * 100, 55, "% of a handler in the request", detail)


async def _committed(bot: Child, ledger: Ledger, count: int) -> float:
    """Updates a second, from the first post to the last effect."""
    before = await ledger.count()
    waiting = asyncio.create_task(ledger.grown(before + count))
    done = await deliver(bot, presses(count, "press:writes"))
    seconds = await waiting - min(item.sent for item in done)
    await bot.rests()
    return count / seconds


@dataclass
class Times:
    """99 cuts between hundredths in milliseconds, a list a round; `late` is the p99 of the load's own timer."""

    bot: Child
    ledger: Ledger
    ack: list[list[float]] = field(default_factory=list)
    effect: list[list[float]] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    missing: int = 0

    def cells(self) -> list[str]:
        """The middle of the rounds' p50 and p99."""
        middles = [_middle(rounds, at) for rounds in (self.ack, self.effect) for at in (50, 99)]
        return [f"{value:.1f}" for value in (*middles, median(self.late))]


def _middle(rounds: list[list[float]], hundredth: int) -> float:
    return median(cuts[hundredth - 1] for cuts in rounds)


async def _paced(setting: Setting, table: Section, engine: str, new: Callable[[], str]) -> None:
    bots, urls = setting.bots, [new(), new()]
    async with AsyncExitStack() as stack:
        ledgers = [await stack.enter_async_context(Ledger(url)) for url in urls]
        found = [
            Times(bots.peer(WRITES, BENCH_DATABASE=urls[0]), ledgers[0]),
            Times(bots.astral(ASTRAL, urls[1]), ledgers[1]),
        ]
        await start(stack, *(item.bot for item in found))
        for item in found:
            await _committed(item.bot, item.ledger, 300)
        for number in range(setting.pick(5, 2)):
            setting.say(f"durable: {RATE:.0f} updates/s, {engine}, {number + 1}")
            for item in found:
                await _stint(item)
    for item in found:
        missing = f", {item.missing} effects missing" if item.missing else ""
        table.add(engine, f"{item.bot.name}{missing}", *item.cells())
    what, ours, report = f"at {RATE:.0f} updates/s, {engine}", found[1], setting.report
    for point, rounds, limit in (("acknowledged", ours.ack, 50), ("effect committed", ours.effect, 100)):
        detail = f"p50 {_middle(rounds, 50):.1f} ms, a mere timer's p99 {median(ours.late):.1f} ms"
        report.at_most(f"{what}: {point}, p99", _middle(rounds, 99), limit, "ms", detail)


async def _stint(item: Times) -> None:
    """Some seconds at the rate."""
    items = presses(int(STINT * RATE), "press:writes")
    watching = asyncio.create_task(item.ledger.seen({one.number for one in items}, STINT + 30.0))
    async with Lateness() as lateness:
        done = await deliver(item.bot, items, RATE)
    seen = await watching
    await item.bot.rests()
    item.ack.append(hundredths([one.seconds for one in done]))
    effects = [seen[one.press.number] - one.sent for one in done if one.press.number in seen]
    item.effect.append(hundredths(effects))
    item.late.append(lateness.p99 * 1_000)
    item.missing += len(items) - len(seen)
