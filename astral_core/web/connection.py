"""aiohttp's connection with the limits that aiohttp has not: time for a request's head, and how many are open."""

from __future__ import annotations

import asyncio

from aiohttp import web

HEAD_TIMEOUT = 5.0  # seconds from the first byte of a head to its last
KEEP_ALIVE = 75.0  # seconds that a connection may be idle


class Connection(web.RequestHandler):
    """One connection. `others` are those that are open; beyond `most` a new one is closed at once.

    An idle connection is left to aiohttp's own keep-alive time: the head's time begins with its first byte.
    """

    __slots__ = ("_head_timer", "_most", "_others")

    def __init__(self, server: web.Server, others: set[Connection], most: int) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), keepalive_timeout=KEEP_ALIVE, access_log=None)  # type: ignore[arg-type]  # None is documented as "no access log"
        self._others = others
        self._most = most
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it."""
        if len(self._others) >= self._most:
            transport.close()
            return
        self._others.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Parse `data`; while a head is incomplete its time runs."""
        super().data_received(data)
        if self._waiter is None or self._waiter.done():  # a request is complete or under way: no head is awaited
            self._end_timer()
        elif self._head_timer is None:
            self._head_timer = asyncio.get_running_loop().call_later(HEAD_TIMEOUT, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it no more."""
        self._end_timer()
        self._others.discard(self)
        super().connection_lost(exc)

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
