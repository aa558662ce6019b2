"""Who does what while everything is wrong: people, a chat that floods, strangers, and an API that gives no answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

import aiohttp

from .run import House
from .telegram import HEADER, Telegram
from .traffic import FIRST_CHAT, Posting, Writer

HANG = 25.0  # seconds until the silent API hangs up
AGAIN = 0.02  # seconds until a refused post of the flood comes again
RATE = 15.0  # updates a second of those whom nothing is the matter with
IDLE = 200  # connections of strangers to each bot that say nothing
SLOW = 10  # heads that come letter by letter, to each bot
PATIENCE = 10.0  # seconds for the answer to a post
Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# Chats by what they do; those of the others are the first ones.
HANGING = {FIRST_CHAT + 10_000 + n: "askone" if n % 2 else "asktwo" for n in range(200)}
CROSSING = dict.fromkeys(range(FIRST_CHAT + 20_000, FIRST_CHAT + 20_020), "cross")
FLOODED = FIRST_CHAT + 30_000


class SilentApi:
    """Takes connections and calls, and gives up after HANG seconds. Serves within `async with`."""

    def __init__(self) -> None:
        self.url = ""
        self.calls = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        try:
            async with asyncio.timeout(HANG):
                while await reader.read(4096):
                    pass
        except TimeoutError:  # an HTTP client would ask again if it had no answer at all
            writer.write(b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except ConnectionError:
            pass
        finally:
            writer.close()


@dataclass
class People:
    """Chats that write by Telegram, each in its own way."""

    made: House
    telegram: Telegram
    writer: Writer

    def post(self, posting: Posting) -> Posting:
        """Let Telegram have it."""
        self.made.expect(posting)
        self.telegram.add(posting)
        return posting

    async def at_random(self) -> None:
        """Those whom nothing is the matter with, at an even pace, whatever becomes of it."""
        while True:
            self.post(self.writer.draw())
            await asyncio.sleep(1 / RATE)

    async def in_turn(self, chats: Mapping[int, str]) -> None:
        """Each chat does its one thing again when it has its answer."""
        last: dict[int, Posting] = {}
        while True:
            for chat, action in chats.items():
                if chat not in last or last[chat].first_sent_at:
                    last[chat] = self.post(self.writer.make(chat, action))
            await asyncio.sleep(0.2)


@dataclass
class Flood:
    """One chat that posts as fast as it can, each update until it got 200: what Telegram does for a queue's head."""

    made: House
    writer: Writer
    statuses: Counter[int] = field(default_factory=Counter)  # 0 where no answer came
    calm: bool = False

    async def run(self) -> None:
        """Post until it is `calm`."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while not self.calm:
                posting = self.writer.make(FLOODED, "slow")
                self.made.expect(posting)
                while not await self._post(session, posting):  # noqa: ASYNC110  # a real wait
                    await asyncio.sleep(AGAIN)

    async def _post(self, session: aiohttp.ClientSession, posting: Posting) -> bool:
        place = posting.tries % len(self.made.replicas)
        posting.tries += 1
        status = 0
        headers = {HEADER: self.made.secret, "Content-Type": "application/json"}
        url = f"{self.made.replicas[place].url}/webhook/telegram"
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with session.post(url, data=posting.body, headers=headers) as answer:
                await answer.read()
                status = answer.status
        self.statuses[status] += 1
        if status != HTTPStatus.OK:
            return False
        posting.acked_at, posting.acked_by = time.monotonic(), place
        return True


RUBBISH = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /webhook/telegram HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    b"POST /webhook/telegram HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /%3A" + b"1" * 4000 + b" HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n",
)
FORGED = (
    b'{"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "x"}}'
)


@dataclass
class Strangers:
    """Connections that say nothing, heads that never end, rubbish, and posts with a wrong secret."""

    ports: Sequence[int]
    done: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """All of it, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for port in self.ports:
                for _ in range(IDLE):
                    group.create_task(self._again(port, self._say_nothing, "idle"))
                for _ in range(SLOW):
                    group.create_task(self._again(port, self._dribble, "slow"))
                group.create_task(self._again(port, self._talk_rubbish, "rubbish"))
                group.create_task(self._forge(port))

    async def _again(self, port: int, act: Act, name: str) -> None:
        """Connect and do it, again and again."""
        while True:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(PATIENCE):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                self.done[name] += 1
                try:
                    await act(reader, writer)
                finally:
                    writer.close()
            await asyncio.sleep(0.5)

    @staticmethod
    async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        while await reader.read(4096):
            pass

    @staticmethod
    async def _dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /webhook/telegram HTTP/1.1\r\nX-Long: ")
        while not reader.at_eof() and not writer.is_closing():
            writer.write(b"a")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await reader.read(4096)

    async def _talk_rubbish(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(RUBBISH[self.done["rubbish"] % len(RUBBISH)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await reader.read(4096)

    async def _forge(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}/webhook/telegram"
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with session.post(url, data=FORGED, headers={HEADER: "a-guess"}) as answer:
                        self.done[f"forged: {answer.status}"] += 1
                await asyncio.sleep(0.2)
