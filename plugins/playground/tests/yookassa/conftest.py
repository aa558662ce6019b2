"""Fixtures: a running emulator with a frozen clock, an authorised HTTP client, a receiver, the bound SDK."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from astral_playground.yookassa import NotificationSettings, Shop, VirtualClock, YooKassaEmulator

START = datetime(2026, 11, 22, 10, 51, 18, 139_000, tzinfo=UTC)


@dataclass
class Answer:
    """Status, parsed JSON (None if it is none), text and headers of an answer."""

    status: int
    body: Any
    text: str
    headers: Any


class Client:
    """Talks to the emulator as a shop; keys count up unless one is given."""

    def __init__(self, emulator: YooKassaEmulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.session = session
        self.keys = 0
        self.auth = "Basic " + base64.b64encode(b"100500:test_emulator").decode()

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = "", headers: Any = None, **more: Any
    ) -> Answer:
        """One request under /v3; `key=None` sends no Idempotence-Key, "" a fresh one."""
        self.keys += 1
        head = {"Authorization": self.auth}
        if method == "POST" and key is not None:
            head["Idempotence-Key"] = key or f"key-{self.keys}"
        if body is not None and "data" not in more:
            more["json"] = body
        url = self.emulator.api_url + path
        async with self.session.request(method, url, headers=head | (headers or {}), **more) as answer:
            text = await answer.text()
            return Answer(answer.status, _parsed(text), text, answer.headers)

    async def pay(self, method: str, payment: dict[str, Any], data: Any = None, **headers: str) -> Answer:
        """One request to the payment's page, redirects not followed."""
        url = payment["confirmation"]["confirmation_url"]
        async with self.session.request(
            method,
            url,
            data=data,
            allow_redirects=False,
            headers={k.replace("_", "-"): v for k, v in headers.items()},
        ) as answer:
            return Answer(answer.status, None, await answer.text(), answer.headers)

    async def control(self, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
        """One request to the control API."""
        head = {"Authorization": f"Bearer {token or self.emulator.control_token}"}
        url = self.emulator.control_url + path
        async with self.session.request(method, url, json=body, headers=head) as answer:
            text = await answer.text()
            return Answer(answer.status, _parsed(text), text, answer.headers)

    async def created(self, **changes: Any) -> dict[str, Any]:
        """A new payment over the API."""
        answer = await self.call("POST", "/payments", request_body(**changes))
        assert answer.status == 200, answer.text
        result: dict[str, Any] = answer.body
        return result

    async def paid(self, **changes: Any) -> dict[str, Any]:
        """A new payment that was paid with the first test card."""
        payment = await self.created(**changes)
        answer = await self.pay("POST", payment, {"preset": "5555555555554444"})
        assert answer.status == 302
        got: dict[str, Any] = (await self.call("GET", f"/payments/{payment['id']}")).body
        return got


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def request_body(**changes: Any) -> dict[str, Any]:
    """A right body of POST /payments; a member that is changed to None is left out."""
    body = {
        "amount": {"value": "199.00", "currency": "RUB"},
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": "https://bot.example/pay/return/8Zk"},
        "description": "Полная натальная карта",
        "metadata": {"payment_id": "41"},
    } | changes
    return {key: value for key, value in body.items() if value is not None}


@pytest.fixture
def body() -> Callable[..., dict[str, Any]]:
    """Makes bodies of POST /payments."""
    return request_body


@pytest.fixture
async def emulator() -> AsyncIterator[YooKassaEmulator]:
    """A served emulator of two shops whose clock moves by hand."""
    shops = [Shop(), Shop(id="200600", secret_key="test_other", name="Other", fiscalization=True)]
    async with YooKassaEmulator(shops=shops, clock=VirtualClock(START, running=False)) as running:
        yield running


@pytest.fixture
async def client(emulator: YooKassaEmulator) -> AsyncIterator[Client]:
    """The first shop's client."""
    async with aiohttp.ClientSession() as session:
        yield Client(emulator, session)


@dataclass
class Receiver:
    """A real HTTP receiver of notifications that answers as `statuses` say, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the notification."""
        self.bodies.append(await request.json())
        self.headers.append(request.headers)
        self.arrived.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def until(self, count: int) -> None:
        """Wait until `count` notifications came."""
        while len(self.bodies) < count:
            self.arrived.clear()
            await asyncio.wait_for(self.arrived.wait(), 20)

    @property
    def events(self) -> list[str]:
        """The names of the events that came, in order."""
        return [body["event"] for body in self.bodies]


@pytest.fixture
async def receiver(emulator: YooKassaEmulator) -> AsyncIterator[Receiver]:
    """A receiver that the emulator notifies."""
    got = Receiver()
    app = web.Application()
    app.router.add_post("/hook", got.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    got.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    emulator.notifier.settings = NotificationSettings(url=got.url)
    yield got
    await runner.cleanup()


class BoundSdk:
    """The official SDK's resource classes, bound to one shop without its process-wide configuration."""

    def __init__(self, api_url: str, pool: ThreadPoolExecutor) -> None:
        import requests
        from yookassa import Payment, Refund, Settings
        from yookassa.client import ApiClient

        class Transport(ApiClient):  # type: ignore[misc]  # the SDK has no types
            def __init__(self) -> None:
                self.auth_token = None
                self.shop_id, self.shop_password = "100500", "test_emulator"
                from yookassa.domain.common import UserAgent

                self.user_agent = UserAgent()

            def execute(self, body: Any, method: str, path: str, query: Any, headers: Any) -> Any:
                return requests.request(
                    method, api_url + path, params=query, headers=headers, json=body, timeout=(5, 35)
                )

        transport = Transport()
        self._pool = pool

        def bound(resource: type) -> Any:
            return type(resource.__name__, (resource,), {"__init__": lambda self: setattr(self, "client", transport)})

        self.payment, self.refund, self.settings = bound(Payment), bound(Refund), bound(Settings)

    async def run(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run a call of the SDK in a thread: it blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)


@pytest.fixture
def sdk(emulator: YooKassaEmulator) -> Any:
    """The bound SDK."""
    with ThreadPoolExecutor(2) as pool:
        yield BoundSdk(emulator.api_url, pool)
