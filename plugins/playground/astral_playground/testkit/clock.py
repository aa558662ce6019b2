"""The clock of a bot under test: it runs as the machine's does, and a test can move it on, or stop its hands."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta


class MovableClock:
    """The machine's clock plus what `advance` has added. Whoever sleeps by it wakes when his time has come.

    After `freeze` the hands stand still: `now` shows the same moment until `advance` moves it. What sleeps or is due
    goes on by the machine's seconds, so that retries and time-outs come to their end.
    """

    def __init__(self) -> None:
        self._added = 0.0
        self._frozen: datetime | None = None
        self._moved = asyncio.Event()

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time() + self._added

    def now(self) -> datetime:
        """What the hands show, in UTC: `astral_core.now()` of the bot under test."""
        return datetime.fromtimestamp(self.time(), UTC) if self._frozen is None else self._frozen

    def ahead(self) -> float:
        """The seconds that this clock is ahead of the machine's; negative if it is behind."""
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
        if self._frozen is not None:
            self._frozen += timedelta(seconds=seconds)
        self._move(self._added + seconds)

    def freeze(self, moment: datetime | str) -> None:
        """Set the clock to a moment, as of `moment_of`, and stop its hands there."""
        self._frozen = moment_of(moment).astimezone(UTC)
        self._move(self._frozen.timestamp() - time.time())

    def _move(self, added: float) -> None:
        self._added = added
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


def moment_of(moment: datetime | str) -> datetime:
    """A moment as a test writes it, "2026-03-01 09:00+00:00"; ValueError where it is none, or has no zone."""
    fix = "Fix: write it like '2026-03-01 09:00+00:00'."
    try:
        found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        raise ValueError(f"{moment!r} is no moment. {fix}") from None
    if found.tzinfo is None:
        raise ValueError(f"{str(moment)!r} has no zone. {fix}")
    return found
