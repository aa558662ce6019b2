"""The one long poll that a bot may have open."""

from __future__ import annotations

import asyncio

from .clock import Clock
from .errors import ApiError
from .updates import UpdateLog


class LongPoll:
    """A getUpdates call that waits: for an update, its time-out, or somebody who ends it."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[None] | None = None

    @property
    def open(self) -> bool:
        """Does a call wait now?"""
        return self._waiting is not None

    def interrupt(self, error: ApiError) -> None:
        """End the call that waits, if any, with `error`."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    async def wait(self, clock: Clock, updates: UpdateLog, timeout: float) -> None:  # noqa: ASYNC109 - of `clock`
        """Return at the next update or after `timeout` seconds of `clock`."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not waiting.done():
                waiting.set_result(None)

        async def expire() -> None:
            await clock.sleep(timeout)
            wake()

        self._waiting = waiting
        updates.on_add(wake)
        timer = asyncio.create_task(expire())
        try:
            await waiting
        finally:
            timer.cancel()
            updates.remove_waker(wake)
            if self._waiting is waiting:
                self._waiting = None
