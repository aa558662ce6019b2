"""Fixtures of tests over real HTTP: raw updates, waiting, the command line against a running bot's database."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import MetaData, select

from astral_core import Tables
from astral_core.botapi.table import table
from astral_core.cli import cli
from astral_core.db.tables import core_inbox
from astral_core.host.state import LoadedPlugin
from astral_playground.telegram import api as emulated
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.errors import ApiError
from astral_playground.telegram.methods import METHODS, Method
from astral_playground.telegram.records import Call
from astral_playground.testkit.bot import BotKit, bot_kit
from astral_playground.testkit.ports import free_port
from astral_playground.testkit.process import until as wait_until

HEADER = "X-Telegram-Bot-Api-Secret-Token"
Until = Callable[..., Awaitable[Any]]


@pytest.fixture
def until() -> Until:
    """`await until(condition)`: wait until the function (or coroutine function) returns something true."""

    return wait_until


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramEmulator]:
    """An emulated Telegram."""
    async with TelegramEmulator() as emulator:
        yield emulator


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A plain client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def post(http: aiohttp.ClientSession) -> Callable[..., Awaitable[tuple[int, Any]]]:
    """`status, body = await post(kit, update)`: what Telegram would post, with the right secret unless told."""

    async def send(kit: BotKit, body: Any, secret: str | None = "") -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if secret is not None:
            headers[HEADER] = secret or kit.secret
        async with http.post(f"{kit.url}/webhook/telegram", data=data, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith("{") else text

    return send


@pytest.fixture
def bot_environment(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """`bot_environment(telegram, ASTRAL_...=...)`: the settings of a bot in a process of its own, on SQLite."""

    def make(telegram: TelegramEmulator, **more: str) -> dict[str, str]:
        config, port = tmp_path / "astral.toml", free_port()
        config.write_text("[host]\nenabled = []\n", encoding="utf-8")
        return {
            "ASTRAL_CONFIG": str(config),
            "ASTRAL_TELEGRAM__TOKEN": telegram.token,
            "ASTRAL_TELEGRAM__API_URL": telegram.api_url,
            "ASTRAL_TELEGRAM__WEBHOOK_SECRET": "a-secret-of-this-test",
            "ASTRAL_TELEGRAM__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ASTRAL_WEB__PORT": str(port),
            "ASTRAL_DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path}/run.db",
            **more,
        }

    return make


@pytest.fixture
def make_update() -> Callable[..., dict[str, Any]]:
    """`make_update(text="hi", user=7)`: a message as Telegram posts it, with an update id of its own."""
    numbers = itertools.count(900_001)

    def make(text: str = "hi", user: int = 7, chat: dict[str, Any] | None = None, **message: Any) -> dict[str, Any]:
        number = next(numbers)
        sender = {"id": user, "is_bot": False, "first_name": "Vera", "language_code": "en"}
        content = {
            "message_id": number,
            "date": 1_700_000_000,
            "from": sender,
            "chat": chat or {"id": user, "type": "private", "first_name": "Vera"},
            "text": text,
            **message,
        }
        return {"update_id": number, "message": content}

    return make


@pytest.fixture
def astral(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Result]]:
    """`await astral(kit, "inbox", "list")`: the command line against the bot's database, in a thread of its own."""

    async def run(kit: BotKit, *arguments: str) -> Result:
        monkeypatch.setenv("ASTRAL_DATABASE__URL", kit.database_url)
        return await asyncio.to_thread(CliRunner().invoke, cli, list(arguments))

    return run


_MIGRATION = """
import sys
from alembic import op
revision, down_revision = "{plugin}_0001", None
def upgrade():
    sys.modules["{module}"].metadata.create_all(op.get_bind())
"""


