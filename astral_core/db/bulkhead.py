"""Bulkheads: of the pool's connections a plugin holds so many at most that others find some.

Units of work that lock the same rows in different orders end in deadlocks, one a second, and whoever is rolled back
comes again: with all of them side by side that goes on for minutes. So after a collision fewer of that plugin may be
inside, down to one at a time, and twice as many again after each second without one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.util import await_only

from astral_core.observe.logs import LogThrottle

log = logging.getLogger("astral.db")
CALM = 1.0  # seconds without a collision, after which twice as many may be inside
PATIENCE = 10.0  # seconds that a unit of work waits for a connection: less than a handler may take
KEPT = 4  # the last quarter of a pool is for plugins that hold none, and for the core
LARGE = 8  # a pool of so many keeps its last connection for the core alone
CORE = "core"


class Bulkheads:
    """The `size` connections of a pool, and a bulkhead for each plugin, which holds at most `limit` of them.

    When three quarters are taken, only plugins that hold none get one: so several slow ones together do not take all.
    """

    def __init__(self, size: int, limit: int) -> None:
        self.limit = limit
        self._free = size
        self._kept = size // KEPT if size >= LARGE else 0
        self._last = 1 if size >= LARGE else 0
        self._all: dict[str, Bulkhead] = {}  # whose turn it is first

    def of(self, plugin: str) -> Bulkhead:
        """The bulkhead of `plugin`."""
        found = self._all.get(plugin)
        if found is None:
            found = self._all[plugin] = Bulkhead(plugin, self)
        return found

    @property
    def full(self) -> list[str]:
        """The plugins whose handlers wait for a connection."""
        return [plugin for plugin, bulkhead in self._all.items() if bulkhead.waiting]

    def has_room(self, bulkhead: Bulkhead) -> bool:
        """Whether a plugin may have one more of the pool's connections."""
        if bulkhead.plugin == CORE:
            return self._free > 0
        return self._free > (self._kept if bulkhead.held else self._last)

    def give(self, number: int) -> None:
        """Note that a plugin got so many, or gave them back."""
        self._free -= number

    def hand_out(self) -> None:
        """Let those in who wait and may have one, the plugins in turn."""
        for bulkhead in list(self._all.values()):
            if bulkhead.waiting and bulkhead.hand_out():
                self._all[bulkhead.plugin] = self._all.pop(bulkhead.plugin)  # behind the others


class Bulkhead:
    """The connections of one plugin, given out in the order in which they are asked for."""

    def __init__(self, plugin: str, pool: Bulkheads) -> None:
        self.plugin = plugin
        self.held = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self._pool = pool
        self._complain = LogThrottle()
        self._complain_of_collisions = LogThrottle()
        self._narrowed = pool.limit
        self._collided = float("-inf")  # when the last collision was, by the monotonic clock

    @property
    def places(self) -> int:
        """How many may be inside now."""
        limit = self._pool.limit
        if self._narrowed >= limit:
            return limit
        steps = int((time.monotonic() - self._collided) / CALM)
        return min(limit, self._narrowed << min(steps, 16))

    def collided(self) -> None:
        """One of those inside was rolled back because of others: let half as many in from now on."""
        self._narrowed, self._collided = max(1, min(self.places, self.held) // 2), time.monotonic()
        if self._complain_of_collisions() is not None:
            log.warning(
                "plugin %r: the database rolled a transaction back because another locked the same rows in another "
                "order; it runs again, and fewer run side by side for a moment. Fix: lock rows in one order, such as "
                "that of their keys.", self.plugin,
            )  # fmt: skip

    def take(self) -> None:
        """Take one, inside SQLAlchemy's greenlet; waits where none is left. Raises PoolTimeout after `PATIENCE`."""
        self._pool.hand_out()
        if not self.waiting and self._may():
            self._give(1)
        else:
            await_only(self.wait())

    async def wait(self) -> None:
        """Wait for a connection that somebody gives back."""
        if self.places == self._pool.limit and self._complain() is not None:  # else it is its own deadlocks
            log.warning(
                "plugin %r holds %d database connections, and no more are left for it; others of its handlers wait. "
                "Fix: end its units of work sooner, or raise [database] pool_size and plugin_connections.",
                self.plugin, self.held,
            )  # fmt: skip
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            async with asyncio.timeout(PATIENCE):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it was given one in the moment in which it gave up
                self.release()
            elif turn in self.waiting:
                self.waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise PoolTimeout(f"plugin {self.plugin!r} holds {self.held} connections, no more are left") from None
            raise

    def release(self) -> None:
        """Give one back: the next who waits gets it."""
        self._give(-1)
        self._pool.hand_out()

    def hand_out(self) -> bool:
        """Let the first of those in who wait, as far as there is room; whether one went in."""
        while self.waiting and self._may():
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._give(1)
                return True
        return False

    def _give(self, number: int) -> None:
        self.held += number
        self._pool.give(number)

    def _may(self) -> bool:
        return self.held < self.places and self._pool.has_room(self)


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

    def release(self, *, collided: bool = False) -> None:
        """Give it back; `collided` where the transaction was rolled back because of others."""
        if collided and self._places:
            self._bulkhead.collided()
        while self._places:
            self._places -= 1
            self._bulkhead.release()
