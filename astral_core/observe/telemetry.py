"""Telemetry: one log line and one metric for each handled row, and batches for subscribers once a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from astral_core.declare import Handled
from astral_core.observe.metrics import Metrics

log = logging.getLogger("astral.handled")
PERIOD = 1.0
LIMIT = 10_000
TIMEOUT = 10.0  # seconds that a subscriber may take for a batch

Subscriber = tuple[str, Callable[[list[Handled]], Awaitable[None]]]


class Telemetry:
    """Collects in memory; what a subscriber cannot take within a batch is lost, and the loss is logged."""

    def __init__(self, metrics: Metrics, subscribers: Sequence[Subscriber]) -> None:
        self._metrics = metrics
        self._subscribers = list(subscribers)
        self._batch: list[Handled] = []
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def handled(self, item: Handled) -> None:
        """Take one handled row."""
        self._metrics.handled(item)
        if log.isEnabledFor(logging.INFO):
            log.handle(_line(item))
        if self._subscribers and len(self._batch) < LIMIT:
            self._batch.append(item)

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
            await self.flush()

    async def flush(self) -> None:
        """Hand out what has gathered, now."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        for plugin, handler in self._subscribers:
            try:
                async with asyncio.timeout(TIMEOUT):
                    await handler(batch)
            except (Exception, SystemExit):
                log.exception("plugin %r lost a batch of %d telemetry records", plugin, len(batch))


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