@pytest.fixture
def make_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, MetaData], Tables]]:
    """`make_tables("shop", metadata)`: tables with a migration that makes them."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(plugin: str, metadata: MetaData) -> Tables:
        module = ModuleType(f"tables_of_{plugin}")
        vars(module)["metadata"] = metadata
        monkeypatch.setitem(sys.modules, module.__name__, module)
        folder = tmp_path / f"{plugin}_migrations" / "versions"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        source = _MIGRATION.format(plugin=plugin, module=module.__name__)
        (folder / "0001_initial.py").write_text(source, encoding="utf-8")
        return Tables(metadata, folder.parent.name)

    yield make
    for name in [name for name in sys.modules if name.endswith("_migrations")]:
        del sys.modules[name]


SUPER = {"id": -1001, "type": "supergroup", "title": "Stars"}


def _nothing(world: Any, params: Any) -> bool:
    """A method that private chats do not have."""
    del world, params
    return True


@dataclass
class GroupApi:
    """Telegram's side of groups, topics, business chats and messages sent through the bot: it takes every call.

    `refuse` says by chat what is answered instead; while `wait` is false nobody waits for the bot to be done.
    """

    original: Callable[..., Awaitable[Any]]
    refuse: dict[int, ApiError] = field(default_factory=dict)
    refuse_method: dict[str, ApiError] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    wait: bool = True
    delay: float = 0.0  # seconds that a call takes
    most: int = 0  # how many were under way at once
    _under_way: int = 0

    async def run(self, world: Any, method: Any, params: Any, chat_id: int | None) -> Any:
        """One call."""
        elsewhere = params.has("business_connection_id") or params.has("inline_message_id")
        if not elsewhere and (chat_id is None or chat_id >= 0):
            return await self.original(world, method, params, chat_id)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            await asyncio.sleep(self.delay)
            return self._answer(world, method, params, chat_id)
        finally:
            self._under_way -= 1

    def _answer(self, world: Any, method: Any, params: Any, chat_id: int | None) -> Any:
        fault = world.faults.take(method.name, chat_id)
        error = fault.error() if fault is not None else self.refuse.get(chat_id or 0)
        error = error or self.refuse_method.get(method.name)
        if error is not None:
            raise error
        if method.name in self.answers:
            return self.answers[method.name]
        returns = table().methods[method.name].returns
        if params.has("inline_message_id") or returns == "Boolean":
            return True
        chat = {"id": chat_id, "type": "supergroup", "title": "Stars"}
        message = {"message_id": next(self.numbers), "date": 1, "chat": chat}
        return [message] if returns.startswith("[") else message


@dataclass
class Groups:
    """Speaks to a bot in groups, as raw updates: people come one after the other, so that each may get a line."""

    kit: BotKit
    post: Callable[..., Awaitable[tuple[int, Any]]]
    update: Callable[..., dict[str, Any]]
    api: GroupApi
    people: Any = field(default_factory=lambda: itertools.count(5001))
    until: Until = wait_until

    @property
    def name(self) -> str:
        """The bot's name."""
        return str(self.kit.running.bot.application.bot.username)

    async def send(self, update: dict[str, Any]) -> Any:
        """Post it, and wait until all is said; what the webhook answered."""
        status, answer = await self.post(self.kit, update)
        assert status == 200
        if self.api.wait:
            await self.kit.settled()
        return answer

    async def say(self, text: str, chat: Any = SUPER, user: int | None = None, **message: Any) -> list[Call]:
        """What the bot sends into groups and channels after this message."""
        before = len(self.kit.calls())
        await self.send(self.update(text, user or next(self.people), chat, **message))
        return self.heard(before)

    async def press(
        self, data: str, chat: Any = SUPER, user: int | None = None, **message: Any
    ) -> tuple[list[Call], bool]:
        """What the bot sends there after this press, and whether the spinner has ended."""
        before = len(self.kit.calls())
        made = self.update("pressed", user or next(self.people), chat, **message)
        sender = made["message"].pop("from")
        query = {"id": "q1", "from": sender, "chat_instance": "1", "data": data, "message": made["message"]}
        answer = await self.send({"update_id": made["update_id"], "callback_query": query})
        calls = self.kit.calls()[before:]
        ended = answer or any(call.method == "answerCallbackQuery" for call in calls)
        return self.heard(before), bool(ended)

    def calls(self, since: int = 0) -> list[Call]:
        """All calls but those that every start makes."""
        own = ("MyCommands", "getMe", "WebhookInfo", "setWebhook")
        return [call for call in self.kit.calls()[since:] if not call.method.endswith(own)]

    def heard(self, since: int = 0) -> list[Call]:
        """All calls that name a chat which is not a private one."""
        return [call for call in self.kit.calls()[since:] if call.chat_id is not None and call.chat_id < 0]

    def reply(self, message_id: int = 1, user: int | None = None) -> dict[str, Any]:
        """A message of the bot, to be answered."""
        sender = {"id": user or self.kit.running.settings.bot_id, "is_bot": True, "first_name": "Bot"}
        return {"message_id": message_id, "date": 1, "chat": SUPER, "from": sender, "text": "x"}

    async def states(self) -> set[int]:
        """The states of all rows of the inbox."""
        async with self.kit.running.database.engine.connect() as connection:
            return set((await connection.execute(select(core_inbox.c.state))).scalars())


Start = Callable[..., AbstractAsyncContextManager[Groups]]


@pytest.fixture
def start(
    post: Callable[..., Awaitable[tuple[int, Any]]], make_update: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> Start:  # fmt: skip
    """`async with start(url, plugins=...) as groups`: a running bot, and groups in which it is a member."""

    @asynccontextmanager
    async def run(url: str, plugins: list[LoadedPlugin] | None = None, **overrides: Any) -> AsyncIterator[Groups]:
        api = GroupApi(emulated.call_method)
        monkeypatch.setattr(emulated, "call_method", api.run)
        for name in (
            "getChatAdministrators",
            "deleteBusinessMessages",
        ):  # groups alone know them, and those are played here
            monkeypatch.setitem(METHODS, name.lower(), Method(name, _nothing))
        async with bot_kit(url, plugins=plugins, **overrides) as kit:
            await kit.settled()
            yield Groups(kit, post, make_update, api)

    return run
