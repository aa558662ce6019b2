"""A Bot API that answers oddly for a while: everybody is answered after all, and the process goes on."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import func, select

from astral_core import Context, Routes
from astral_core.app import App, build
from astral_core.bot import polling, reachable
from astral_core.config import load_settings
from astral_core.db.tables import DEAD, core_files, core_inbox, core_outbox
from astral_core.host.state import LoadedPlugin
from astral_playground.telegram import api as emulated
from astral_playground.telegram import server
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
Answer = tuple[int, bytes]
PNG = (Path(__file__).parents[2] / "docs/images/playground.png").read_bytes()
# python-telegram-bot's own RetryAfter warns of a type that it will change; nothing here reads it.
pytestmark = pytest.mark.filterwarnings("ignore:.*retry_after:telegram.warnings.PTBDeprecationWarning")
routes = Routes()


@routes.command("hello")
async def hello(ctx: Context) -> None:
    """Answers by way of the core."""
    ctx.reply("hello to you")


@routes.command("native")
async def native(ctx: Context) -> None:
    """Answers by python-telegram-bot's own call."""
    await ctx.bot.send_message(ctx.chat.id, "hello to you")


@routes.command("picture")
async def picture(ctx: Context) -> None:
    """Shows a picture that is kept at Telegram."""
    ctx.send_photo(PNG, "hello to you", cache="p")


def ok(result: Any) -> Answer:
    """A success with any result."""
    return 200, json.dumps({"ok": True, "result": result}).encode()


