"""Due work: how late it begins when much of it is due at once, and what a million waiting rows cost a press."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

from astral_playground.testkit.bot import BotKit, bot_kit, module_plugin
from benchmarks.plugins import late
from benchmarks.setting import Setting

AT_ONCE, CHATS = 1_000, 200
MILLION = 1_000_000
PRESSES = 400
_FILL = {
    True: "INSERT INTO core_due (route, lane, key, generation, state, due_at, kind, payload, attempts, tries)"
    " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})"
    " SELECT 'late.fire', i, 'k', 1, 0, '2100-01-01 00:00:00.000000', 'step', '{{}}', 0, 0 FROM n",
    False: "INSERT INTO core_due (route, lane, key, generation, state, due_at, kind, payload, attempts, tries)"
    " SELECT 'late.fire', i, 'k', 1, 0, '2100-01-01', 'step', '{{}}', 0, 0 FROM generate_series(1, {many}) AS i",
}


async def measure(setting: Setting) -> None:
    """On each engine, in one process with its bot."""
    many = setting.pick(MILLION, MILLION // 10)
    table = setting.report.section(
        "Due work",
        f"{AT_ONCE} steps of {CHATS} chats that are due at the same time; and {PRESSES} steps, one after the other, "
        f"beside {many:,} rows that wait for another century, against the same without them (CPU).",
        "engine", "begin after the moment, p50", "p99", "a press beside them",
    )  # fmt: skip
    for engine, new in setting.engines():
        late.seconds.clear()
        async with bot_kit(new(), [module_plugin("late", late.__name__)]) as kit:
            setting.say(f"due: {engine}")
            await kit.settled()
            await _at_once(kit)
            cuts = quantiles(late.seconds, n=100)
            before = await _presses(kit)
            await _fill(kit, many)
            ratio = await _presses(kit) / before
            table.add(engine, f"{median(late.seconds):.2f} s", f"{cuts[98]:.2f} s", f"x {ratio:.2f}")
            setting.report.at_most(f"{AT_ONCE} due at once begin (p99), {engine}", cuts[98], 1.0, "s")
            setting.report.at_most(f"a press beside {many:,} waiting rows, {engine}", ratio, 1.15, "x")


async def _at_once(kit: BotKit) -> None:
    moment = time.time() + 3.0
    async with kit.context("late").work() as work:
        for number in range(AT_ONCE):
            due_at = datetime.fromtimestamp(moment, UTC)
            work.defer(late.fire(at=moment), at=due_at, key=str(number), to=1 + number % CHATS)
    while len(late.seconds) < AT_ONCE:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.05)
    await kit.settled()


async def _presses(kit: BotKit) -> float:
    """Seconds of CPU that some steps take from arrival to end: the cheapest round, which others disturbed least."""
    rounds = []
    for _ in range(9):
        began = time.process_time()
        for _ in range(PRESSES):
            async with kit.context("late").work() as work:
                work.defer(late.press(), to=7)
        await kit.settled()
        rounds.append(time.process_time() - began)
    return min(rounds)


async def _fill(kit: BotKit, many: int) -> None:
    database: Any = kit.running.database
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("SELECT 1")
        if not database.is_sqlite:
            await connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        await connection.exec_driver_sql(_FILL[database.is_sqlite].format(many=many))
