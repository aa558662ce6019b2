"""Start and stop: plugins' lifespans, a Telegram that is away, polling, and what waits meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web as aioweb

from astral_core import Context, PluginContext, Routes
from astral_core.app import App, build
from astral_core.config import load_settings
from astral_core.errors import PluginLoadError
from astral_core.host import lifespan as lifespans
from astral_core.host.state import LoadedPlugin, State
from astral_core.inbox.sqlite import SqliteJournal
from astral_playground.telegram import TelegramEmulator
from astral_playground.telegram.errors import ApiError
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Post = Callable[..., Awaitable[tuple[int, Any]]]
MakeUpdate = Callable[..., dict[str, Any]]
Until = Callable[..., Awaitable[Any]]
LENIENT = {"on_error": "quarantine", "required": ()}


async def hello(ctx: Context) -> None:
    """A command that works."""
    ctx.reply(f"hello from {ctx.id}")


def lifespan(*steps: Any) -> Any:
    """A lifespan that does this before its yield: an exception is raised, a function awaited."""

    async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            await step()
        yield

    return astral_lifespan


def without_yield() -> Any:
    """A lifespan that is over at once."""

    async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
        for never in ():
            yield never

    return astral_lifespan


async def for_ever() -> None:
    """Never done."""
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (lambda: lifespan(RuntimeError("no key")), "RuntimeError: no key"),
        (lambda: lifespan(SystemExit(3)), "SystemExit: 3"),
        (lambda: lifespan(for_ever), "took more than 0.05 s"),
        (without_yield, "without its one `yield`"),
    ],
)
async def test_a_lifespan_that_fails_takes_out_its_plugin_and_its_dependents(
    hook: Callable[[], Any],
    reason: str,
    sqlite_url: str,
    make_plugin: MakePlugin,
    http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    until: Until,
) -> None:
    """Its commands say so, its menu items, middleware and web routes are out; the others and the core serve."""
    monkeypatch.setattr(lifespans, "TIMEOUT", 0.05)
    started: list[str] = []

    async def note() -> None:
        started.append("moon")

    routes = Routes()
    routes.menu("Broken item", routes.callback("open")(hello)())

    @routes.middleware()
    async def middleware(ctx: Context, call_next: Callable[[], Awaitable[None]]) -> None:
        ctx.reply("wrapped by the broken one")

    @routes.page("GET", "/page")
    async def page(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        return aioweb.Response(text="broken")

    broken = make_plugin("broken", routes, commands={"broken": hello}, hooks=[hook()])
    dependent = make_plugin("moon", commands={"moon": hello}, hooks=[lifespan(note)], requires=("astral-broken",))
    good = make_plugin("good", commands={"good": hello})
    async with TelegramEmulator() as telegram:
        kit = BotKit(telegram, sqlite_url, overrides={"host": LENIENT})
        async with build(kit.settings(), plugins=[broken, dependent, good]):
            assert (broken.state, broken.phase) == (State.FAILED, "lifespan")
            assert reason in broken.reason
            assert dependent.state is State.QUARANTINED
            assert started == []
            assert good.state is State.ACTIVE
            anna = kit.user("Anna")
            await anna.send("/good")
            assert (await anna.wait_for()).text == "hello from good"
            for gone in ("/broken", "/moon"):
                await anna.send(gone)
                await anna.wait_for("This is not available right now")
            await anna.send("/start")
            assert "Broken item" not in (await anna.wait_for("Hello")).buttons
            async with http.get(f"{kit.url}/plugins/broken/page") as response:
                assert response.status == 503


async def test_a_required_plugin_whose_lifespan_fails_stops_the_start(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """The start ends with an error, everything that was opened is closed, and the port is free again."""
    broken = make_plugin("broken", hooks=[lifespan(RuntimeError("no key"))])
    async with TelegramEmulator() as telegram:
        kit = BotKit(telegram, sqlite_url, overrides={"host": {**LENIENT, "required": ("broken",)}})
        with pytest.raises(PluginLoadError, match="'broken': failed in phase lifespan: RuntimeError: no key"):
            await build(kit.settings(), plugins=[broken]).__aenter__()
        async with build(kit.settings(), plugins=[]):
            pass


async def test_lifespans_open_in_order_and_close_in_reverse(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """What a dependency opened is there until its dependents have closed; one that fails to close harms none."""
    events: list[str] = []

    def noting(name: str, *, fails: bool = False) -> Any:
        async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
            events.append(f"{name} opens")
            yield
            events.append(f"{name} closes")
            if fails:
                raise RuntimeError("cannot close")

        return astral_lifespan

    plugins = [make_plugin("one", hooks=[noting("one")]), make_plugin("two", hooks=[noting("two", fails=True)])]
    async with bot_kit(sqlite_url, plugins=plugins):
        assert events == ["one opens", "two opens"]
    assert events == ["one opens", "two opens", "two closes", "one closes"]


# python-telegram-bot's own RetryAfter warns of a type that it will change; nothing here reads it.
@pytest.mark.filterwarnings("ignore:.*retry_after:telegram.warnings.PTBDeprecationWarning")
async def test_an_update_posted_before_telegram_answers_is_not_lost(
    database_url: str, make_plugin: MakePlugin, post: Post, make_update: MakeUpdate
) -> None:
    """While getMe fails the bot is live, not ready, and stores what comes; then it handles it."""
    async with TelegramEmulator() as telegram:
        telegram.fail("getMe", "500", times=1)
        telegram.fail("getMe", "429", times=1)
        kit = BotKit(telegram, database_url, [make_plugin("good", commands={"good": hello})])
        anna = kit.user("Anna")
        anna.user.started = True
        await kit.start()
        try:
            assert (await post(kit, make_update("/good", anna.id)))[0] == 200
            assert not kit.running.readiness.serving
            assert (await anna.wait_for()).text == "hello from good"
        finally:
            await kit.stop()


async def test_a_busy_set_webhook_is_asked_again(sqlite_url: str, until: Until) -> None:
    """Telegram answers 429 to a second setWebhook within a second: replicas that start together meet it."""
    async with TelegramEmulator() as telegram:
        telegram.fail("setWebhook", "429", retry_after=1)
        kit = BotKit(telegram, sqlite_url, [])
        await kit.start()
        try:
            await until(lambda: kit.running.readiness.serving)
            assert telegram.world.webhook.url.endswith("/webhook/telegram")
        finally:
            await kit.stop()


async def test_rows_that_come_while_the_backlog_is_read_are_handled_once_and_in_order(
    sqlite_url: str,
    make_plugin: MakePlugin,
    post: Post,
    make_update: MakeUpdate,
    monkeypatch: pytest.MonkeyPatch,
    until: Until,
) -> None:
    """The start reads what is pending while new posts come in: nothing twice, nothing lost, nothing overtaken."""
    seen: list[str] = []

    async def note(ctx: Context) -> None:
        seen.append(ctx.args)

    plugin = make_plugin("notes", commands={"note": note})
    async with TelegramEmulator() as telegram:
        kit = BotKit(telegram, sqlite_url, [plugin])
        await kit.start()
        await until(lambda: kit.running.readiness.serving)
        monkeypatch.setattr(kit.running.inbox.lanes, "dispatch", lambda _: None)
        for number in range(3):
            await post(kit, make_update(f"/note {number}"))
        await kit.stop()
        assert seen == []
        load = SqliteJournal.load
        extra = [make_update(f"/note {number}") for number in (3, 4)]

        async def load_slowly(self: SqliteJournal, lane: int, epoch: int, limit: int) -> Any:
            if extra:
                await post(kit, extra.pop(0))
            found = await load(self, lane, epoch, limit)
            if extra:
                await post(kit, extra.pop(0))
            return found

        monkeypatch.setattr(SqliteJournal, "load", load_slowly)
        await kit.start()
        try:
            await until(lambda: len(seen) >= 5)
            await until(lambda: len(kit.running.inbox.lanes) == 0)
            assert seen == ["0", "1", "2", "3", "4"]
        finally:
            await kit.stop()


def polling_app(telegram: TelegramEmulator, url: str, plugin: LoadedPlugin) -> App:
    """A bot that fetches its updates."""
    settings = load_settings(
        telegram={"token": telegram.token, "api_url": telegram.api_url},
        database={"url": url},
        web={"port": 0},
        host={"on_error": "stop"},
    )
    return build(settings, polling=True, plugins=[plugin])


async def test_polling_removes_an_active_webhook_and_keeps_what_waits(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """Updates that Telegram holds for the webhook come by polling; each one is handled once."""
    async with TelegramEmulator() as telegram:
        telegram.world.webhook.url = "http://127.0.0.1:1/webhook/telegram"
        telegram.switch(paused=True)
        anna = telegram.user("Anna")
        await anna.send("/good")
        async with polling_app(telegram, sqlite_url, make_plugin("good", commands={"good": hello})):
            assert (await anna.wait_for()).text == "hello from good"
            assert telegram.world.webhook.url == ""
            assert telegram.calls_of("deleteWebhook")[0].params.get("drop_pending_updates") in (False, "false")
            await anna.send("/good")
            await anna.wait_for("hello from good")
        assert len(telegram.calls_of("sendMessage")) == 2


async def test_a_webhook_that_somebody_sets_meanwhile_is_removed_again(
    sqlite_url: str, make_plugin: MakePlugin, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """Telegram refuses to be polled while there is one: the log says so once, and polling goes on."""
    async with TelegramEmulator() as telegram:
        anna = telegram.user("Anna")
        async with polling_app(telegram, sqlite_url, make_plugin("good", commands={"good": hello})):
            await anna.send("/good")
            await anna.wait_for("hello from good")
            telegram.world.webhook.url = "http://127.0.0.1:1/webhook/telegram"
            telegram.world.poll.interrupt(ApiError(409, "Conflict: terminated by setWebhook request"))
            await until(lambda: telegram.world.webhook.url == "", 15)
            await anna.send("/good")
            await until(lambda: len(telegram.calls_of("sendMessage")) == 2, 15)
        assert caplog.text.count("Telegram refuses polling") == 1


async def test_an_update_that_nobody_can_read_does_not_stop_polling(
    sqlite_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is set aside as a dead row, the offset moves on, and the next one is handled."""
    async with TelegramEmulator() as telegram:
        anna = telegram.user("Anna")
        telegram.world.updates.add("message", {"chat": "nonsense"}, user_id=anna.id, queue_id=anna.id)  # type: ignore[arg-type]
        await anna.send("/good")
        async with polling_app(telegram, sqlite_url, make_plugin("good", commands={"good": hello})) as running:
            assert (await anna.wait_for()).text == "hello from good"
            assert 'rejected_total{reason="unreadable"} 1.0' in running.metrics.render().decode()


