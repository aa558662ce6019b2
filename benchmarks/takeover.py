"""How long updates wait when the replica that acknowledged them dies, freezes or is stopped (PostgreSQL)."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks.bots import deliver
from benchmarks.ledger import Ledger
from benchmarks.load import presses
from benchmarks.processes import Child
from benchmarks.report import Section
from benchmarks.setting import Setting

STAND_BY = 20.0  # seconds that another replica gets to become ready; where only one may serve, it never does
REPLICAS = 2
UPDATES, LANES, HANDLER_MS = 60, 30, 30


@dataclass(frozen=True)
class Death:
    """A way for a replica to go: the signal, the budget and the time after which the rest is given up (seconds)."""

    title: str
    signal: signal.Signals
    budget: float
    limit: float
    rounds: int


NONE = Death("none, for comparison", signal.SIGCONT, 0.0, 30.0, 2)
DEATHS = (
    Death("kill -9", signal.SIGKILL, 3.0, 30.0, 3),
    Death("freeze (SIGSTOP)", signal.SIGSTOP, 15.0, 40.0, 2),
    Death("SIGTERM", signal.SIGTERM, 0.5, 30.0, 3),
)


async def measure(setting: Setting) -> None:
    """Each death some times."""
    if setting.postgres is None:
        for death in DEATHS:
            setting.report.missing(_what(death), f"<= {death.budget:g} s", setting.no_postgres)
        return
    table = setting.report.section(
        "Take-over",
        f"{REPLICAS} replicas on one PostgreSQL database; one acknowledges {UPDATES} updates of {LANES} chats, whose "
        f"handlers take {HANDLER_MS} ms and write, and goes at once. From the signal to the last effect.",
        "death", "to the last effect", "pending at the signal", "replicas that served",
    )  # fmt: skip
    for death in (NONE, *DEATHS):
        rounds = 1 if setting.quick else death.rounds
        await _judge(setting, table, death, [await _once(setting, death) for _ in range(rounds)])


def _what(death: Death) -> str:
    return f"take-over, {death.title}, PostgreSQL"


@dataclass(frozen=True)
class Outcome:
    """Seconds from the signal to the last effect, None where it never came; how much waited; who served."""

    seconds: float | None
    pending: int
    serving: int


async def _judge(setting: Setting, table: Section, death: Death, outcomes: list[Outcome]) -> None:
    times = [item.seconds for item in outcomes if item.seconds is not None]
    shown = ", ".join("never" if item.seconds is None else f"{item.seconds:.2f} s" for item in outcomes)
    pending = median(item.pending for item in outcomes)
    table.add(death.title, shown, f"{pending:.0f}", str(min(item.serving for item in outcomes)))
    if death is NONE:
        return
    if len(times) < len(outcomes):
        reason = f"{len(outcomes) - len(times)} of {len(outcomes)} times not within {death.limit:g} s"
        setting.report.missed(_what(death), f"<= {death.budget:g} s", reason)
    else:
        setting.report.at_most(_what(death), max(times), death.budget, "s", f"the slowest of {len(times)}")


async def _once(setting: Setting, death: Death) -> Outcome:
    setting.say(f"takeover: {death.title}")
    url = setting.new_postgres()
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(Ledger(url))
        replicas = [setting.bots.astral(f"replica {number}", url) for number in range(REPLICAS)]
        for replica in replicas:
            await stack.enter_async_context(replica)
        serving = sum([await _serves(replica) for replica in replicas])
        outcome = await _die(replicas[0], death, ledger, serving)
        await replicas[0].end(signal.SIGKILL)
    return outcome


async def _die(replica: Child, death: Death, ledger: Ledger, serving: int) -> Outcome:
    """Let one replica acknowledge and go; then watch the database."""
    await deliver(replica, presses(LANES, "press:slow/1", chats=LANES))  # warm, and every user is known
    await ledger.grown(LANES)
    done = await deliver(replica, presses(UPDATES, f"press:slow/{HANDLER_MS}", chats=LANES))
    pending = UPDATES + LANES - await ledger.count()
    died = time.monotonic()
    replica.send(death.signal)
    seen = await ledger.seen({item.press.number for item in done}, death.limit)
    seconds = max(seen.values()) - died if len(seen) == UPDATES else None
    return Outcome(seconds, pending, serving)


async def _serves(replica: Child) -> bool:
    """Wait until it is ready; the first of all always is."""
    try:
        async with asyncio.timeout(STAND_BY):
            await replica.answers()
    except TimeoutError:
        return False
    return True
