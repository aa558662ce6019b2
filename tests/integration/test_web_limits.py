"""The web server's limits, and its end: slow heads, too many connections, requests under way when the bot stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web as aioweb

from astral_core import PluginContext, Routes
from astral_core.host.state import LoadedPlugin
from astral_core.web import connection
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    """Head and body of one answer of /healthz."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-len"))
    return head + await reader.readexactly(length)


@pytest.mark.parametrize("before", [0, 1])
async def test_a_head_that_dribbles_is_cut_off(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    """The time runs from the first byte, is not extended by more bytes, and holds on a used connection, too."""
    monkeypatch.setattr(connection, "HEAD_TIMEOUT", 0.2)
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
        for _ in range(before):
            writer.write(REQUEST)
            assert b" 200 " in await answer_of(reader)

        async def dribble() -> None:
            for byte in b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 1000:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):  # the answer to a byte that came after the end
                assert await reader.read() == b""
        dribbling.cancel()
        writer.close()


async def test_an_idle_connection_and_one_in_pieces_are_kept(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends nothing is idle, not slow; a head in two parts within its time is served."""
    monkeypatch.setattr(connection, "HEAD_TIMEOUT", 0.2)
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
        for _ in range(2):
            await asyncio.sleep(0.4)
            writer.write(REQUEST[:10])
            await asyncio.sleep(0.05)
            writer.write(REQUEST[10:])
            assert b" 200 " in await answer_of(reader)
        writer.close()


async def test_connections_are_capped(sqlite_url: str, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody may be sent away for it, one more than allowed is closed at once; when one goes, there is room."""
    monkeypatch.setattr(connection.Connection, "keeps_waiting", False)
    async with bot_kit(sqlite_url, plugins=[], web={"max_connections": 2}) as kit:

        async def served() -> bool:
            reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
            try:
                writer.write(REQUEST)
                return b" 200 " in await answer_of(reader)
            except (OSError, asyncio.IncompleteReadError):
                return False
            finally:
                writer.close()

        await until(served)
        held = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
            writer.write(REQUEST)
            assert b" 200 " in await answer_of(reader)
            held.append(writer)
        assert not await served()
        held.pop().close()
        await until(served)
        held.pop().close()


async def test_a_stop_ends_the_requests_before_the_plugins_that_serve_them(
    sqlite_url: str, make_plugin: MakePlugin, http: aiohttp.ClientSession, until: Until
) -> None:
    """A request under way is answered while its plugin is still there; new connections are refused."""
    events: list[str] = []
    go_on = asyncio.Event()
    routes = Routes()

    @routes.page("GET", "/page")
    async def page(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        events.append("begins")
        await go_on.wait()
        events.append("ends")
        return aioweb.Response(text="done")

    async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
        yield
        events.append("lifespan ends")

    async with bot_kit(sqlite_url, plugins=[make_plugin("pages", routes, hooks=[astral_lifespan])]) as kit:

        async def get() -> tuple[int, str]:
            async with http.get(f"{kit.url}/plugins/pages/page") as response:
                return response.status, await response.text()

        asked = asyncio.create_task(get())
        await until(lambda: events)
        server = kit.running._web
        assert server is not None
        stopping = asyncio.create_task(kit.stop())
        await until(lambda: not server._listening.is_serving())
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", kit.port)
        assert events == ["begins"]
        go_on.set()
        assert await asked == (200, "done")
        await stopping
    assert events == ["begins", "ends", "lifespan ends"]


REQUESTS = {
    "healthz": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "readyz": b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n",
    "metrics": b"GET /metrics HTTP/1.1\r\nHost: x\r\nVia: 1.1 somebody\r\n\r\n",
    "404": b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
    "405": b"PUT /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "403": b"POST /webhook/telegram HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "417": b"POST /webhook/telegram HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nContent-Length: 0\r\n\r\n",
    "streamed": b"GET /plugins/moon/streamed HTTP/1.1\r\nHost: x\r\n\r\n",
    "302": b"GET /plugins/moon/moved HTTP/1.1\r\nHost: x\r\n\r\n",
    "500": b"GET /plugins/moon/broken HTTP/1.1\r\nHost: x\r\n\r\n",
    "its own": b"GET /plugins/moon/boasting HTTP/1.1\r\nHost: x\r\n\r\n",
    "post": b"POST /plugins/moon/streamed HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
    "no HTTP": b"no HTTP at all\r\n\r\n",
    "bad length": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "long head": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
}


async def test_no_answer_names_the_software_and_its_version(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Whoever looks for bots with a known hole is told nothing: neither by routes nor by errors of the protocol."""
    routes = Routes()

    @routes.page("GET", "/streamed")
    async def streamed(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        response = aioweb.StreamResponse()
        await response.prepare(request)
        await response.write(b"in pieces")
        return response

    @routes.page("GET", "/moved")
    async def moved(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        raise aioweb.HTTPFound("/elsewhere")

    @routes.page("GET", "/broken")
    async def broken(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        raise RuntimeError("broken")

    @routes.page("GET", "/boasting")
    async def boasting(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        return aioweb.Response(headers={"Server": "Moon/1.2.3"})

    async with bot_kit(sqlite_url, plugins=[make_plugin("moon", routes)]) as kit:
        for name, request_ in REQUESTS.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
            writer.write(request_)
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            named = [line for line in head.split(b"\r\n") if line.lower().startswith(b"server:")]
            assert named == [b"Server: astral"], name
            assert b"Python" not in head, name
            assert b"aiohttp" not in head, name
