"""Until when express rows are answered: counted from when a row came, over all its attempts.

Telegram waits 10 s for the answer to a pre-checkout query, and a slow database must not take them. So the refusal
leaves by a timer of its own that needs no database, whatever the row's handler, its retries or its end wait for. The
clock is the process's monotonic one: nobody sets it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from astral_core.inbox.rows import InboxRow

LIFE = 8.0  # seconds; the other two are for the way to Telegram
KEPT = 600.0  # seconds: the memory of a row that nobody ended here, because its lane is another replica's now


class Deadlines:
    """`missed(row)` is called once for each row that is not answered in time."""

    def __init__(self, missed: Callable[[InboxRow], None]) -> None:
        self._missed = missed
        self._due: dict[int, float] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def watch(self, row: InboxRow) -> None:
        """Count from when `row` was seen first, also where it is read from the database again."""
        if row.seq not in self._due:
            self._due[row.seq] = row.seen + LIFE
            loop = asyncio.get_running_loop()
            self._timers[row.seq] = loop.call_later(self.left(row), self._miss, row)

    def left(self, row: InboxRow) -> float:
        """The seconds that the row still has; 0 where its time is over."""
        self.watch(row)
        return max(self._due[row.seq] - time.monotonic(), 0.0)

    def forget(self, seq: int) -> None:
        """The row is answered or ended."""
        self._due.pop(seq, None)
        timer = self._timers.pop(seq, None)
        if timer is not None:
            timer.cancel()

    def _miss(self, row: InboxRow) -> None:
        self._timers[row.seq] = asyncio.get_running_loop().call_later(KEPT, self.forget, row.seq)
        self._missed(row)
