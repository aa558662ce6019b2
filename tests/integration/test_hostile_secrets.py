"""A bot at its most talkative, through everything that can go wrong: no output of it shows a secret."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web as aioweb
from click.testing import Result
from sqlalchemy import text
from telegram.error import TelegramError as LibraryError

from astral_core import PluginContext, Routes
from astral_core.app import build
from astral_core.bot.speaking import scope_of
from astral_core.bot.transport import Transport
from astral_core.config import load_settings
from astral_core.errors import DatabaseError, TelegramError
from astral_core.host.state import LoadedPlugin
from astral_core.known_secrets import known_secrets
from astral_core.observe.logs import configure_logging
from astral_playground.testkit.bot import BotKit, bot_kit
from astral_playground.testkit.ports import free_port

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
HEADER = "X-Telegram-Bot-Api-Secret-Token"
REVOKED = "515151:a-token-that-Telegram-does-not-know-any-more"
METRICS_TOKEN = "metrics-token-of-the-owner"
PASSWORD = "pass-word/of+the database"
TALKATIVE = ("", "httpx", "httpcore", "telegram", "telegram.ext", "aiohttp", "aiohttp.access", "aiohttp.client",
             "aiohttp.server", "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "asyncpg", "aiosqlite",
             "alembic", "asyncio", "astral")  # fmt: skip


@pytest.fixture(params=[False, True], ids=["text", "json"])
def shown(request: pytest.FixtureRequest) -> Iterator[Callable[[list[str]], io.StringIO]]:
    """`shown(secrets)`: all logging at DEBUG, into a stream, as `astral run --verbose` would write it and more."""
    root = logging.getLogger()
    kept = root.handlers[:], {name: logging.getLogger(name).level for name in TALKATIVE}

    def start(secrets: list[str]) -> io.StringIO:
        stream = io.StringIO()
        configure_logging(secrets, as_json=request.param, level=logging.DEBUG, stream=stream)
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.DEBUG)
        return stream

    yield start
    root.handlers[:] = kept[0]
    for name, level in kept[1].items():
        logging.getLogger(name).setLevel(level)
    configure_logging([], stream=io.StringIO())
    root.handlers[:] = kept[0]
    root.setLevel(kept[1][""])


def talkative(make_plugin: MakePlugin, said: list[str]) -> LoadedPlugin:
    """A plugin that shows all that it can lay its hands on."""
    routes = Routes()

    @routes.command("show", description="Show")
    async def show(ctx: Any) -> None:
        await ctx.bot.send_message(ctx.chat.id, "natively")
        try:
            await ctx.bot.get_file("no-such-file")
        except LibraryError as error:
            said.append(f"{error} {error!r}")
        run = scope_of(ctx)
        for thing in (ctx, ctx.bot, ctx.bot.request, ctx.plugin, run, run.services, run.services.settings,
                      run.transport, vars(run.services.settings)):  # fmt: skip
            said.append(f"{thing} {thing!r}")
            ctx.log.info("this is %s, %r", thing, thing)
        ctx.reply("shown")

    @routes.command("leak", description="Leak")
    async def leak(ctx: Any) -> None:
        settings = scope_of(ctx).services.settings
        with contextlib.suppress(TypeError):  # pytest's own handler raises, ours does not
            ctx.log.error("%d", settings.telegram.token.get_secret_value())
        raise RuntimeError(
            f"{settings.telegram.api_url}/bot{settings.telegram.token.get_secret_value()}/getMe "
            f"{settings.telegram.webhook_secret.get_secret_value()} {settings.database.url.get_secret_value()}"
        )

    @routes.page("POST", "/broken")
    async def broken(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        raise RuntimeError(f"{dict(request.headers)}")

    return make_plugin("open", routes)


@pytest.fixture
async def said() -> list[str]:
    """What the test has collected beside the log."""
    return []


@pytest.fixture
async def kit(
    sqlite_url: str, make_plugin: MakePlugin, said: list[str], shown: Callable[[list[str]], io.StringIO]
) -> AsyncIterator[BotKit]:
    """The bot, its loop in debug mode; `kit.stream` is its log."""
    asyncio.get_running_loop().set_debug(True)
    web = {"metrics_token": METRICS_TOKEN}
    async with bot_kit(sqlite_url, plugins=[talkative(make_plugin, said)], web=web) as kit:
        kit.stream = shown(known_secrets(kit.settings()))  # type: ignore[attr-defined]
        yield kit
    asyncio.get_running_loop().set_debug(False)


async def everything_goes_wrong(kit: BotKit, said: list[str], http: aiohttp.ClientSession, until: Until) -> None:
    """Successes, each kind of refusal, handlers and routes that fail, forged posts, an unreachable Telegram."""
    anna, faults = kit.user("Anna"), kit.telegram.world.faults
    await anna.send("/show")
    await anna.wait_for("shown")
    for kind, options in (("400", {}), ("429", {"retry_after": 0}), ("500", {}), ("slow", {"delay": 0.1})):
        faults.add("sendMessage", kind, **options)
        await anna.send("/show")
    await anna.wait_for("shown")
    await anna.send("/leak")
    await anna.wait_for("Something went wrong")
    faults.add("sendMessage", "403")
    await anna.send("/help")
    for headers in ({HEADER: kit.secret + "x"}, {HEADER: kit.secret}, {}):
        async with http.post(f"{kit.url}/webhook/telegram", headers=headers, data=b"garbage") as response:
            said.append(f"{response.headers} {await response.text()}")
    async with http.post(f"{kit.url}/plugins/open/broken", headers={HEADER: kit.secret}) as response:
        assert response.status == 500
        said.append(await response.text())
    for headers in ({}, {"Authorization": f"Bearer {METRICS_TOKEN}"}):
        for path in ("metrics", "readyz", "healthz"):
            async with http.get(f"{kit.url}/{path}", headers=headers) as response:
                said.append(f"{response.headers} {await response.text()}")
    nowhere = f"http://127.0.0.1:{free_port()}"
    for url, token in (
        (kit.telegram.api_url, kit.telegram.token),
        (kit.telegram.api_url, REVOKED),
        (nowhere, REVOKED),
    ):
        transport = Transport(url, token)  # 404 and 400, then 401, then nobody listens
        for method in ("noSuchMethod", "getFile"):
            try:
                await transport.call(method, {"file_id": "x"})
            except TelegramError as error:
                said.append(f"{error} {error!r}")
        said.append(f"{transport} {transport!r}")
        await transport.close()
    said.append(f"{kit.running} {kit.running!r} {kit.settings()!r}")


def secrets_of(kit: BotKit) -> list[str]:
    """What must not be seen."""
    return [kit.telegram.token, kit.telegram.token.partition(":")[2], kit.secret, METRICS_TOKEN, REVOKED]


async def test_no_output_shows_a_secret(
    kit: BotKit, said: list[str], http: aiohttp.ClientSession, until: Until
) -> None:
    """Every library logs all it has; reprs, answers, metrics and errors are collected: no secret is among them."""
    await everything_goes_wrong(kit, said, http, until)
    await kit.stop()
    log = kit.stream.getvalue()  # type: ignore[attr-defined]
    assert "natively" in log
    assert "cannot be formatted" in log
    assert "RuntimeError" in log
    for number, secret in enumerate(secrets_of(kit)):
        assert secret not in log, f"secret {number} in the log"
        for output in said:
            assert secret not in output, f"secret {number}"


async def test_no_error_that_is_kept_shows_a_secret(
    kit: BotKit, said: list[str], http: aiohttp.ClientSession, until: Until, astral: Callable[..., Awaitable[Result]]
) -> None:
    """What a dead row or message keeps of its error, and what the command line shows of it."""
    await everything_goes_wrong(kit, said, http, until)
    async with kit.running.database.engine.connect() as connection:
        for table in ("core_inbox", "core_outbox"):
            said += [str(row) for row in await connection.execute(text(f"SELECT error FROM {table}"))]  # noqa: S608
    await kit.stop()
    listed = await astral(kit, "inbox", "list", "--json")
    assert json.loads(listed.output)
    for secret in secrets_of(kit):
        assert secret not in "".join([*said, listed.output])


async def test_a_database_that_is_away_does_not_show_its_password(
    shown: Callable[[list[str]], io.StringIO],
) -> None:
    """Neither as it is nor as the URL spells it: in the error, in the log, in a repr."""
    url = f"postgresql+asyncpg://bot:{quote(PASSWORD, safe='')}@127.0.0.1:{free_port()}/astral"
    settings = load_settings(
        telegram={"token": "424242:unit-test-token-of-nobody-at-all"}, database={"url": url}, web={"port": 0}
    )
    stream = shown(known_secrets(settings))
    app = build(settings, plugins=[])
    with pytest.raises(DatabaseError) as caught:
        await app.__aenter__()
    logging.getLogger("astral").error("it failed", exc_info=caught.value)
    logging.getLogger("astral").error("%s %r %s %s", app, app.database.engine, url, quote(PASSWORD, safe=""))
    told = f"{caught.value} {caught.value!r} {app!r} {settings!r} {app.database.engine!r}" + stream.getvalue()
    assert "it failed" in told
    assert PASSWORD not in told
    assert quote(PASSWORD, safe="") not in told
