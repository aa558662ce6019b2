"""The one long poll that a bot may have open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from .state import World


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

    async def wait(self, world: World, timeout: float) -> None:  # noqa: ASYNC109 - of the world's clock
        """Return at the next update or after `timeout` seconds of the world's clock."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not waiting.done():
                waiting.set_result(None)

        async def expire() -> None:
            await world.clock.sleep(timeout)
            wake()

        self._waiting = waiting
        world.updates.on_add(wake)
        timer = asyncio.create_task(expire())
        try:
            await waiting
        finally:
            timer.cancel()
            world.updates.remove_waker(wake)
            if self._waiting is waiting:
                self._waiting = None
