"""When no process was ready, and how long people waited while one was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from astral_playground.testkit.process import BotProcess, until

from .traffic import Posting

EVERY = 0.05  # seconds
Downs = Sequence[tuple[float, float]]


@dataclass
class Ready:
    """Watches `replicas` until cancelled; `downs` are the times, from and to, in which nobody was ready."""

    replicas: Sequence[BotProcess]
    downs: list[tuple[float, float]] = field(default_factory=list)

    async def serves(self) -> bool:
        """Whether a process is ready that runs."""
        asked = [replica.answers("/readyz") for replica in self.replicas if replica.alive and not replica.frozen]
        return any(await asyncio.gather(*asked))

    async def watch(self, limit: float = 30.0) -> None:
        """Look all the time; AssertionError if nobody is ready for `limit` seconds."""
        while True:
            if not await self.serves():
                began = time.monotonic()
                await until(self.serves, limit, "a bot is ready again")
                self.downs.append((began, time.monotonic()))
            await asyncio.sleep(EVERY)


def waited(posting: Posting, downs: Downs) -> float:
    """How long an update waited for its answer while there was a process that was ready."""
    began, ended = posting.acked_at or posting.first_sent_at, posting.first_sent_at
    down = sum(max(0.0, min(ended, up) - max(began, gone)) for gone, up in downs)
    return max(0.0, ended - began - down)


def percentile(waits: Sequence[float], share: float = 0.99) -> float:
    """What this share of them did not wait longer than; 0 of none."""
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * share))] if waits else 0.0
