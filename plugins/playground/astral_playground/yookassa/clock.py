"""The emulator's time: real time plus what was skipped, or time that moves only by hand."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

__all__ = ["VirtualClock"]

_CENTURY = 100 * 365.25 * 86400


class VirtualClock:
    """Tells the time (UTC) and lets a test or a person skip hours.

    :param start: the first moment; now by default. Must be aware.
    :param running: False freezes the clock, so that only :meth:`advance` moves it (deterministic tests).
    """

    def __init__(self, start: datetime | None = None, *, running: bool = True) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError(f"VirtualClock: start {start!r} has no time zone; pass an aware datetime")
        self.running = running
        self._base = start or datetime.now(UTC)
        self._origin = time.monotonic()
        self._skipped = 0.0
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The virtual moment, in UTC."""
        elapsed = time.monotonic() - self._origin if self.running else 0.0
        return self._base + timedelta(seconds=elapsed + self._skipped)

    def advance(self, seconds: float) -> None:
        """Skip `seconds` and wake all that sleep.

        :raises ValueError: `seconds` is negative (time does not go back) or adds up to over a century.
        """
        if not 0 <= seconds <= _CENTURY - self._skipped:
            raise ValueError(
                f"VirtualClock: cannot advance by {seconds} s; pass seconds >= 0, at most {_CENTURY:.0f} in all"
            )
        self._skipped += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, moment: datetime) -> None:
        """Wait until the virtual time is `moment` or later."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            moved = self._moved
            with suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), left if self.running else None)
