"""The clock of the emulated Telegram under test: it runs as the machine's does, and a test can move it on."""

from __future__ import annotations

import asyncio
import contextlib
import time


class MovableClock:
    """The machine's clock plus what `advance` has added. Whoever sleeps by it wakes when his time has come."""

    def __init__(self) -> None:
        self._added = 0.0
        self._moved = asyncio.Event()

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time() + self._added

    def ahead(self) -> float:
        """The seconds that `advance` has added."""
        return self._added

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock, which may be sooner than those of the machine's."""
        due = self.time() + seconds
        while (left := due - self.time()) > 0:
            moved = self._moved
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await moved.wait()

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        if seconds < 0:
            raise ValueError(f"MovableClock.advance: {seconds} s is negative; time only moves forward")
        self._added += seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
