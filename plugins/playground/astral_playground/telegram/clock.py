"""Time of the emulated world: the machine's clock, or one that a test moves by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from typing import Protocol


class Clock(Protocol):
    """Where the world takes its time from."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def ahead(self) -> float:
        """The seconds that this clock is ahead of the machine's."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def ahead(self) -> float:
        """Nothing: it is the machine's."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until `advance` is called."""

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def time(self) -> float:
        """Seconds since the Unix epoch, as set."""
        return self._now

    def ahead(self) -> float:
        """The seconds that this clock is ahead of the machine's; negative if it is behind."""
        return self._now - time.time()

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been advanced by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        await future

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds` and wake every sleeper that is due."""
        if seconds < 0:
            raise ValueError(f"ManualClock.advance: {seconds} s is negative; time only moves forward")
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    def sleepers(self) -> list[float]:
        """Seconds until each live sleeper wakes, soonest first (what a test may wait for)."""
        return sorted(due - self._now for due, _, future in self._sleepers if not future.done())
