"""What time it is: by the machine, or by a clock that a test moves on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What says when the time of a job or of deferred work has come."""

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
        """Nothing."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)


class _Shown:
    """Where `now` reads the time. One for the process: handlers have no other way to name their bot's clock."""

    read: Callable[[], datetime] | None = None


def now() -> datetime:
    """The time in UTC, aware; in a test it is what the kit's clock shows (`bot.advance`, `bot.freeze`)."""
    return datetime.now(UTC) if _Shown.read is None else _Shown.read()


@contextlib.contextmanager
def showing(read: Callable[[], datetime]) -> Iterator[None]:
    """Let `now` show what `read` returns, an aware time in UTC, inside the block. For tests.

    The core keeps its own books (leases, retention, queues) by the machine's clock all the same.
    """
    before, _Shown.read = _Shown.read, read
    try:
        yield
    finally:
        _Shown.read = before
