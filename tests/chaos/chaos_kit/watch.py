"""What a long run is watched for: the memory of its processes, and how late their event loops are."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from rich.table import Table

from astral_playground.testkit.process import BotProcess

EVERY = 5.0  # seconds
WARM_UP = 6  # samples until a process has its caches
_LAG = re.compile(r'^astral_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


@dataclass
class Life:
    """One process: resident MB over time, and the loop's lag in seconds that 99 of 100 beats stayed below."""

    name: str
    memory: list[float] = field(default_factory=list)
    lag: float = 0.0

    @property
    def growth(self) -> float | None:
        """MB since it was warm; None where it died before."""
        return self.memory[-1] - self.memory[WARM_UP] if len(self.memory) > WARM_UP else None


@dataclass
class Watch:
    """Samples all replicas until cancelled."""

    lives: dict[int, Life] = field(default_factory=dict)

    async def run(self, replicas: Sequence[BotProcess]) -> None:
        """Look every few seconds."""
        timeout = aiohttp.ClientTimeout(total=EVERY)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                for replica in replicas:
                    if replica.alive and not replica.frozen:
                        await self._look(session, replica)
                await asyncio.sleep(EVERY)

    async def _look(self, session: aiohttp.ClientSession, replica: BotProcess) -> None:
        pid = replica.pid
        try:
            async with session.get(f"{replica.url}/metrics") as answer:
                lag = percentile(await answer.text())
            memory = resident(pid)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return  # it is starting, or it was killed in this moment
        life = self.lives.setdefault(pid, Life(f"{replica.url} pid {pid}"))
        life.memory.append(memory)
        life.lag = lag

    def table(self) -> Table:
        """The lives that were long enough to tell something, the longest first."""
        table = Table(title=f"{len(self.lives)} processes were seen; the longest lives")
        for name in ("process", "samples", "MB at first", "MB at last", "growth since warm", "lag p99 below, s"):
            table.add_column(name, justify="left" if name == "process" else "right")
        for life in sorted(self.lives.values(), key=lambda life: -len(life.memory))[:5]:
            growth = "–" if life.growth is None else f"{life.growth:+.1f} MB"
            first, last = f"{life.memory[0]:.0f}", f"{life.memory[-1]:.0f}"
            table.add_row(life.name, str(len(life.memory)), first, last, growth, f"{life.lag:g}")
        return table


def resident(pid: int) -> float:
    """Resident memory in MB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def percentile(metrics: str, share: float = 0.99) -> float:
    """The bound of the histogram's bucket in which this share of the loop's beats ends."""
    buckets = [(float(bound), float(count)) for bound, count in _LAG.findall(metrics)]
    total = max((count for _, count in buckets), default=0.0)
    return next((bound for bound, count in buckets if total and count >= share * total), 0.0)
