"""aiohttp's connection with the limits that aiohttp has not: time for heads and bodies, and how many are open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import StreamReader, hdrs, web

from astral_core.errors import BodyTimeout
from astral_core.observe.logs import LogThrottle

SERVER = "astral"  # aiohttp would name itself and Python, with their versions
HEAD_TIMEOUT = 5.0  # seconds from the first byte of a head to its last
BODY_TIMEOUT = 5.0  # seconds from the end of a head to the end of its body
KEEP_ALIVE = 75.0  # seconds that a connection may be idle
LINGER = 2.0  # seconds for which the rest of a refused body is thrown away, so that its sender reads the answer


class Connections:
    """The open connections of one server, at most `most`.

    A connection is a stranger's until it has sent a valid secret. Where all places are taken, a newcomer gets that
    of the oldest stranger who keeps the server waiting: so a crowd of idle or slow ones cannot lock Telegram out.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.malformed = LogThrottle()
        self._strangers: dict[Connection, None] = {}  # in the order in which they came
        self._proven: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._strangers) + len(self._proven)

    def admit(self, newcomer: Connection) -> bool:
        """Take `newcomer` in; False where there is no place for it."""
        if len(self) >= self.most:
            idle = next((one for one in self._strangers if one.keeps_waiting), None)
            if idle is None:
                return False
            self.drop(idle)
            idle.abort()
        self._strangers[newcomer] = None
        return True

    def prove(self, connection: Connection) -> None:
        """Note that `connection` has sent a valid secret."""
        if connection in self._strangers:
            del self._strangers[connection]
            self._proven.add(connection)

    def drop(self, connection: Connection) -> None:
        """Count `connection` no more."""
        self._strangers.pop(connection, None)
        self._proven.discard(connection)

    def close(self) -> None:
        """Close all that are still open."""
        for connection in (*self._strangers, *self._proven):
            connection.force_close()


class Connection(web.RequestHandler):
    """One connection. An idle one has aiohttp's own keep-alive time: a head's time begins with its first byte."""

    __slots__ = ("_head_timer", "_others")

    def __init__(self, server: web.Server, others: Connections) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
            access_log=None,  # type: ignore[arg-type]  # None is documented as "no access log"
        )
        self._others = others
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def keeps_waiting(self) -> bool:
        """Whether nothing can be done here until the client sends more."""
        request = self._current_request
        if request is not None:
            return not request.content.is_eof()
        return not self._messages

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it."""
        if self._others.admit(self):
            super().connection_made(transport)
        elif isinstance(transport, asyncio.Transport):
            transport.abort()

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
        self._others.drop(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer who speaks no HTTP without a word: aiohttp would send back all that came."""
        del message
        return super().handle_error(request, status, exc, "")

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Send `resp`, which every answer that is not sent yet passes: routes', refusals, errors."""
        if isinstance(resp, web.StreamResponse):  # a broken route may return anything
            resp.headers[hdrs.SERVER] = SERVER
        return super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log that a client speaks no HTTP: seldom, because anybody can be the cause."""
        left_out = self._others.malformed()
        if left_out is not None:
            self.logger.warning(*args, **kw)
            self.logger.warning("%d more of these were left out of the log before", left_out)

    def prove(self) -> None:
        """Note that a valid secret came this way."""
        self._others.prove(self)

    def abort(self) -> None:
        """Close at once; what was not sent yet is dropped."""
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


async def in_time(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Run `handler`; whoever reads the body after its time gets a BodyTimeout."""
    content = request.content
    if content.is_eof():  # as nearly always: head and body came in one piece
        return await handler(request)
    timer = asyncio.get_running_loop().call_later(BODY_TIMEOUT, _end_body, content)
    try:
        return await handler(request)
    finally:
        timer.cancel()


def _end_body(content: StreamReader) -> None:
    if not content.is_eof():
        content.set_exception(BodyTimeout())
