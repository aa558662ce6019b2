"""The process's write lock for SQLite, which has one writer."""

from __future__ import annotations

import asyncio
from collections import deque


class WriteLock:
    """A fair lock with two queues: urgent waiters (ingest) go before all others.

    SQLite lets one connection write. Waiting here, in the loop, instead of in the driver keeps the order and
    never times out; ingest goes first because Telegram waits for it.
    """

    def __init__(self) -> None:
        self._held = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @property
    def held(self) -> bool:
        """Whether somebody writes now."""
        return self._held

    async def acquire(self, *, urgent: bool = False) -> None:
        """Wait for the lock."""
        if not self._held:
            self._held = True
            return
        queue = self._urgent if urgent else self._others
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # the lock was handed over in the moment of the cancellation: pass it on
            elif turn in queue:  # else `release` has passed over it already
                queue.remove(turn)
            raise

    def release(self) -> None:
        """Hand the lock to the next waiter, urgent ones first."""
        for queue in (self._urgent, self._others):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._held = False
