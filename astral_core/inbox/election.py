"""One of the replicas is the leader, which does what only one may do."""

from __future__ import annotations

import asyncio


class Election:
    """Whether this process leads. Decided by the replica; others wait for it."""

    def __init__(self) -> None:
        self._terms = 0
        self._won = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()

    @property
    def leader(self) -> bool:
        """Whether this process is the leader."""
        return self._won.is_set()

    @property
    def terms(self) -> int:
        """How often this process has become the leader."""
        return self._terms

    def decide(self, leader: bool) -> None:
        """This process is the leader, or is it no more."""
        if leader and not self.leader:
            self._terms += 1
        (self._won.set if leader else self._won.clear)()
        (self._lost.clear if leader else self._lost.set)()

    async def wait_won(self) -> None:
        """Return when this process is the leader."""
        await self._won.wait()

    async def wait_lost(self) -> None:
        """Return when this process is not the leader."""
        await self._lost.wait()
