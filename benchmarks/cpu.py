"""CPU microseconds of a bot's own process for one update, beside other frameworks.

All bots run at the same time and get the same presses in turn, round by round, so that what else happens on the
machine meets all of them. Counted is the CPU time of the bot's process from the first post until it rests again.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks.bots import deliver
from benchmarks.load import presses
from benchmarks.processes import Child, cpu_seconds
from benchmarks.report import BenchError, Report
from benchmarks.roster import FLOOR, Peer
from benchmarks.setting import Setting

ROUTES = 1_000
FEW = 5
EDITS, NOOP, MANY = "answers and edits", "no-op", f"no-op, {ROUTES} routes in front"
LIMITED = "no-op with a flood limit"
GUARDED = "answers and edits, with a role, a flood limit and a state read"
TRIAL = 20  # posts to learn roughly what one costs
ASTRAL = "Astral"
PTB, MOVED = "PTB + httpx, aiohttp", "its bot in Astral"
IN_BODY, AS_CALL = "answer in the body", "answer as a call"


@dataclass
class Run:
    """One bot under one kind of press: `costs` are microseconds an update, one figure a round."""

    row: str
    column: str
    bot: Child
    data: str
    count: int = 0
    costs: list[float] = field(default_factory=list)


Costs = dict[tuple[str, str], list[float]]


def ratio(costs: list[float], base: list[float]) -> float:
    """The middle of the rounds' ratios: what slows a whole round down falls out."""
    return median(cost / other for cost, other in zip(costs, base, strict=False))


async def measure(setting: Setting) -> None:
    """All three workloads, then the budgets."""
    comparison = Comparison(setting)
    async with AsyncExitStack() as stack:
        await comparison.measure(await comparison.simple(stack), setting.pick(9, 4))
    async with AsyncExitStack() as stack:
        await comparison.measure(await comparison.with_routes(stack), setting.pick(11, 5))
    _show(setting.report, comparison.costs, comparison.reasons)
    _judge(setting.report, comparison.costs, comparison.reasons)


@dataclass
class Comparison:
    """Costs by row and column; a peer that could not be measured has a reason instead."""

    setting: Setting
    costs: Costs = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    async def simple(self, stack: AsyncExitStack) -> list[Run]:
        """Everybody with a handful of routes."""
        runs: list[Run] = []
        for peer in self.setting.peers:
            bot = await self._peer(stack, peer, 0)
            if bot is not None:
                runs += [Run(peer.title, EDITS, bot, "press:edit"), Run(peer.title, NOOP, bot, "press:noop")]
        for engine, new in self.setting.engines():
            bot = await stack.enter_async_context(self.setting.bots.astral(f"{ASTRAL}, {engine}", new()))
            await bot.answers()
            runs += [
                Run(f"{bot.name}, {IN_BODY}", EDITS, bot, "press:edit"),
                Run(f"{bot.name}, {IN_BODY}", GUARDED, bot, "press:guarded"),
                Run(f"{bot.name}, {AS_CALL}", EDITS, bot, "press:manual"),
                Run(f"{bot.name}, {IN_BODY}", NOOP, bot, "press:noop"),
            ]
            moved = await stack.enter_async_context(self.setting.bots.moved(f"{MOVED}, {engine}", new()))
            await moved.answers()
            runs.append(Run(moved.name, EDITS, moved, "press:edit"))  # one that nobody answers, the core answers
        return runs

    async def with_routes(self, stack: AsyncExitStack) -> list[Run]:
        """Those that have routes, with a thousand; Astral also with few, to compare."""
        runs: list[Run] = []
        for peer in self.setting.peers:
            bot = await self._peer(stack, peer, ROUTES) if peer.with_routes else None
            if bot is not None:
                runs.append(Run(peer.title, MANY, bot, "press:noop"))
        for routes, column in ((FEW, str(FEW)), (ROUTES, MANY)):
            bot = self.setting.bots.astral(f"{ASTRAL}, SQLite", self.setting.bots.sqlite(), routes)
            await (await stack.enter_async_context(bot)).answers()
            runs.append(Run(f"{bot.name}, {IN_BODY}", column, bot, "press:noop"))
            if routes == FEW:
                runs.append(Run(f"{bot.name}, {IN_BODY}", LIMITED, bot, "press:limited"))
        return runs

    async def _peer(self, stack: AsyncExitStack, peer: Peer, routes: int) -> Child | None:
        """The running peer; None where it cannot be had or does not start."""
        if peer.title in self.reasons:
            return None
        try:
            bot = await stack.enter_async_context(self.setting.bots.peer(peer, routes))
            await bot.listens()
        except BenchError as error:
            self.reasons[peer.title] = str(error)
            return None
        return bot

    async def measure(self, runs: list[Run], rounds: int) -> None:
        """Warm every bot up and learn how many posts fill a round; then measure all in turn.

        Many short rounds: a minute in which something else runs then spoils few of them.
        """
        seconds, most = (0.4, 600) if self.setting.quick else (0.8, 2_000)
        for run in runs:
            run.count = TRIAL
            for _ in range(4):
                cost = await self._once(run)
                run.count = max(TRIAL, min(most, int(seconds * 1e6 / max(cost, 1.0))))
            self.setting.say(f"cpu: {run.row}, {run.column}: {run.count} updates a round")
        for number in range(rounds):
            self.setting.say(f"cpu: round {number + 1} of {rounds}")
            for run in runs:
                run.costs.append(await self._once(run))
        self.costs |= {(run.row, run.column): run.costs for run in runs if run.row not in self.reasons}

    async def _once(self, run: Run) -> float:
        """Microseconds an update; a bot that fails is not asked again."""
        if run.row in self.reasons:
            return 0.0
        api = self.setting.bots.api
        await api.count()
        before = cpu_seconds(run.bot.pid)
        try:
            await deliver(run.bot, presses(run.count, run.data))
            if run.column in (EDITS, GUARDED):
                await api.until("editMessageText", run.count)
        except BenchError as error:
            self.reasons[run.row] = str(error)
            return 0.0
        return (await run.bot.rests() - before) / run.count * 1e6


