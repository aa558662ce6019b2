"""Hundreds of connections that are idle, slow or stuck: Telegram is answered all the same, and they cost little."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from astral_core.web import connection
from astral_playground.testkit.bot import BotKit, bot_kit

MakeUpdate = Callable[..., dict[str, Any]]
Until = Callable[..., Any]
HEADER = "X-Telegram-Bot-Api-Secret-Token"
START = b"POST /webhook/telegram HTTP/1.1\r\nHost: x\r\n"
MEGABYTE = 1024 * 1024


class Crowd:
    """Open sockets of strangers; `closed` counts those that the server has ended."""

    def __init__(self, kit: BotKit) -> None:
        self.kit = kit
        self.closed: set[int] = set()
        self.tasks: list[asyncio.Task[None]] = []

    async def add(self, count: int, sent: bytes = b"", dribble: bytes = b"") -> range:
        """`count` sockets that send `sent`, then `dribble` for ever, a byte each 50 ms; their numbers."""
        first = len(self.tasks)
        for number in range(first, first + count):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.kit.port)
            writer.write(sent)
            self.tasks.append(asyncio.create_task(self._hold(number, reader, writer, dribble)))
        return range(first, first + count)

    async def _hold(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dribble: bytes
    ) -> None:
        ended = asyncio.create_task(self._read(reader))
        try:
            while not ended.done():
                if dribble:
                    writer.write(dribble)
                await asyncio.wait({ended}, timeout=0.05 if dribble else None)
            self.closed.add(number)
        finally:
            ended.cancel()
            writer.close()

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass

    async def go(self) -> None:
        """Close all."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def crowd_before(kit: BotKit) -> AsyncIterator[Crowd]:
    """A crowd before the door of `kit`."""
    crowd = Crowd(kit)
    try:
        yield crowd
    finally:
        await crowd.go()


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def post(http: aiohttp.ClientSession, kit: BotKit, update: dict[str, Any]) -> int:
    """One post of Telegram's."""
    async with http.post(f"{kit.url}/webhook/telegram", headers={HEADER: kit.secret}, json=update) as response:
        return response.status


async def worst_lag(work: Any) -> float:
    """The processor time of the longest step of the loop, which client and server share, while `work` ran."""
    worst = 0.0
    task = asyncio.ensure_future(work)
    while not task.done():
        before = time.thread_time()
        await asyncio.sleep(0.01)
        worst = max(worst, time.thread_time() - before)
    await task
    return worst


def test_the_limits_are_those_that_are_promised() -> None:
    """The tests below make them shorter."""
    assert (connection.HEAD_TIMEOUT, connection.BODY_TIMEOUT, connection.KEEP_ALIVE) == (5.0, 5.0, 75.0)


async def test_five_hundred_slow_sockets_hold_nobody_up(
    sqlite_url: str,
    http: aiohttp.ClientSession,
    make_update: MakeUpdate,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Posts are answered meanwhile; heads and bodies that do not come are cut off, idle connections are kept."""
    monkeypatch.setattr(connection, "HEAD_TIMEOUT", 1.0)
    monkeypatch.setattr(connection, "BODY_TIMEOUT", 1.0)
    monkeypatch.setattr(connection, "LINGER", 0.2)
    async with bot_kit(sqlite_url, plugins=[]) as kit, crowd_before(kit) as crowd:
        before = resident()
        secret = f"{HEADER}: {kit.secret}\r\n".encode()
        idle = await crowd.add(100)
        slow = [
            *await crowd.add(100, START + b"X-Half: a he"),
            *await crowd.add(100, START, dribble=b"y"),
            *await crowd.add(50, START + secret + b"Content-Length: 1000\r\n\r\n{"),
            *await crowd.add(50, START + secret + b"Content-Length: 1000\r\n\r\n", dribble=b" "),
            *await crowd.add(50, START + secret + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"),
            *await crowd.add(50, START + b"Content-Length: 1000\r\n\r\n", dribble=b" "),
        ]

        async def posts() -> None:
            for _ in range(50):
                assert await post(http, kit, make_update()) == 200
            await until(lambda: crowd.closed.issuperset(slow), 30.0)
            assert await post(http, kit, make_update()) == 200

        assert await worst_lag(posts()) < 1.0
        assert not crowd.closed.intersection(idle)
        assert resident() - before < 150 * MEGABYTE


@pytest.mark.parametrize("sent", [b"", START + b"X-Half: a he"])
async def test_a_crowd_that_takes_all_places_does_not_lock_telegram_out(
    sqlite_url: str, make_update: MakeUpdate, until: Until, sent: bytes
) -> None:
    """The oldest stranger who keeps the server waiting goes for each newcomer; who has sent the secret stays."""
    async with (
        bot_kit(sqlite_url, plugins=[], web={"max_connections": 40}) as kit,
        crowd_before(kit) as crowd,
        aiohttp.ClientSession() as telegram,
    ):
        assert await post(telegram, kit, make_update()) == 200  # from now on one connection is proven
        await crowd.add(100, sent)
        await until(lambda: len(crowd.closed) >= 61)
        assert crowd.closed <= set(range(62))
        proven = kit.running._web._connections._proven
        assert len(proven) == 1
        for _ in range(20):
            async with aiohttp.ClientSession() as another:  # a connection of its own
                assert await post(another, kit, make_update()) == 200
            assert await post(telegram, kit, make_update()) == 200
        assert len(kit.running._web._connections) <= 40


async def test_where_nobody_can_be_sent_away_the_newcomer_is(
    sqlite_url: str, make_update: MakeUpdate, until: Until
) -> None:
    """Proven connections are never closed for a stranger: it is the stranger who does not get in."""
    async with bot_kit(sqlite_url, plugins=[], web={"max_connections": 3}) as kit:
        body = json.dumps(make_update()).encode()
        request = START + f"{HEADER}: {kit.secret}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        await until(lambda: not len(kit.running._web._connections))
        held = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
            writer.write(request)
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            held.append((reader, writer))
        async with crowd_before(kit) as crowd:
            await crowd.add(5)
            await until(lambda: len(crowd.closed) == 5)
        for reader, writer in held:
            writer.write(request)
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            writer.close()
