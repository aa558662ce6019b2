"""The process's write lock for SQLite, which has one writer."""

from __future__ import annotations

import asyncio
from collections import deque


class WriteLock:
    """A fair lock: urgent waiters (ingest) go before all others, and among these the owners take turns.

    SQLite lets one connection write. Waiting here, in the loop, instead of in the driver keeps the order and
    never times out; ingest goes first because Telegram waits for it. However many handlers of one plugin wait, those
    of another come after one of them.
    """

    def __init__(self) -> None:
        self._held = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: dict[str, deque[asyncio.Future[None]]] = {}  # by owner, whose turn it is first

    @property
    def held(self) -> bool:
        """Whether somebody writes now."""
        return self._held

    async def acquire(self, *, urgent: bool = False, owner: str = "") -> None:
        """Wait for the lock; `owner` is the plugin that wants it."""
        if not self._held:
            self._held = True
            return
        queue = self._urgent if urgent else self._others.setdefault(owner, deque())
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
        while self._urgent:
            if _handed(self._urgent.popleft()):
                return
        while self._others:
            owner, queue = next(iter(self._others.items()))
            del self._others[owner]
            handed = bool(queue) and _handed(queue.popleft())
            if queue:
                self._others[owner] = queue  # behind the other owners
            if handed:
                return
        self._held = False


def _handed(turn: asyncio.Future[None]) -> bool:
    if turn.done():
        return False
    turn.set_result(None)
    return True
