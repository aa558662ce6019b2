"""What time it is: by the clock that all replicas share, by the machine's, or by one that a test moves on.

How long something takes is measured by the monotonic clock, which nobody sets. When something is due is decided by
the clock that all replicas share: the database's. On SQLite there is one process, and its machine's clock decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import ClassVar, Protocol


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


SLACK = 0.05  # seconds by which a clock may be nudged without having been set
DRIFT = 0.001  # seconds a second by which two clocks may run apart: more than NTP slews one


class SharedClock:
    """The clock that all replicas share, as far as it is known here without asking.

    The clock of a replica's machine may be a day ahead, and may be set at any moment. So the database's clock is read
    whenever the database is asked for something anyway (`read`), and is counted on from there by the monotonic clock.
    With `local` the machine's clock is the one that counts, and is read anew each time. `clock` is that of the bot,
    which a test may have moved.
    """

    def __init__(self, clock: Clock, *, local: bool) -> None:
        self._clock = clock
        self._local = local
        # Between these two is what it shows less the monotonic clock, without what a test moved.
        self._low = self._high = 0.0
        self._read: float | None = None  # when it was read last, by the monotonic clock
        self._ahead = 0.0  # by how much a test had moved it then
        self._set_back = 0.0

    @property
    def set_back(self) -> float:
        """By how many seconds the clock was set back since the start, in all: a count that only grows."""
        return self._set_back

    def ahead(self) -> float:
        """The seconds by which a test has moved it."""
        return self._clock.ahead()

    def off(self) -> float:
        """The seconds by which the machine's clock is ahead of the shared one; 0 while that is not known."""
        return self._clock.time() - self.time()

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        if self._local or self._read is None:
            return self._clock.time()
        return (self._low + self._high) / 2 + time.monotonic() + self._clock.ahead()

    def now(self) -> datetime:
        """The time in UTC, aware."""
        return datetime.fromtimestamp(self.time(), UTC)

    def steady(self) -> float:
        """Seconds by a clock that nobody sets, but a test: for how long ago something was in this process."""
        return time.monotonic() + self._clock.ahead()

    def read(self, shown: datetime, since: float) -> None:
        """The clock showed `shown` at some moment between `since` and now, by the monotonic clock.

        Moments that contradict what is known say that the clock was set. Others make it known better.
        """
        moment, ahead = time.monotonic(), self._clock.ahead()
        low, high = shown.timestamp() - moment, shown.timestamp() - since
        if self._read is None:
            self._low, self._high = low, high
        else:
            may_be = SLACK + (moment - self._read) * DRIFT
            moved = ahead - self._ahead
            least, most = self._low - may_be - moved, self._high + may_be - moved
            if high < least:
                self._set_back += least - high
            is_set = high < least or low > most
            if is_set or moved:
                self._low, self._high = low, high
            else:
                self._low, self._high = max(low, least), min(high, most)
        self._read, self._ahead = moment, ahead


class _Shown:
    """Where `now` reads the time. One for the process: handlers have no other way to name their bot's clock."""

    read: Callable[[], datetime] | None = None  # what a test shows
    shared: ClassVar[list[SharedClock]] = []  # those of the bots that run in this process: one, but for tests


def now() -> datetime:
    """The time in UTC, aware, by the database's clock, which all replicas share; on SQLite by this machine's.

    In a test it is what the kit's clock shows (`bot.advance`, `bot.freeze`).
    """
    if _Shown.read is not None:
        return _Shown.read()
    return _Shown.shared[-1].now() if _Shown.shared else datetime.now(UTC)


@contextlib.contextmanager
def sharing(clock: SharedClock) -> Iterator[None]:
    """Let `now` show the time of a bot that runs, inside the block."""
    _Shown.shared.append(clock)
    try:
        yield
    finally:
        _Shown.shared.remove(clock)


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
