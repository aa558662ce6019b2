"""A recording Bot API: it takes messages, loses answers, is late, refuses for a moment, and remembers everything.

It may also give answers that are none: `odd.py` has them.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from .odd import ELSEWHERE, OTHER, SENT, Oddity, draw

TOKEN = "4242:a-token-of-the-chaos-run-alone"
BOT = {"id": 4242, "is_bot": True, "first_name": "Storm", "username": "storm_bot"}
HALF = 0.5
ANSWERS: dict[str, Any] = {"getMe": BOT, "getWebhookInfo": {"url": "", "pending_update_count": 0}}


@dataclass(frozen=True)
class Faults:
    """Shares of calls that go wrong, and the longest delay of an answer in seconds."""

    lost: float = 0.0  # taken, and the connection closed without an answer
    throttled: float = 0.0  # 429, not taken
    broken: float = 0.0  # 500, not taken
    odd: float = 0.0  # an answer that is none; whether it is taken depends on which one it is
    odd_others: float = 0.0  # the same of calls that send nothing, such as getMe
    delay: float = 0.0

    @property
    def total(self) -> float:
        """The share of messages that have any fault."""
        return self.lost + self.throttled + self.broken + self.odd


@dataclass(frozen=True)
class Sent:
    """A message that was taken: by whom it was not known, when, and whether its sender heard of that."""

    chat: int
    text: str
    at: float
    answered: bool


@dataclass
class BotApi:
    """Serves on loopback within `async with`. `gate(text)` may hold a message back before it is taken."""

    faults: Faults = Faults()
    seed: int = 0
    sent: list[Sent] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    on_sent: Callable[[Sent], None] | None = None
    odd: Counter[str] = field(default_factory=Counter)  # odd answers, by name
    strayed: int = 0  # calls that followed a redirect to somebody else
    spoilt: list[tuple[int, float]] = field(default_factory=list)  # (chat, when) of calls that went wrong here
    url: str = ""
    _runner: web.ServerRunner | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(f"api {self.seed}")  # noqa: S311  # it draws accidents, not secrets

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def texts(self, chat: int) -> list[str]:
        """What a chat has been sent, in order."""
        return [sent.text for sent in self.sent if sent.chat == chat]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        method = request.path.rpartition("/")[2]
        params = await _params(request)
        self.calls[method] += 1
        if request.path.startswith(ELSEWHERE):
            self.strayed += 1
            return _ok(True)
        luck = self._random.random()
        if method != "sendMessage":
            if luck < self.faults.odd_others:
                return await self._give(request, draw(OTHER, self._random))
            return _ok(ANSWERS.get(method, True))
        return await self._receive(request, int(params["chat_id"]), str(params["text"]), luck)

    async def _receive(self, request: web.BaseRequest, chat: int, text: str, luck: float) -> web.StreamResponse:
        if luck < self.faults.total:
            self.spoilt.append((chat, time.monotonic()))
        if luck < self.faults.throttled:
            error = {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 1"}
            return web.json_response({**error, "parameters": {"retry_after": 1}}, status=429)
        luck -= self.faults.throttled
        if luck < self.faults.broken:
            return web.json_response({"ok": False, "error_code": 500, "description": "Internal"}, status=500)
        luck -= self.faults.broken
        lost = luck < self.faults.lost
        if 0 <= luck - self.faults.lost < self.faults.odd:
            oddity = draw(SENT, self._random)
            if oddity.taken or (oddity.taken is None and self._random.random() < HALF):
                await self._take(request, chat, text, lost=False, doubt=True)
            return await self._give(request, oddity)
        return await self._take(request, chat, text, lost=lost)

    async def _give(self, request: web.BaseRequest, oddity: Oddity) -> web.StreamResponse:
        self.odd[oddity.name] += 1
        return await oddity.answer(request, self.url)

    async def _take(
        self, request: web.BaseRequest, chat: int, text: str, *, lost: bool, doubt: bool = False
    ) -> web.StreamResponse:
        sent = Sent(chat, text, time.monotonic(), not (lost or doubt))
        self.sent.append(sent)
        if self.on_sent is not None:
            self.on_sent(sent)
        if self.faults.delay:
            await asyncio.sleep(self._random.random() * self.faults.delay)
        if lost and request.transport is not None:
            request.transport.abort()
        message = {"message_id": len(self.sent), "date": int(time.time()), "chat": {"id": chat, "type": "private"}}
        return _ok({**message, "from": BOT, "text": text})


def _ok(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


async def _params(request: web.BaseRequest) -> dict[str, Any]:
    """JSON from effects, a form from python-telegram-bot's own methods."""
    if request.content_type == "application/json":
        found: dict[str, Any] = json.loads(await request.read() or b"{}")
        return found
    return dict(await request.post())