ODD: dict[str, Answer] = {
    "empty": (200, b""), "html": (200, b"<html>hello</html>"), "not an object": (200, b"[]"),
    "no utf-8": (200, b'{"ok": true, "result": "\xff"}'), "deep": (200, b"[" * 100_000),
    "deep result": (200, b'{"ok":true,"result":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001),
    "no result": (200, b'{"ok":true}'), "null": ok(None), "text": ok("done"), "number": ok(7),
    "wrong ok": (200, b'{"ok":1}'), "no code": (200, b'{"ok":false}'), "redirect": (302, b""), "moved": (308, b""),
    "long": (200, b" " * (9 * 2**20)),
    "wait for what": (429, b'{"ok":false,"parameters":[1]}'), "proxy": (502, b"<html>bad gateway</html>"),
    "wait until soon": (429, b'{"ok":false,"parameters":{"retry_after":"soon"}}'),
    "page": (404, b"<html>nothing</html>"),
    "denied": (401, b"unauthorized"), "teapot": (418, b"{}"), "no status": (299, b"{}"),
}  # fmt: skip


class OddAnswer(Exception):
    """A call is answered by these bytes, and was not done."""


class OddApi:
    """Says something else than the emulated Telegram: by method, or by method and chat, one answer after the other.

    `done` changes the results of calls that were done, by method.
    """

    def __init__(self) -> None:
        self.original, self.original_http = emulated.call_method, server._bot_api
        self.next: dict[tuple[str, int | None], list[Answer]] = {}
        self.done: dict[str, Callable[[Any], Any]] = {}

    async def run(self, world: Any, method: Any, params: Any, chat_id: int | None) -> Any:
        """One call."""
        waiting = self.next.get((method.name, None)) or self.next.get((method.name, chat_id))
        if waiting:
            raise OddAnswer(*waiting.pop(0))
        result = await self.original(world, method, params, chat_id)
        return self.done[method.name](result) if method.name in self.done else result

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What goes over the wire."""
        try:
            return await self.original_http(request)
        except OddAnswer as odd:
            status, body = odd.args
            return web.Response(status=status, body=body, headers={"Location": "http://127.0.0.1:1/"})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> OddApi:
    """The server of the emulated Telegram, with odd answers; nobody waits long for it to be well."""
    odd = OddApi()
    monkeypatch.setattr(server, "_bot_api", odd.answer)
    monkeypatch.setattr(emulated, "call_method", odd.run)
    for module in (reachable, polling):
        monkeypatch.setattr(module, "backoff", lambda *_, **__: 0.01)
    monkeypatch.setattr(polling, "REFUSED", 0.01)
    monkeypatch.setattr(polling, "SOON", 0.01)
    monkeypatch.setattr(polling, "WELL", 0.01)
    return odd


async def dead(app: App) -> int:
    """How many rows and messages are lost."""
    async with app.database.engine.connect() as connection:
        return sum([
            await connection.scalar(select(func.count()).where(table.c.state == DEAD)) or 0
            for table in (core_inbox, core_outbox)
        ])  # fmt: skip


@pytest.mark.parametrize(("command", "times"), [("/hello", 1), ("/native", 2)])
async def test_no_odd_answer_loses_a_message(
    sqlite_url: str, make_plugin: MakePlugin, api: OddApi, command: str, times: int
) -> None:
    """Each message gets answers of another odd kind; all people are answered when Telegram is well.

    A handler whose own call met an odd answer runs again and again, and not twice only as for a bug.
    """
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        people = [kit.user(name.title()) for name in ODD]
        for person, odd in zip(people, ODD.values(), strict=True):
            api.next["sendMessage", person.id] = [odd] * times
            await person.send(command)
        for person in people:
            await person.wait_for("hello to you", timeout=30)
        assert not any(api.next.values())
        assert not kit.running.supervisor.lost
        assert await dead(kit.running) == 0


async def test_a_start_outlives_every_odd_answer(
    sqlite_url: str, make_plugin: MakePlugin, api: OddApi, until: Until
) -> None:
    """Whatever Telegram says of the bot and of its webhook: the bot waits, and then it serves."""
    info = [
        {"url": 7},
        {"url": None},
        {"url": "", "allowed_updates": None},
        {"url": "", "allowed_updates": [1, "a"]},
        {},
    ]
    for method in ("getMe", "getWebhookInfo", "setWebhook"):
        api.next[method, None] = list(ODD.values())
    api.next["getWebhookInfo", None] += map(ok, info)
    api.next["setWebhook", None] += [
        ok(False),
        (400, b'{"ok":false,"description":"Bad Request: bad webhook: no host"}'),
    ]
    async with TelegramEmulator() as telegram:
        kit = BotKit(telegram, sqlite_url, [make_plugin("weather", routes)])
        await kit.start()
        try:
            await until(lambda: kit.running.readiness.serving, 30)
            anna = kit.user("Anna")
            await anna.send("/hello")
            await anna.wait_for("hello to you")
            assert not any(api.next.values())
            assert not kit.running.supervisor.lost
        finally:
            await kit.stop()


async def test_polling_outlives_every_odd_answer(
    sqlite_url: str, make_plugin: MakePlugin, api: OddApi, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes between odd answers is handled; an update without a number is set aside, and told in the log."""
    api.next["getWebhookInfo", None] = list(ODD.values())
    api.next["getUpdates", None] = [*ODD.values(), ok([{"message": {}}, 7]), ok([{"update_id": 2**62}]), ok([[]])]
    async with TelegramEmulator() as telegram:
        settings = load_settings(
            telegram={"token": telegram.token, "api_url": telegram.api_url}, database={"url": sqlite_url},
            web={"port": 0}, host={"on_error": "stop"},
        )  # fmt: skip
        anna = telegram.user("Anna")
        await anna.send("/hello")
        async with build(settings, polling=True, plugins=[make_plugin("weather", routes)]) as running:
            await anna.wait_for("hello to you", timeout=30)
            await anna.send("/hello")
            await anna.wait_for("hello to you", timeout=30)
            assert not any(api.next.values())
            assert not running.supervisor.lost
            assert await dead(running) == 3
    assert caplog.text.count("polling pauses") == 1
    assert caplog.text.count("an update cannot be read and is set aside") == 1


ODD_RESULTS = [
    {"message_id": 2**70}, {"message_id": "7"}, {"message_id": True}, {"message_id": -(2**63)}, {"message_id": [7]},
    {"photo": None}, {"photo": {"file_id": ["x"]}}, {"photo": [{"file_id": "x" * 300}]}, {"photo": [7]},
    {"photo": [{"file_id": "a\x00b"}]}, {"photo": [{"file_id": 2**70}]},
    {"chat": 7, "from": "nobody", "date": "today"},
]  # fmt: skip


async def test_what_cannot_be_stored_is_not_stored(database_url: str, make_plugin: MakePlugin, api: OddApi) -> None:
    """The message is out and not sent again; what nobody can keep of its answer is not kept, and the chat goes on."""
    results = iter(ODD_RESULTS)
    api.done["sendPhoto"] = lambda result: {**result, **next(results, {})}
    async with bot_kit(database_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        for _ in ODD_RESULTS:
            await anna.send("/picture")
            await kit.settled()
        assert len(kit.calls("sendPhoto")) == len(ODD_RESULTS)
        assert await dead(kit.running) == 0
        for row in await kit.rows(core_files):
            assert len(row.file_id) < 256
        await anna.send("/hello")
        await anna.wait_for("hello to you")
