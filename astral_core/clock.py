"""What time it is: by the machine, or by a clock that a test moves on."""

from __future__ import annotations

import asyncio
import time
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
