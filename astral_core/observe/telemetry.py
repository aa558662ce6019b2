"""Telemetry: one log line and one metric for each handled row, and batches for subscribers once a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from astral_core.handled import Handled
from astral_core.observe.metrics import Metrics

log = logging.getLogger("astral.handled")
PERIOD = 1.0
LIMIT = 10_000
TIMEOUT = 10.0  # seconds that a subscriber may take for a batch

Subscriber = tuple[str, Callable[[list[Handled]], Awaitable[None]]]
Forgotten = Callable[[set[int]], Awaitable[set[int]]]


class Telemetry:
    """Collects in memory; what a subscriber cannot take within a batch is lost, and the loss is logged.

    `forgotten` tells which of some people asked to be forgotten: what they did is handed out without their ids.
    """

    def __init__(
        self, metrics: Metrics, subscribers: Sequence[Subscriber], forgotten: Forgotten | None = None
    ) -> None:
        self._metrics = metrics
        self._forgotten = forgotten
        self._forget: set[int] = set()
        self._subscribers = list(subscribers)
        self._batch: list[Handled] = []
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._handing_out = asyncio.Lock()

    def handled(self, item: Handled) -> None:
        """Take one handled row."""
        self._metrics.handled(item)
        if log.isEnabledFor(logging.INFO):
            log.handle(_line(item))
        if self._subscribers and len(self._batch) < LIMIT:
            self._batch.append(item)

    def forget(self, user_id: int) -> None:
        """Take the person's id out of the batch under way: also out of what is still to come into it."""
        self._forget.add(user_id)

    def withdraw(self, plugin: str) -> None:
        """Hand nothing to `plugin`: it failed after everything was built."""
        self._subscribers[:] = [pair for pair in self._subscribers if pair[0] != plugin]

    def start(self) -> None:
        """Hand out batches."""
        self._task = asyncio.create_task(self._hand_out_forever(), name="astral-telemetry")

    async def stop(self) -> None:
        """Hand out what is left. A batch that is on its way arrives: to cancel it would lose it."""
        self._stopping.set()
        if self._task:
            await self._task
        await self.flush()

    async def _hand_out_forever(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERIOD):
                    await self._stopping.wait()
            try:
                await self.flush()
            except Exception:  # a bug must not end what counts all the others
                log.exception("a batch of telemetry was lost")

    async def flush(self) -> None:
        """Hand out what has gathered, now; what is on its way arrives first."""
        async with self._handing_out:
            await self._flush()

    async def _flush(self) -> None:
        batch, self._batch = self._batch, []
        gone, self._forget = self._forget, set()
        if not batch or not self._subscribers:
            return
        batch = _anonymous(
            batch, gone | await self._gone({item.user_id for item in batch if item.user_id is not None})
        )
        for plugin, handler in self._subscribers:
            try:
                async with asyncio.timeout(TIMEOUT):
                    await handler(batch)
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                    raise  # we are meant; else it awaited something that was cancelled
                log.exception("plugin %r lost a batch of %d telemetry records", plugin, len(batch))

    async def _gone(self, people: set[int]) -> set[int]:
        """Who of `people` is forgotten; all of them where the database does not say."""
        if self._forgotten is None or not people:
            return set()
        try:
            return await self._forgotten(people)
        except (SQLAlchemyError, OSError) as error:
            log.warning("telemetry goes without the ids of people: the database is away (%s)", type(error).__name__)
            return people


def _anonymous(batch: list[Handled], gone: set[int]) -> list[Handled]:
    """`batch` without the ids of the people who are gone."""
    if not gone:
        return batch
    without = {"user_id": None, "chat_id": None, "update_id": None}
    return [
        msgspec.structs.replace(item, **without) if item.user_id in gone or item.chat_id in gone else item
        for item in batch
    ]


def _line(item: Handled) -> logging.LogRecord:
    """The log record of a handled row, made by hand: once a row, and nobody asks from which line of code it came."""
    error = f", error {item.error_id}" if item.error_id else ""
    message = (
        f"{item.kind} {item.plugin}:{item.route} {item.outcome} "
        f"in {item.ms:.1f} ms, waited {item.wait_ms:.1f} ms{error}"
    )
    record = logging.LogRecord(log.name, logging.INFO, __file__, 0, message, None, None)
    vars(record).update(plugin=item.plugin, route=item.route, outcome=item.outcome, ms=item.ms)
    return record
