"""POST /webhook/telegram and the other routes: who is let in, what is kept, what is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web as aioweb
from sqlalchemy import text

from astral_core import PluginContext, Routes
from astral_core.app import build
from astral_core.config import load_settings
from astral_core.errors import ConfigError
from astral_core.host.state import LoadedPlugin
from astral_core.web import connection
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
MakeUpdate = Callable[..., dict[str, Any]]
Post = Callable[..., Awaitable[tuple[int, Any]]]
Until = Callable[..., Awaitable[Any]]
HEADER = "X-Telegram-Bot-Api-Secret-Token"


async def rows(kit: BotKit) -> list[tuple[str, int, str]]:
    """(kind, state, error) of every row of the inbox."""
    async with kit.running.database.engine.connect() as connection:
        found = await connection.execute(text("SELECT kind, state, error FROM core_inbox ORDER BY seq"))
        return [(row.kind, row.state, row.error or "") for row in found]


async def exchange(kit: BotKit, head: str, body: bytes = b"", *, finish: bool = True) -> tuple[int, dict[str, str]]:
    """Speak HTTP by hand; (status, headers) of the answer. `finish` False: the body never ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
    length = len(body) if finish else len(body) + 1000
    writer.write(
        f"POST /webhook/telegram HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {length}\r\n\r\n".encode() + body
    )
    await writer.drain()
    async with asyncio.timeout(10):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    lines = answer.split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}


async def test_only_telegram_gets_in_and_strangers_are_not_even_read(
    sqlite_url: str, post: Post, make_update: MakeUpdate
) -> None:
    """Wrong, missing, shortened and lengthened secrets are 403 before a byte of the body came."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        for wrong in (None, "wrong", kit.secret[:-1], kit.secret + "x", kit.secret.swapcase()):
            assert (await post(kit, make_update(), wrong))[0] == 403
        assert (await exchange(kit, f"{HEADER}: wrong\r\n", finish=False))[0] == 403
        assert await rows(kit) == []
        assert 'astral_updates_rejected_total{reason="secret"} 6.0' in kit.running.metrics.render().decode()
        assert (await post(kit, make_update()))[0] == 200
        assert len(await rows(kit)) == 1


async def test_the_previous_secret_is_good_while_secrets_rotate(
    sqlite_url: str, post: Post, make_update: MakeUpdate
) -> None:
    """Updates that are on their way with the old secret are not refused."""
    telegram = {"previous_webhook_secret": "the-old-secret"}
    async with bot_kit(sqlite_url, plugins=[], telegram=telegram) as kit:
        assert (await post(kit, make_update(), "the-old-secret"))[0] == 200
        assert (await post(kit, make_update()))[0] == 200


async def test_bodies_too_large_or_too_slow_are_refused(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """413 beyond 1 MiB, 408 where the body does not come; nothing is stored."""
    monkeypatch.setattr(connection, "BODY_TIMEOUT", 0.1)
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        head = f"{HEADER}: {kit.secret}\r\n"
        assert (await exchange(kit, head, b"x" * (1024 * 1024 + 1)))[0] == 413
        assert (await exchange(kit, head, b"{", finish=False))[0] == 408
        assert await rows(kit) == []


@pytest.mark.parametrize(
    "body",
    [b"not json", b"", b"[]", b"{}", b'{"update_id": "1"}', b'{"update_id": 1e99}', b"\xff\xfe", b"[" * 100_000,
     b'{"update_id": 99999999999999999999}', b'{"update_id": 5, "message": 3}'],
)  # fmt: skip
async def test_what_is_no_update_is_acknowledged_and_set_aside(body: bytes, sqlite_url: str, post: Post) -> None:
    """An error would make Telegram repeat it for a day before everything else of that chat; twice is one row."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        for _ in range(2):
            assert (await post(kit, body))[0] == 200
        kept = await rows(kit)
        assert [(kind, state) for kind, state, _ in kept] == [("unreadable", 2)]
        assert kept[0][2]


