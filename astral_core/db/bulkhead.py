"""Bulkheads: of the pool's connections a plugin holds so many at most that others find some."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.util import await_only

from astral_core.observe.logs import LogThrottle

log = logging.getLogger("astral.db")
PATIENCE = 10.0  # seconds that a unit of work waits for a connection: less than a handler may take
KEPT = 4  # the last quarter of a pool is for plugins that hold none
LARGE = 8  # a pool of so many keeps its last connection for the core


class Bulkheads:
    """The `size` connections of a pool, given to each plugin's handlers in the order in which they ask.

    A plugin holds at most `limit`. When three quarters are taken, only plugins that hold none get one: so several
    slow ones together do not take all.
    """

    def __init__(self, size: int, limit: int) -> None:
        self.limit = limit
        self.held: Counter[str] = Counter()
        self._free = size
        self._kept = size // KEPT if size >= LARGE else 0
        self._last = 1 if size >= LARGE else 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # by plugin, whose turn it is first
        self._complain: dict[str, LogThrottle] = {}

    def take(self, plugin: str) -> None:
        """Take one, inside SQLAlchemy's greenlet; waits where none is left for `plugin`.

        Raises PoolTimeout after `PATIENCE`.
        """
        if not self._waiting.get(plugin) and self._may(plugin):
            self._give(plugin)
        else:
            await_only(self.wait(plugin))

    def waiting(self, plugin: str) -> int:
        """How many of the plugin's handlers wait for a connection."""
        return len(self._waiting.get(plugin, ()))

    @property
    def full(self) -> list[str]:
        """The plugins whose handlers wait for a connection."""
        return [plugin for plugin, queue in self._waiting.items() if queue]

    async def wait(self, plugin: str) -> None:
        """Wait for a connection that somebody gives back."""
        if self._complain.setdefault(plugin, LogThrottle())() is not None:
            log.warning(
                "plugin %r holds %d database connections, and no more are left for it; others of its handlers wait. "
                "Fix: end its units of work sooner, or raise [database] pool_size and plugin_connections.",
                plugin, self.held[plugin],
            )  # fmt: skip
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(plugin, deque()).append(turn)
        try:
            async with asyncio.timeout(PATIENCE):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it was given one in the moment in which it gave up
                self.release(plugin)
            if isinstance(error, TimeoutError):
                held = self.held[plugin]
                raise PoolTimeout(f"plugin {plugin!r} holds {held} connections, no more are left for it") from None
            raise

    def release(self, plugin: str) -> None:
        """Give one back; who waits and may have it gets it, the plugins in turn."""
        self.held[plugin] -= 1
        self._free += 1
        for other in list(self._waiting):
            queue = self._waiting.pop(other)
            while queue and self._may(other):
                turn = queue.popleft()
                if not turn.done():
                    self._give(other)
                    turn.set_result(None)
                    break
            if queue:
                self._waiting[other] = queue  # behind the others

    def _give(self, plugin: str) -> None:
        self.held[plugin] += 1
        self._free -= 1

    def _may(self, plugin: str) -> bool:
        held = self.held[plugin]
        return held < self.limit and self._free > (self._kept if held else self._last)


class Permit:
    """One session's place in its plugin's bulkhead: taken with its connection, given back with it."""

    def __init__(self, bulkheads: Bulkheads, plugin: str) -> None:
        self._bulkheads = bulkheads
        self._plugin = plugin
        self._places = 0  # more than one where statements of one session waited side by side

    def take(self) -> None:
        """Take a connection's place, unless this session has one."""
        if self._places == 0:
            self._bulkheads.take(self._plugin)
            self._places += 1

    def release(self) -> None:
        """Give it back."""
        while self._places:
            self._places -= 1
            self._bulkheads.release(self._plugin)
