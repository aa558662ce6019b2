"""Bulkheads: a plugin holds at most so many of the pool's connections; a slow one leaves some to the others."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.util import await_only

from astral_core.observe.logs import LogThrottle

log = logging.getLogger("astral.db")
PATIENCE = 10.0  # seconds that a unit of work waits for a connection: less than a handler may take


class Bulkhead:
    """`limit` connections for one plugin, given out in the order in which they are asked for."""

    def __init__(self, plugin: str, limit: int) -> None:
        self.plugin = plugin
        self.limit = limit
        self.held = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._complain = LogThrottle()

    def take(self) -> None:
        """Take one, inside SQLAlchemy's greenlet; waits where all are taken. Raises PoolTimeout after `PATIENCE`."""
        if self.held < self.limit:
            self.held += 1
        else:
            await_only(self._wait())

    async def _wait(self) -> None:
        if self._complain() is not None:
            log.warning(
                "plugin %r holds all of its %d database connections; others of its handlers wait. Fix: end its units "
                "of work sooner, or raise [database] plugin_connections.", self.plugin, self.limit,
            )  # fmt: skip
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(PATIENCE):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it was given one in the moment in which it gave up
                self.release()
            if isinstance(error, TimeoutError):
                raise PoolTimeout(f"plugin {self.plugin!r} holds all of its {self.limit} connections") from None
            raise

    def release(self) -> None:
        """Give one back: the next who waits gets it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.held -= 1


class Permit:
    """One session's place in a bulkhead: taken with its connection, given back with it."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self._places = 0  # more than one where statements of one session waited side by side

    def take(self) -> None:
        """Take a connection's place, unless this session has one."""
        if self._places == 0:
            self._bulkhead.take()
            self._places += 1

    def release(self) -> None:
        """Give it back."""
        while self._places:
            self._places -= 1
            self._bulkhead.release()
