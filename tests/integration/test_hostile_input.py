"""What anybody may send to the port: nothing of it is stored unread, repeated for ever, a 500, or costly."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import random
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from astral_core import Route, Routes
from astral_core.host.state import LoadedPlugin
from astral_core.web import connection
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
MakeUpdate = Callable[..., dict[str, Any]]
Post = Callable[..., Awaitable[tuple[int, Any]]]
Until = Callable[..., Awaitable[Any]]
HEADER = "X-Telegram-Bot-Api-Secret-Token"
PENDING, DONE, DEAD = 0, 1, 2
MEGABYTE = 1024 * 1024
PATIENCE, SILENCE = 10.0, 1.0  # seconds to the first byte of an answer, and after its last one


async def rows(kit: BotKit) -> dict[str, int]:
    """State by external id of every row of the inbox."""
    async with kit.running.database.engine.connect() as connection:
        found = await connection.execute(text("SELECT ext_id, state FROM core_inbox ORDER BY seq"))
        return {row.ext_id: row.state for row in found}


def head(kit: BotKit, *lines: str, secret: str | None = None) -> bytes:
    """A head of POST /webhook/telegram, with the right secret unless told."""
    first = ("POST /webhook/telegram HTTP/1.1", "Host: x", f"{HEADER}: {kit.secret if secret is None else secret}")
    return "\r\n".join((*first, *lines, "", "")).encode()


async def raw(kit: BotKit, *parts: bytes) -> bytes:
    """Send `parts` as they are; all that is answered until the server closes or is silent."""
    loop, answer = asyncio.get_running_loop(), b""
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", kit.port))
        with contextlib.suppress(ConnectionError):  # it was refused in the middle, and the answer is here
            for part in parts:
                await loop.sock_sendall(client, part)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while True:
                async with asyncio.timeout(SILENCE if answer else PATIENCE):
                    piece = await loop.sock_recv(client, 65536)
                if not piece:
                    break
                answer += piece
    return answer


@pytest.fixture
async def lag() -> AsyncIterator[None]:
    """Fails the test where one step of the loop, which client and server share, took a second of the processor."""
    worst = 0.0

    async def beat() -> None:
        nonlocal worst
        while True:
            before = time.thread_time()  # not the clock: a busy machine is nobody's fault
            await asyncio.sleep(0.01)
            worst = max(worst, time.thread_time() - before)

    beating = asyncio.create_task(beat())
    yield
    beating.cancel()
    assert worst < 1.0


@pytest.mark.usefixtures("lag")
async def test_a_flood_of_wrong_secrets_is_one_line(
    sqlite_url: str, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, make_update: MakeUpdate
) -> None:
    """Wrong, missing, prefix, over-long and foreign letters: 403 without a word, and the disk does not fill."""
    telegram = {"previous_webhook_secret": "the-secret-of-yesterday"}
    async with bot_kit(sqlite_url, plugins=[], telegram=telegram) as kit:
        wrong = ["wrong", "", kit.secret[:-1], kit.secret + "x", "x" * 8000, "\xff\xe9", "the-secret-of-yesterda"]
        for n in range(300):
            headers = {HEADER: wrong[n % 7]}
            data = json.dumps(make_update())
            async with http.post(f"{kit.url}/webhook/telegram", headers=headers, data=data) as response:
                assert (response.status, await response.read()) == (403, b"")
        assert await rows(kit) == {}
        lines = [record for record in caplog.records if "no right secret" in record.getMessage()]
        assert len(lines) == 1
        assert kit.secret not in caplog.text
        assert 'rejected_total{reason="secret"} 300.0' in kit.running.metrics.render().decode()
        for right in (kit.secret, "the-secret-of-yesterday"):
            async with http.post(
                f"{kit.url}/webhook/telegram", headers={HEADER: right}, json=make_update()
            ) as response:
                assert response.status == 200


async def test_strangers_are_answered_before_their_body_and_it_is_thrown_away(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who announces a gigabyte gets 403 at the head's end, may send a moment longer, and is cut off."""
    monkeypatch.setattr(connection, "LINGER", 0.2)
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
        writer.write(head(kit, "Content-Length: 1000000000", secret="wrong"))
        assert b" 403 " in await reader.readuntil(b"\r\n\r\n")
        tracemalloc.start()
        try:
            async with asyncio.timeout(20):
                while not reader.at_eof():
                    writer.write(b"x" * 65536)
                    await writer.drain()
                    await asyncio.sleep(0)
        except ConnectionError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        writer.close()
        assert peak < 20 * MEGABYTE


