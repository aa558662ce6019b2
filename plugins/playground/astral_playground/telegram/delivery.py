"""Webhook delivery by the algorithm of Telegram's own Bot API server (tdlib/telegram-bot-api, WebhookActor).

Each update has a queue id (a chat's messages; a person's presses; a person's checkouts; ...). At most one update of a
queue is in flight, different queues travel at once over up to max_connections connections. A failed update stays at
the head of its queue: the first retry follows at once, then after 2, 4, 8, ... s up to a bound drawn from 60-120 s;
a Retry-After of 1-3600 s is honoured instead. An update whose next try would come after its expiry is dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import aiohttp

from . import api
from .errors import ApiError, DroppedConnection
from .forms import read_parts
from .params import Params
from .state import Webhook, World
from .updates import Delivery, Update

READ_TIMEOUT = 60.0  # s
MAX_RESEND = 60  # s; the longest pause is drawn from this to its double
MAX_RETRY_AFTER = 3600  # s
GONE_WITHIN = 23 * 3600.0  # s of nothing but 410 Gone until the webhook is closed
REORDER_HOLD = 0.25  # s that the reorder switch holds an update, so that others can overtake it
MAX_ANSWER = 1 << 20  # bytes of an answer that are read
logger = logging.getLogger(__name__)

_NOT_IN_ANSWERS = frozenset({"deletewebhook", "setwebhook", "close", "logout"})


@dataclass(slots=True)
class _Queue:
    id: int
    updates: deque[Update] = field(default_factory=deque)
    wake_at: float = 0.0
    delay: int = 1
    failures: int = 0
    in_flight: bool = False


@dataclass(slots=True, frozen=True)
class _Answer:
    status: int
    error: str = ""
    retry_after: int = 0
    content_type: str = ""
    body: bytes = b""


class WebhookDelivery:
    """The sender of one world. `seed` decides the drawn bounds of pauses."""

    def __init__(self, world: World, *, seed: int = 0) -> None:
        self._world = world
        self._random = random.Random(seed)  # noqa: S311 - it draws pauses, not secrets
        self._queues: dict[int, _Queue] = {}
        self._loaded: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._runner: asyncio.Task[None] | None = None
        self._delivered = 0
        self._gone_since: float | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
        )
        self._world.updates.on_add(self._wake.set)
        self._world.listen(self._on_event)
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End at once; what is in flight stays pending."""
        self._world.unlisten(self._on_event)
        self._world.updates.remove_waker(self._wake.set)
        tasks = [*self._tasks, *([self._runner] if self._runner is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _on_event(self, name: str, _data: dict[str, Any]) -> None:
        if name in {"webhook", "reset"}:
            for task in self._tasks:
                task.cancel()
            self._queues.clear()
            self._loaded.clear()
            self._gone_since = None
        if name == "retry":
            for queue in self._queues.values():
                queue.wake_at = 0.0
        if name in {"webhook", "reset", "switches", "retry"}:
            self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            next_at = self._start_ready() if self._world.webhook.url and not self._world.switches.paused else None
            waiters: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._wake.wait())]
            if next_at is not None:
                pause = max(0.0, next_at - self._world.clock.time())
                waiters.append(asyncio.ensure_future(self._world.clock.sleep(pause)))
            try:
                await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for waiter in waiters:
                    waiter.cancel()

    def _load(self) -> None:
        """Take pending updates in, in order, up to twice the number of connections."""
        self._world.updates.expire(self._loaded)
        limit = 2 * self._world.webhook.max_connections
        for update in self._world.updates.pending.values():
            if len(self._loaded) >= limit:
                return
            if update.update_id in self._loaded:
                continue
            self._loaded.add(update.update_id)
            queue = self._queues.setdefault(update.queue_id, _Queue(update.queue_id))
            queue.updates.append(update)

    def _start_ready(self) -> float | None:
        """Send from every queue that may send; the time at which the next one may."""
        self._load()
        reorder = self._world.switches.reorder
        now = self._world.clock.time()
        connections = 1 if reorder else self._world.webhook.max_connections
        waiting: list[float] = []
        queues = [queue for queue in self._queues.values() if queue.updates and not queue.in_flight]
        for queue in sorted(queues, key=self._newest_first if reorder else self._oldest_first):
            hold = queue.updates[0].created + REORDER_HOLD if reorder else 0.0
            due = max(queue.wake_at, hold)
            if due > now:
                waiting.append(due)
            elif len(self._tasks) < connections:
                self._send(queue)
        return min(waiting, default=None)

    @staticmethod
    def _oldest_first(queue: _Queue) -> tuple[float, int]:
        return queue.wake_at, queue.updates[0].update_id

    @staticmethod
    def _newest_first(queue: _Queue) -> tuple[float, int]:
        return 0.0, -queue.updates[0].update_id

    def _send(self, queue: _Queue) -> None:
        queue.in_flight = True
        task = asyncio.create_task(self._deliver(queue, queue.updates[0], self._world.webhook))
        self._tasks.add(task)

        def finished(_task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            queue.in_flight = False
            error = None if task.cancelled() else task.exception()
            if error is not None:
                queue.wake_at = self._world.clock.time() + MAX_RESEND
                logger.error("playground: an update could not be sent", exc_info=error)
            self._wake.set()

        task.add_done_callback(finished)

    async def _deliver(self, queue: _Queue, update: Update, hook: Webhook) -> None:
        switches = self._world.switches
        if switches.delay:
            await self._world.clock.sleep(switches.delay)
        self._world.updates.changed(update, "delivering")
        answer = await self._post(update, hook)
        if not answer.error:
            self._delivered += 1
            first = len(update.deliveries) == 1
            if first and _each(switches.drop_response_every, self._delivered):
                answer = _Answer(0, "Webhook connection closed")
                update.deliveries[-1].error = "the answer was thrown away (switch drop_response_every)"
        if answer.error:
            self._failed(queue, update, hook, answer)
            return
        self._gone_since = None
        if _each(switches.duplicate_every, self._delivered):
            await self._post(update, hook)
        self._finish(queue, update, "delivered")
        self._run_answer(answer)

    def _finish(self, queue: _Queue, update: Update, state: str) -> None:
        if queue.updates and queue.updates[0] is update:
            queue.updates.popleft()
        queue.delay, queue.failures, queue.wake_at = 1, 0, 0.0
        self._loaded.discard(update.update_id)
        if not queue.updates:
            self._queues.pop(queue.id, None)
        self._world.updates.forget(update, state)

    def _failed(self, queue: _Queue, update: Update, hook: Webhook, answer: _Answer) -> None:
        now = self._world.clock.time()
        hook.last_error_date, hook.last_error_message = int(now), answer.error
        self._world.emit("bot")
        if self._closed_by_gone(answer, now):
            return
        retry_after = min(max(answer.retry_after, 0), MAX_RETRY_AFTER)
        delay, pause = queue.delay, float(retry_after)
        if not retry_after and queue.failures:
            delay = min(self._random.randint(MAX_RESEND, 2 * MAX_RESEND), queue.delay * 2)
            pause = float(delay)
        if now + pause > update.expires_at:
            self._finish(queue, update, "expired")
            return
        queue.delay, queue.wake_at = delay, now + pause
        queue.failures += 1
        self._world.updates.changed(update, "retrying")

    def _closed_by_gone(self, answer: _Answer, now: float) -> bool:
        """Does 410 Gone for a day take the webhook away?"""
        if answer.status != HTTPStatus.GONE:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now
        elif now > self._gone_since + GONE_WITHIN:
            self._world.webhook = Webhook()
            asyncio.get_running_loop().call_soon(self._world.emit, "webhook")
            return True
        return False

    async def _post(self, update: Update, hook: Webhook) -> _Answer:
        started, at = time.perf_counter(), self._world.clock.time()
        answer = await self._exchange(update, hook)
        ms = round((time.perf_counter() - started) * 1000, 1)
        update.deliveries.append(Delivery(at, answer.status, ms, answer.error))
        alive = bool(answer.status) or answer.error == "Read timeout expired"
        self._world.set_bot_up(alive, "" if alive else answer.error)
        return answer

    async def _exchange(self, update: Update, hook: Webhook) -> _Answer:
        """One POST, with the server's time-out by the world's clock."""
        request = asyncio.ensure_future(self._request(update, hook))
        deadline = asyncio.ensure_future(self._world.clock.sleep(READ_TIMEOUT))
        try:
            await asyncio.wait({request, deadline}, return_when=asyncio.FIRST_COMPLETED)
            if not request.done():
                return _Answer(0, "Read timeout expired")
            return request.result()
        except aiohttp.ClientConnectorError:
            return _Answer(0, "Connection refused")
        except (aiohttp.ClientError, OSError) as error:
            return _Answer(0, f"Webhook connection closed ({type(error).__name__})")
        finally:
            request.cancel()
            deadline.cancel()

    async def _request(self, update: Update, hook: Webhook) -> _Answer:
        if self._session is None:
            raise RuntimeError("WebhookDelivery: start() was not called")
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if hook.secret_token:
            headers["X-Telegram-Bot-Api-Secret-Token"] = hook.secret_token
        body = json.dumps(update.to_dict(), ensure_ascii=False).encode()
        async with self._session.post(hook.url, data=body, headers=headers, allow_redirects=False) as response:
            content = await _body(response)
            if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                return _Answer(response.status, content_type=response.headers.get("Content-Type", ""), body=content)
            retry_after = response.headers.get("Retry-After", "")
            return _Answer(
                response.status,
                f"Wrong response from the webhook: {response.status} {response.reason}",
                int(retry_after) if retry_after.isascii() and retry_after.isdecimal() else 0,
            )

    def _run_answer(self, answer: _Answer) -> None:
        """Do what the answer's body asks for; the bot never learns how that ended."""
        params = _body_params(answer)
        method = params.values.pop("method", "").lower()
        if method and method not in _NOT_IN_ANSWERS and not method.startswith("get"):
            self._world.spawn(_call_quietly(self._world, method, params))


def _each(number: int, count: int) -> bool:
    return number > 0 and count % number == 0


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The body, which may come in pieces; its first MAX_ANSWER bytes."""
    body = bytearray()
    while len(body) < MAX_ANSWER and (piece := await response.content.read(MAX_ANSWER - len(body))):
        body += piece
    return bytes(body)


def _body_params(answer: _Answer) -> Params:
    params = Params()
    try:
        kind = answer.content_type.partition(";")[0].strip().lower()
        if kind == "application/json":
            body = json.loads(answer.body.decode())
            if isinstance(body, dict):
                params.add_json(body)
        elif kind == "application/x-www-form-urlencoded":
            params.values.update(parse_qsl(answer.body.decode()))
        elif kind == "multipart/form-data":
            read_parts(answer.content_type, answer.body, params)
    except (ValueError, RecursionError):
        return Params()
    return params


async def _call_quietly(world: World, method: str, params: Params) -> None:
    try:
        await api.call(world, method, params, via="webhook_answer")
    except (ApiError, DroppedConnection):
        return  # the record of the call has it; Telegram tells nobody either
