"""The load: button presses as Telegram posts them, over connections that are kept alive."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.report import PATIENCE, BenchError
from benchmarks.wire import end_of_head, end_of_message

HEADER = "X-Telegram-Bot-Api-Secret-Token"
PATH = "/webhook/telegram"
CONNECTIONS = 40  # Telegram's own default
CHATS = 400
FIRST_CHAT = 10_000
LOOK = 0.005  # seconds between two looks at the clock
_numbers = itertools.count(5_000_000)


@dataclass(frozen=True)
class Press:
    """One update: its number is the update's id, `data` the button's."""

    number: int
    data: str
    user: int

    def body(self) -> bytes:
        """The JSON that Telegram posts: the message that was pressed, with its twelve buttons, comes along."""
        user = {"id": self.user, "is_bot": False, "first_name": "Ada", "username": "ada", "language_code": "en"}
        message = {
            "message_id": 1_000 + self.user % 100,
            "from": {"id": 123456, "is_bot": True, "first_name": "Bench", "username": "bench_bot"},
            "chat": {"id": self.user, "first_name": "Ada", "username": "ada", "type": "private"},
            "date": 1_760_000_000,
            "text": "Choose what you would like to know about your chart today.",
            "entities": [{"offset": 0, "length": 6, "type": "bold"}],
            "reply_markup": {"inline_keyboard": _keyboard(self.data)},
        }
        query = {
            "id": str(self.number), "from": user, "message": message, "chat_instance": "-3400000000000000000",
            "data": self.data,
        }  # fmt: skip
        return json.dumps({"update_id": self.number, "callback_query": query}).encode()


def _keyboard(data: str) -> list[list[dict[str, str]]]:
    texts = iter(range(12))
    return [[{"text": f"Button {next(texts)}", "callback_data": data} for _ in range(3)] for _ in range(4)]


def presses(count: int, data: str, chats: int = CHATS, first: int = FIRST_CHAT) -> list[Press]:
    """`count` presses of one button by `chats` people in turn; no update id comes twice in a run."""
    return [Press(next(_numbers), data, first + index % chats) for index in range(count)]


@dataclass(frozen=True)
class Acknowledged:
    """A press that was answered 200: seconds of the monotonic clock, the same in all processes of a machine."""

    press: Press
    sent: float
    answered: float

    @property
    def seconds(self) -> float:
        """From sending to the answer."""
        return self.answered - self.sent


class _Connection(asyncio.Protocol):
    """Posts one press after the other; opens itself anew where the server closes it between two."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._press: Press | None = None
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self.next()

    def next(self) -> None:
        """Post the next press, if there is one now."""
        found = self._load.take(self)
        if found is None or self._transport is None:
            return
        self._press, request = found
        self._sent = time.monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = end_of_message(self._buffer)
        if end < 0 or self._press is None:
            return
        head = bytes(self._buffer[: end_of_head(self._buffer)])
        status = head[9:12]
        del self._buffer[:end]
        if status != b"200":
            self._load.fail(f"answered {status.decode()} to a post")
            return
        self._load.acknowledged(Acknowledged(self._press, self._sent, time.monotonic()))
        self._press = None
        if b"connection: close" in head.lower():
            self.close()  # the load opens another one in its place
        else:
            self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._load.lost(self, in_flight=self._press is not None)

    def close(self) -> None:
        """Close; nothing is in flight any more."""
        if self._transport is not None:
            self._transport.close()


class Load:
    """A run of presses against one bot. `rate` is in presses a second; None is as fast as the bot answers."""

    def __init__(self, port: int, secret: str, rate: float | None = None) -> None:
        self._port, self._rate = port, rate
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"{HEADER}: {secret}\r\nContent-Length: "
        ).encode()
        self._waiting: Iterator[tuple[Press, bytes]] = iter(())
        self._idle: list[_Connection] = []
        self._due = 0
        self._left = 0
        self._ended = False
        self._done: list[Acknowledged] = []
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, items: Iterable[Press], connections: int = CONNECTIONS) -> list[Acknowledged]:
        """Post all; return when all are acknowledged. BenchError where one is not, or nothing moves any more."""
        ready = [(item, self._request(item.body())) for item in items]  # before: it must not take the bot's time
        self._waiting, self._left = iter(ready), len(ready)
        self._due = 0 if self._rate else len(ready)
        for _ in range(min(connections, len(ready))):
            self._open()
        if self._rate:
            self._keep(self._pace(len(ready)))
        try:
            await self._finished()
        finally:
            self._ended = True
            for task in self._tasks:
                task.cancel()
            for connection in self._connections:
                connection.close()
        return self._done

    def _request(self, body: bytes) -> bytes:
        return b"%s%d\r\n\r\n%s" % (self._head, len(body), body)

    async def _finished(self) -> None:
        left = self._left + 1
        while not self._end.done():
            if left == self._left:
                raise BenchError(f"the bot left {left} posts without an answer for {PATIENCE:g} s")
            left = self._left
            await asyncio.wait({self._end}, timeout=PATIENCE)
        self._end.result()

    async def _pace(self, count: int) -> None:
        began = time.monotonic()
        for index in range(count):
            await asyncio.sleep(began + index / (self._rate or 1) - time.monotonic())
            self._due += 1
            if self._idle:
                self._idle.pop().next()

    def take(self, connection: _Connection) -> tuple[Press, bytes] | None:
        """The next press and its request, None while none is due."""
        if self._due == 0:
            self._idle.append(connection)
            return None
        self._due -= 1
        return next(self._waiting)

    def acknowledged(self, item: Acknowledged) -> None:
        """Note an answer; the last one ends the run."""
        self._done.append(item)
        self._left -= 1
        if self._left == 0 and not self._end.done():
            self._end.set_result(None)

    def fail(self, what: str) -> None:
        """End the run."""
        if not self._ended and not self._end.done():
            self._end.set_exception(BenchError(f"the bot {what}"))

    def lost(self, connection: _Connection, *, in_flight: bool) -> None:
        """A server may close between two posts, not before it has answered one."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if in_flight:
            self.fail("closed a connection before it answered")
        elif self._left > 0 and not self._ended:
            self._open()

    def _open(self) -> None:
        self._keep(self._connect())

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        connection = _Connection(self)
        self._connections.add(connection)
        try:
            await loop.create_connection(lambda: connection, "127.0.0.1", self._port)
        except OSError as error:
            self.fail(f"refuses connections ({error.strerror})")


async def post(
    port: int, secret: str, items: Iterable[Press], rate: float | None = None, connections: int = CONNECTIONS
) -> list[Acknowledged]:
    """Post all presses to the bot that listens on `port`."""
    return await Load(port, secret, rate).run(items, connections)


def span(done: list[Acknowledged]) -> float:
    """Seconds from the first post to the last answer."""
    return max(item.answered for item in done) - min(item.sent for item in done)


class Lateness:
    """How late this process itself is woken: what no bot can be faster than, on a machine that is busy."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(LOOK)
            self._late.append(time.monotonic() - before - LOOK)

    @property
    def p99(self) -> float:
        """Seconds."""
        return statistics.quantiles(self._late, n=100)[98] if len(self._late) > 1 else 0.0
