"""Resync: a request to look into the database, because there may be rows that memory does not know."""

from __future__ import annotations

import asyncio
import contextlib


class Resync:
    """`request` by whatever is not sure of a commit; the replica waits for it and then compares."""

    def __init__(self) -> None:
        self._wanted = False
        self._event = asyncio.Event()

    def request(self) -> None:
        """Compare memory with the database soon."""
        self._wanted = True
        self._event.set()

    def wake(self) -> None:
        """Look for work of others soon, without a comparison."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as somebody asks."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()

    def calm(self) -> None:
        """Forget wake-ups until now: who asks meanwhile has waited, too."""
        self._event.clear()

    def take(self) -> bool:
        """Whether a comparison was requested; from now on it is not."""
        wanted, self._wanted = self._wanted, False
        return wanted