def _show(report: Report, costs: Costs, reasons: dict[str, str]) -> None:
    table = report.section(
        "CPU µs of the bot's process per update",
        "A press of one of twelve buttons in a private chat, posted by 40 connections; medians of interleaved "
        "rounds, and of their ratios. Astral alone has stored the update durably when it answers. The floor calls "
        "within the request.",
        "bot", EDITS, "of the floor", NOOP, "of the floor", MANY, f"of {NOOP}",
    )  # fmt: skip
    for row in dict.fromkeys(row for row, _ in costs):
        few = costs.get((row, str(FEW)), costs.get((row, NOOP)))
        bases = (costs.get((FLOOR.title, EDITS)), costs.get((FLOOR.title, NOOP)), few)
        cells: list[str] = []
        for column, base in zip((EDITS, NOOP, MANY), bases, strict=True):
            found = costs.get((row, column))
            cells += [
                f"{median(found):,.0f}" if found else "",
                f"{ratio(found, base):.2f} x" if found and base else "",
            ]
        table.add(row, *cells)
    for row, reason in reasons.items():
        table.add(row, f"not measured: {reason}")


def _judge(report: Report, costs: Costs, reasons: dict[str, str]) -> None:
    floor = costs.get((FLOOR.title, EDITS))
    if floor is None or (FLOOR.title, NOOP) not in costs:
        raise BenchError(f"the floor was not measured: {reasons.get(FLOOR.title, 'no figure')}")
    grammy = _of(costs, "grammY", EDITS)
    for row in (row for row, column in costs if row.startswith(ASTRAL) and column == EDITS):
        what, cost = f"CPU, {EDITS}: {row}", costs[row, EDITS]
        _ratio(report, what, cost, floor, 1.7, "x floor")
        if grammy is None:
            report.missing(what, "<= 1 x grammY", reasons.get("grammY, node's http", "grammY did not take part"))
        else:
            _ratio(report, what, cost, grammy, 1.0, "x grammY")
    for row in (row for row, column in costs if row.startswith(MOVED) and column == EDITS):
        own = _of(costs, PTB, EDITS)
        if own is None:
            report.missing(f"CPU, {EDITS}: {row}", "<= 1 x PTB", reasons.get(PTB, f"{PTB} did not take part"))
        else:
            _ratio(report, f"CPU, {EDITS}: {row}", costs[row, EDITS], own, 1.0, "x PTB")
    for row in (row for row, column in costs if column == GUARDED):
        _ratio(report, f"CPU, {GUARDED}: {row}", costs[row, GUARDED], costs[row, EDITS], 1.15, "x without")
    for row in (row for row, column in costs if row.startswith(ASTRAL) and column == NOOP):
        _judge_noop(report, costs, row)
    for row in (row for row, column in costs if column == str(FEW) and (row, MANY) in costs):
        what = f"CPU, no-op with {ROUTES} routes: {row}"
        _ratio(report, what, costs[row, MANY], costs[row, str(FEW)], 1.05, f"x with {FEW}")
        _ratio(report, f"CPU, {LIMITED}: {row}", costs[row, LIMITED], costs[row, str(FEW)], 1.08, "x without")


def _judge_noop(report: Report, costs: Costs, row: str) -> None:
    """330 µs and 230 µs where the floor takes 50 and PTB over aiohttp 230: the ratios are what holds elsewhere."""
    _ratio(report, f"CPU, {NOOP}: {row}", costs[row, NOOP], costs[FLOOR.title, NOOP], 330 / 50, "x floor")
    ptb = _of(costs, PTB, NOOP)
    if ptb is not None:
        _ratio(report, f"CPU, {NOOP}, stretch: {row}", costs[row, NOOP], ptb, 1.0, "x PTB over aiohttp")


def _ratio(report: Report, what: str, cost: list[float], base: list[float], limit: float, unit: str) -> None:
    detail = f"{median(cost):,.0f} against {median(base):,.0f} µs"
    report.at_most(what, ratio(cost, base), limit, unit, detail)


def _of(costs: Costs, beginning: str, column: str) -> list[float] | None:
    return next((cost for (row, of), cost in costs.items() if row.startswith(beginning) and of == column), None)