async def test_unknown_kinds_are_stored_and_done(sqlite_url: str, post: Post, until: Until) -> None:
    """Telegram adds kinds of updates; a bot that does not know one goes on."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        assert (await post(kit, {"update_id": 5, "telepathy": {"from": {"id": 7}, "thought": "moon"}}))[0] == 200
        assert (await post(kit, {"update_id": 6}))[0] == 200

        async def done() -> bool:
            return [state for _, state, _ in await rows(kit)] == [1, 1]

        await until(done)


async def test_a_repeated_post_is_one_row(database_url: str, post: Post, make_update: MakeUpdate) -> None:
    """Telegram repeats what it did not see acknowledged; the user gets one answer."""
    async with bot_kit(database_url, plugins=[]) as kit:
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for("Hello")
        update = make_update("/help", anna.id)
        answers = await asyncio.gather(*(post(kit, update) for _ in range(5)))
        assert {status for status, _ in answers} == {200}
        await anna.wait_for("What I can do")
        assert len(await rows(kit)) == 2
        assert "astral_updates_duplicate_total 4.0" in kit.running.metrics.render().decode()


async def test_what_cannot_be_stored_now_is_sent_again_soon(
    sqlite_url: str, post: Post, make_update: MakeUpdate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not accepting, full, or without a database: 503 with a small Retry-After, and nothing is half stored."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        app = kit.running
        head = f"{HEADER}: {kit.secret}\r\n"
        body = json.dumps(make_update()).encode()
        app.webhook.close()
        status, headers = await exchange(kit, head, body)
        assert status == 503
        assert 1 <= int(headers["retry-after"]) <= 5
        app.webhook.open()
        monkeypatch.setattr(app.inbox.backlog, "limit", 0)
        assert (await exchange(kit, head, body))[0] == 503
        monkeypatch.setattr(app.inbox.backlog, "limit", 100)
        async with app.database.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE core_inbox RENAME TO core_inbox_gone"))
        assert (await exchange(kit, head, body))[0] == 503
        async with app.database.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE core_inbox_gone RENAME TO core_inbox"))
        assert await rows(kit) == []
        assert (await exchange(kit, head, body))[0] == 200


async def test_a_plugins_route_that_raises_is_a_500_with_an_id(
    sqlite_url: str, make_plugin: MakePlugin, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller learns an id and no detail; the traceback stands in the log under that id."""
    routes = Routes()

    @routes.page("GET", "/broken")
    async def broken(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        raise RuntimeError("a detail for the owner")

    @routes.page("GET", "/hello")
    async def hello(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        return aioweb.Response(text=f"hello from {ctx.id}")

    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        async with http.get(f"{kit.url}/plugins/weather/hello") as response:
            assert await response.text() == "hello from weather"
        async with http.get(f"{kit.url}/plugins/weather/broken") as response:
            assert response.status == 500
            answer = await response.json()
        assert "detail" not in str(answer)
        assert f"error {answer['error']}: GET /plugins/weather/broken failed" in caplog.text
        assert "RuntimeError: a detail for the owner" in caplog.text
        async with http.get(f"{kit.url}/plugins/weather/none") as response:
            assert response.status == 404


async def test_health_readiness_and_metrics_of_a_running_bot(
    sqlite_url: str, http: aiohttp.ClientSession, until: Until
) -> None:
    """Live at once, ready when it serves, metrics for the owner alone."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:

        async def ready() -> Any:
            async with http.get(f"{kit.url}/readyz") as response:
                return await response.json() if response.status == 200 else None

        assert await until(ready) == {"serving": True, "registered": True, "database": True, "full": []}
        async with http.get(f"{kit.url}/healthz") as response:
            assert await response.text() == "ok\n"
        async with http.get(f"{kit.url}/metrics") as response:
            assert "astral_inbox_pending 0.0" in await response.text()
        async with http.get(f"{kit.url}/metrics", headers={"X-Forwarded-For": "8.8.8.8"}) as response:
            assert response.status == 403


async def test_a_port_that_is_taken_is_one_sentence(sqlite_url: str) -> None:
    """The second bot says what to do, and leaves the first one alone."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        settings = load_settings(
            telegram={"token": kit.telegram.token, "api_url": kit.telegram.api_url},
            database={"url": sqlite_url.replace("astral.db", "second.db")},
            web={"port": kit.port},
        )
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{kit.port} .*ASTRAL_WEB__PORT"):
            await build(settings, plugins=[]).__aenter__()
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for("Hello")