@pytest.mark.usefixtures("lag")
async def test_bodies_too_large_are_refused_and_not_kept(sqlite_url: str) -> None:
    """Announced, chunked, squeezed or longer than announced: 413 or 400, and memory stays within a few megabytes."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        bomb = await asyncio.to_thread(gzip.compress, b"\0" * (100 * MEGABYTE))
        tracemalloc.start()
        announced = await raw(kit, head(kit, f"Content-Length: {500 * MEGABYTE}"), *[b"x" * 65536] * 64)
        chunked = await raw(kit, head(kit, "Transfer-Encoding: chunked"), *[chunk] * 640)
        squeezed = await raw(kit, head(kit, f"Content-Length: {len(bomb)}", "Content-Encoding: gzip"), bomb)
        longer = await raw(kit, head(kit, "Content-Length: 2") + b"{}", b"", *[b"x" * 65536] * 16)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [answer[:12] for answer in (announced, chunked, squeezed)] == [b"HTTP/1.1 413"] * 3
        assert b" 400 " in longer  # what follows the two bytes is no request
        assert peak < 40 * MEGABYTE
        assert set((await rows(kit)).values()) <= {DEAD}
        assert 'rejected_total{reason="large"} 3.0' in kit.running.metrics.render().decode()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 4"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Content-Length: +4",),
        ("Content-Length: 4, 4",),
        ("Content-Length : 4",),
        ("Transfer-Encoding: identity, chunked", "Content-Length: 4"),
        ("Transfer-Encoding: \x0bchunked",),
        ("Content-Length: -1",),
        ("X: a\rb",),
        ("X: a\x00b",),
    ],
)
async def test_requests_that_two_servers_would_read_differently_are_refused(
    lines: tuple[str, ...], sqlite_url: str
) -> None:
    """Smuggling needs a proxy and a server that disagree where a body ends: what is ambiguous is 400, and closed."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        inner = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await raw(kit, head(kit, *lines) + b"0\r\n\r\n" + inner)
        assert answer.split()[1:2] == [b"400"]
        assert answer.count(b"HTTP/1.") == 1
        assert answer.endswith(b"\r\n\r\n")
        assert await rows(kit) == {}


