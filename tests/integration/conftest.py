"""Fixtures of tests over real HTTP: raw updates, waiting, the command line against a running bot's database."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result

from astral_core.cli import cli
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.process import until as wait_until

HEADER = "X-Telegram-Bot-Api-Secret-Token"
Until = Callable[..., Awaitable[Any]]


@pytest.fixture
def until() -> Until:
    """`await until(condition)`: wait until the function (or coroutine function) returns something true."""

    return wait_until


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
