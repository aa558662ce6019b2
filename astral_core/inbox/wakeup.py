"""Wakes whatever waits for the next moment at which work is due."""

from __future__ import annotations

import asyncio
import contextlib
import time

SOON = 30.0  # seconds; what is tried again later than that keeps nobody waiting


class Wakeup:
    """`within(seconds)` makes `wait` return in time; many calls cost one wake-up."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._retrying = False
        self._expected = 0  # how often another try was announced
        self._planned = float("-inf")  # until when the waiting one sleeps, by the monotonic clock

    @property
    def called(self) -> bool:
        """Whether the waiting one is about to wake up early."""
        return self._event.is_set()

    @property
    def retrying(self) -> bool:
        """Whether something that failed is tried again soon, as far as is known here."""
        return self._retrying

    @property
    def expected(self) -> int:
        """A count that grows with each announcement of another try."""
        return self._expected

    def expect_retry(self, seconds: float) -> None:
        """Something that failed waits for another try in `seconds`."""
        if seconds <= SOON:
            self._retrying = True
            self._expected += 1
        self.within(seconds)

    def found(self, *, retrying: bool, asked: int) -> None:
        """The database says whether something waits for another try; `asked` was the count when it was asked."""
        self._retrying = retrying or self._expected != asked

    def call(self) -> None:
        """Wake up now."""
        self._event.set()

    def within(self, seconds: float) -> None:
        """Wake up in `seconds` at the latest."""
        if time.monotonic() + seconds < self._planned:
            self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as something is due earlier."""
        self._planned = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
        self._planned = float("inf")  # what comes now is due before the next wait, for all that is known