async def test_garbage_that_is_no_http_is_one_line_a_minute(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody can send it, as often as they like: 400, closed, and the disk does not fill."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        garbage = [b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" * 9, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
        garbage += [
            b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"\0" * 5000,
            b"GET / HTTP/1.1\r\n:\r\n\r\n",
        ]
        garbage.append(head(kit, "Transfer-Encoding: chunked") + b"zz\r\nno chunk\r\n")
        for one in garbage * 3:
            assert (await raw(kit, one)).split()[1:2] == [b"400"]
        loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
        loud = [record for record in loud if record.name != "astral.watchdog"]  # a busy machine's affair
        lines = [record for record in loud if "metrics_token" not in record.getMessage()]  # the owner's own affair
        assert len(lines) <= 2
        assert await rows(kit) == {}


async def test_pipelined_posts_are_all_stored_and_answered_in_order(
    sqlite_url: str, make_update: MakeUpdate, until: Until
) -> None:
    """A hundred posts in one packet are a hundred rows and a hundred answers; the stranger among them is refused."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        packet = b""
        for n in range(100):
            body = json.dumps(make_update()).encode()
            packet += head(kit, f"Content-Length: {len(body)}", secret="wrong" if n == 50 else None) + body
        reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
        writer.write(packet)
        codes = [(await reader.readuntil(b"\r\n\r\n")).split()[1] for _ in range(100)]
        writer.close()
        assert codes == [b"200"] * 50 + [b"403"] + [b"200"] * 49
        assert len(await rows(kit)) == 99


DEEP = "[" * 100_000 + "]" * 100_000
HOSTILE = {
    "not json": b"not json",
    "nothing": b"",
    "deep": DEEP.encode(),
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep inside a message": b'{"update_id":11,"message":{"chat":{"id":1},"x":' + DEEP.encode() + b"}}",
    "deep inside an unknown kind": b'{"update_id":12,"telepathy":' + DEEP.encode() + b"}",
    "unclosed": b'{"update_id":13,"message":{"chat":{"id":1}',
    "utf-16": '{"update_id":14,"message":{}}'.encode("utf-16"),
    "latin-1": '{"update_id":15,"message":{"chat":{"id":1},"text":"é"}}'.encode("latin-1"),
    "bom": b'\xef\xbb\xbf{"update_id":16}',
    "nul byte": b'{"update_id":17,"message":{"chat":{"id":1},"text":"a\x00b"}}',
    "nul escape": b'{"update_id":18,"message":{"chat":{"id":1},"from":{"id":1,"first_name":"a\\u0000b"}}}',
    "surrogate": b'{"update_id":19,"message":{"chat":{"id":1},"from":{"id":1,"first_name":"\\ud800"}}}',
    "raw surrogate": b'{"update_id":20,"message":{"chat":{"id":1},"text":"\xed\xa0\x80"}}',
    "huge id": b'{"update_id":99999999999999999999}',
    "huge chat": b'{"update_id":21,"message":{"chat":{"id":1%s}}}' % (b"0" * 5000),
    "huge date": b'{"update_id":22,"message":{"message_id":1,"date":1%s,"chat":{"id":1,"type":"private"}}}'
    % (b"0" * 30),
    "float id": b'{"update_id":1e3}',
    "infinite": b'{"update_id":23,"message":{"chat":{"id":1},"date":1e999}}',
    "nan": b'{"update_id":24,"message":{"chat":{"id":1},"date":NaN}}',
    "twice": b'{"update_id":25,"update_id":26,"message":{"chat":{"id":1}},"message":{"chat":{"id":2}}}',
    "a list": b"[]",
    "null": b"null",
    "no id": b'{"message":{"chat":{"id":1}}}',
    "a number for a message": b'{"update_id":27,"message":3}',
    "null for a message": b'{"update_id":28,"message":null}',
    "no chat": b'{"update_id":29,"message":{"message_id":1,"date":1,"text":"hi"}}',
    "chat is text": b'{"update_id":30,"message":{"chat":"1"}}',
    "empty callback": b'{"update_id":31,"callback_query":{}}',
    "callback of nobody": b'{"update_id":32,"callback_query":{"id":"1","data":"x"}}',
    "empty checkout": b'{"update_id":33,"pre_checkout_query":{}}',
    "payload is a number": b'{"update_id":34,"pre_checkout_query":{"id":"1","from":{"id":1},"invoice_payload":5}}',
    "unknown kind": b'{"update_id":35,"telepathy":{"from":{"id":7},"thought":"moon"}}',
    "many kinds": b'{"update_id":36,' + b",".join(b'"k%d":{}' % n for n in range(5000)) + b"}",
    "long kind": b'{"update_id":37,"' + b"k" * 100_000 + b'":{}}',
    "negative": b'{"update_id":-38,"message":{"chat":{"id":-1}}}',
}


@pytest.mark.usefixtures("lag")
async def test_whatever_comes_with_the_right_secret_is_acknowledged_and_comes_to_an_end(
    database_url: str, post: Post, until: Until, make_update: MakeUpdate
) -> None:
    """200 each time, one row, dead or done: nothing is repeated for ever, and the bot works on as before."""
    async with bot_kit(database_url, plugins=[]) as kit:
        for name, body in HOSTILE.items():
            for _ in range(2):
                assert (await post(kit, body))[0] == 200, name

        async def ended() -> bool:
            return PENDING not in (await rows(kit)).values()

        await until(ended, 30.0)
        found = await rows(kit)
        assert len(found) == len(HOSTILE)
        assert sum(state == DEAD for key, state in found.items() if key.startswith("sha256:")) >= 15
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for("Hello")


async def test_a_message_without_a_chat_is_set_aside(sqlite_url: str, post: Post) -> None:
    """It has no lane, and nobody whom an answer could reach: 200, and a dead row that the owner can look at."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        assert (await post(kit, {"update_id": 29, "message": {"message_id": 1, "date": 1, "text": "hi"}}))[0] == 200
        async with kit.running.database.engine.connect() as connection:
            row = (await connection.execute(text("SELECT kind, state FROM core_inbox"))).one()
        assert (row.kind, row.state) == ("unreadable", DEAD)


async def test_a_kind_that_nobody_knows_is_no_time_series(sqlite_url: str, post: Post) -> None:
    """Who knows the secret, or Telegram with its next version, does not fill the metrics with names."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        for n in range(20):
            assert (await post(kit, {"update_id": 100 + n, f"kind_{n}": {}}))[0] == 200
        assert "kind_" not in kit.running.metrics.render().decode()


def forged(count: int) -> list[str]:
    """Callback data as a forger would make it: random, of other plugins, too long, foreign digits, huge numbers."""
    dice = random.Random(11)  # noqa: S311  # the same on every run
    known = ["weather:open/", "weather:pick/", "weather:", "core:menu/", "core:", "gone:open/", "weather:open"]
    values = ["١٢٣", "１２", "²", "9" * 19, "-" + "9" * 19, "9" * 5000, "0x10", "1e3", "1_000", " 1", "+1", "", "/"]
    values += ["\0", "\ud83d", "🌙" * 20, "../..", "%31", "' OR 1=1 --", "NaN", "true", "None", "{n}", "a" * 64]
    out = [start + value for start in known for value in values]
    while len(out) < count:
        letters = [
            chr(dice.choice([dice.randrange(128), dice.randrange(0x20, 0xD7FF)])) for _ in range(dice.randrange(80))
        ]
        out.append(dice.choice([*known, ""]) + "".join(letters))
    return out[:count]


@pytest.mark.usefixtures("lag")
async def test_forged_buttons_are_expired_ones(
    sqlite_url: str, make_plugin: MakePlugin, post: Post, make_update: MakeUpdate, until: Until
) -> None:
    """Three hundred forgeries: each is answered, none reaches a handler with what its types forbid, no row dies."""
    routes = Routes()
    got: list[Any] = []

    @routes.callback("open/{n:int}")
    async def opened(ctx: Any, n: int) -> None:
        got.append(n)

    @routes.callback("pick/{s:slug}")
    async def picked(ctx: Any, s: str) -> None:
        got.append(s)

    assert isinstance(opened, Route)
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/start")
        message = await anna.wait_for("Hello")
        sender = make_update(user=anna.id)["message"]
        forgeries = forged(300)
        for number, data in enumerate(forgeries):
            query = {"id": str(number), "from": sender["from"], "chat_instance": "1", "data": data}
            query["message"] = {**sender, "message_id": message.message_id}
            body = json.dumps({"update_id": 80_000 + number, "callback_query": query}).encode()
            assert (await post(kit, body))[0] == 200

        async def ended() -> bool:
            return PENDING not in (await rows(kit)).values()

        await until(ended, 60.0)
        states = await rows(kit)
        dead = [data for number, data in enumerate(forgeries) if states.get(str(80_000 + number)) == DEAD]
        assert dead == []
        assert all(isinstance(value, str) or -(2**63) <= value < 2**63 for value in got)
        shown = kit.running.metrics.render().decode()
        assert 'outcome="dead"' not in shown
        assert 'plugin="core",route="expired"' in shown
        assert "expired" in anna.last.text


async def test_a_spoofed_address_opens_neither_metrics_nor_details(
    sqlite_url: str, http: aiohttp.ClientSession, until: Until
) -> None:
    """Over the wire: what a proxy on this machine passes on is a stranger's; the token alone convinces from afar."""
    async with bot_kit(sqlite_url, plugins=[], web={"metrics_token": "metrics-token-of-the-owner"}) as kit:
        await until(lambda: kit.running.readiness.serving)
        for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Authorization": "Bearer metrics"}):
            async with http.get(f"{kit.url}/metrics", headers=headers) as response:
                assert (response.status, await response.read()) == (403, b"")
            async with http.get(f"{kit.url}/readyz", headers=headers) as response:
                assert await response.text() == "ready\n"
        right = {"Authorization": "Bearer metrics-token-of-the-owner", "X-Forwarded-For": "8.8.8.8"}
        async with http.get(f"{kit.url}/metrics", headers=right) as response:
            assert response.status == 200
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        for headers in (
            {"X-Forwarded-For": "127.0.0.1"},
            {"Forwarded": "for=127.0.0.1"},
            {"Host": "bot.example.org"},
        ):
            async with http.get(f"{kit.url}/metrics", headers=headers) as response:
                assert response.status == 403
            async with http.get(f"{kit.url}/readyz", headers=headers) as response:
                assert await response.text() in {"ready\n", "not ready\n"}