async def test_polling_asks_again_for_what_was_not_committed(
    sqlite_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The offset moves after the commit: a database that fails once costs a pause, no update."""
    async with TelegramEmulator() as telegram:
        anna = telegram.user("Anna")
        bot = polling_app(telegram, sqlite_url, make_plugin("good", commands={"good": hello}))
        take, failed = bot.ingest.take, []

        async def fail_once(body: bytes, *, polled: bool) -> str | None:
            if not failed:
                failed.append(json.loads(body)["update_id"])
                bot.inbox.backlog.limit = 0
                try:
                    return await take(body, polled=polled)
                finally:
                    bot.inbox.backlog.limit = 100
            return await take(body, polled=polled)

        monkeypatch.setattr(bot.ingest, "take", fail_once)
        async with bot:
            await anna.send("/good")
            assert (await anna.wait_for()).text == "hello from good"
        assert failed
        assert len(telegram.calls_of("sendMessage")) == 1


async def test_a_token_that_telegram_does_not_know_ends_the_bot_without_showing_it(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the setting; the process is to end instead of looking alive."""
    token = "99:some-token-that-telegram-does-not-know"
    async with TelegramEmulator() as telegram:
        settings = load_settings(
            telegram={"token": token, "api_url": telegram.api_url}, database={"url": sqlite_url}, web={"port": 0}
        )
        async with build(settings, plugins=[]) as bot:
            async with asyncio.timeout(10):
                await bot.supervisor.wait_lost()
    assert "ASTRAL_TELEGRAM__TOKEN" in caplog.text
    assert "some-token-that" not in caplog.text
