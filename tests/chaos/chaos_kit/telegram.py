"""Telegram's webhook side, by the algorithm of its own Bot API server, in front of any number of replicas.

One update of a queue is in flight at a time; queues travel side by side over up to `connections`. A failed update
stays at the head of its queue: it is sent again at once, then after 2, 4, 8, ... s up to a bound drawn from 60-120 s;
a Retry-After of 1-3600 s is honoured instead; what would be sent after its life is dropped. Repeats also come without
a failure of the bot: answers get lost on the way, and connections are closed before the answer.

Between Telegram and the replicas stands a balancer without stickiness: of two replicas drawn it takes the one with
fewer posts under way. It does not notice that a replica is gone: a refused connection is a failed delivery, unless
`failover` lets it try the others.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

import aiohttp

from .traffic import Posting

HEADER = "X-Telegram-Bot-Api-Secret-Token"
READ_TIMEOUT = 60.0  # seconds
MAX_RESEND = 60.0  # seconds; the longest pause is drawn from this to its double
MAX_RETRY_AFTER = 3600


@dataclass(frozen=True)
class Wire:
    """How Telegram sends. `hurry` divides its pauses, so that a run needs minutes instead of hours."""

    connections: int = 40
    hurry: float = 1.0
    failover: bool = False
    lost_answers: float = 0.0  # share of 200s that do not arrive
    hang_ups: float = 0.0  # share of posts whose connection is closed after 0 to 5 ms


@dataclass
class _Queue:
    postings: deque[Posting] = field(default_factory=deque)
    delay: float = 1.0
    failures: int = 0


@dataclass(frozen=True)
class _Answer:
    status: int
    retry_after: int = 0


class Telegram:
    """Posts what is `add`ed until it is acknowledged. Works within `async with`."""

    def __init__(self, addresses: Sequence[str], secret: str, wire: Wire, seed: int = 0) -> None:
        self.addresses = list(addresses)
        self.acked: list[Posting] = []  # in the order of their acknowledgements
        self.expired = 0
        self.statuses: Counter[int] = Counter()  # of all posts; 0 where no answer came
        self.unsent = 0
        self._secret, self._wire = secret, wire
        self._random = random.Random(f"telegram {seed}")  # noqa: S311  # it draws accidents, not secrets
        self._queues: dict[int, _Queue] = {}
        self._ready: deque[int] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._busy: Counter[int] = Counter()  # posts under way to each replica
        self._session: aiohttp.ClientSession | None = None
        self._changed = asyncio.Event()
        self._failed: BaseException | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=READ_TIMEOUT))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    @property
    def resends(self) -> int:
        """Posts beyond the first of each update."""
        return self.statuses.total() - len(self.acked) - self.expired - self.unsent_tried

    @property
    def unsent_tried(self) -> int:
        """Updates that are still at the head of their queues, and were posted."""
        return sum(bool(queue.postings and queue.postings[0].tries) for queue in self._queues.values())

    def add(self, posting: Posting) -> None:
        """Send `posting` after all others of its queue."""
        queue = self._queues.setdefault(posting.queue, _Queue())
        queue.postings.append(posting)
        self.unsent += 1
        if len(queue.postings) == 1:
            self._ready.append(posting.queue)
            self._start()

    async def until(self, acked: int) -> None:
        """Wait until so many updates are acknowledged, or all that there are."""
        while len(self.acked) < acked and self.unsent:
            await self._change()

    async def room(self, unsent: int) -> None:
        """Wait until fewer than `unsent` updates wait to be acknowledged."""
        while self.unsent >= unsent:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
        if self._failed is not None:
            raise RuntimeError("the emulated Telegram failed") from self._failed

    def _start(self) -> None:
        while self._ready and len(self._tasks) < self._wire.connections:
            task = asyncio.create_task(self._deliver(self._ready.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failed = task.exception()
        self._changed.set()
        self._start()

    async def _deliver(self, number: int) -> None:
        queue = self._queues[number]
        posting = queue.postings[0]
        posting.tries += 1
        place, answer = await self._post(posting)
        if answer.status == HTTPStatus.OK and self._random.random() < self._wire.lost_answers:
            answer = _Answer(0)
        self.statuses[answer.status] += 1
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            posting.acked_at, posting.acked_by = time.monotonic(), place
            self.acked.append(posting)
            self._next(number, queue)
        else:
            self._again(number, queue, posting, min(max(answer.retry_after, 0), MAX_RETRY_AFTER))

    def _next(self, number: int, queue: _Queue) -> None:
        queue.postings.popleft()
        queue.delay, queue.failures = 1.0, 0
        self.unsent -= 1
        if queue.postings:
            self._ready.append(number)
        else:
            del self._queues[number]

    def _again(self, number: int, queue: _Queue, posting: Posting, retry_after: int) -> None:
        pause = float(retry_after)
        if not retry_after and queue.failures:
            queue.delay = min(self._random.uniform(MAX_RESEND, 2 * MAX_RESEND), queue.delay * 2)
            pause = queue.delay
        queue.failures += 1
        pause /= self._wire.hurry
        if time.monotonic() + pause > posting.expires_at:
            posting.expired = True
            self.expired += 1
            self._next(number, queue)
            return
        timer: asyncio.TimerHandle = asyncio.get_running_loop().call_later(pause, lambda: self._wake(number, timer))
        self._timers.add(timer)

    def _wake(self, number: int, timer: asyncio.TimerHandle) -> None:
        self._timers.discard(timer)
        self._ready.append(number)
        self._start()

    async def _post(self, posting: Posting) -> tuple[int, _Answer]:
        places = self._random.sample(range(len(self.addresses)), len(self.addresses))
        places[:2] = sorted(places[:2], key=lambda place: self._busy[place])
        for place in places:
            self._busy[place] += 1
            try:
                return place, await self._exchange(place, posting)
            except aiohttp.ClientConnectorError:
                if not self._wire.failover:
                    break
            except (aiohttp.ClientError, OSError, TimeoutError):
                break
            finally:
                self._busy[place] -= 1
        return -1, _Answer(0)

    async def _exchange(self, place: int, posting: Posting) -> _Answer:
        if self._session is None:
            raise RuntimeError("Telegram posts within `async with` only")
        headers = {HEADER: self._secret, "Content-Type": "application/json"}
        url = f"{self.addresses[place]}/webhook/telegram"
        hang_up = self._random.random() < self._wire.hang_ups
        limit = self._random.random() * 0.005 if hang_up else READ_TIMEOUT
        async with (
            asyncio.timeout(limit),
            self._session.post(url, data=posting.body, headers=headers, allow_redirects=False) as response,
        ):
            await response.read()
            after = response.headers.get("Retry-After", "")
            return _Answer(response.status, int(after) if after.isdecimal() else 0)
