"""The watchdog: a thread that looks at the event loop from outside and says who blocks it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from astral_core.observe.metrics import Metrics

log = logging.getLogger("astral.watchdog")

BEAT = 0.05
THRESHOLD = 0.1


class Watchdog:
    """Expects a heartbeat of the loop every 50 ms; reports file and line when it is 100 ms late.

    `owner(file name)` names the plugin that a source file belongs to, or None for libraries.
    """

    def __init__(self, metrics: Metrics, owner: Callable[[str], str | None], threshold: float = THRESHOLD) -> None:
        self._metrics = metrics
        self._owner = owner
        self._threshold = threshold
        self._stop = threading.Event()
        self._last = time.monotonic()
        self._thread: threading.Thread | None = None
        self._beat: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch the running loop."""
        self._last = time.monotonic()
        loop_thread = threading.get_ident()
        self._beat = asyncio.create_task(self._beat_forever(), name="astral-watchdog-beat")
        self._thread = threading.Thread(target=self._watch, args=(loop_thread,), name="astral-watchdog", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and the heartbeat."""
        self._stop.set()
        if self._beat:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        if self._thread:
            self._thread.join(timeout=1)

    async def _beat_forever(self) -> None:
        while True:
            before = time.monotonic()
            self._last = before
            await asyncio.sleep(BEAT)
            self._metrics.lag.observe(max(time.monotonic() - before - BEAT, 0.0))

    def _watch(self, loop_thread: int) -> None:
        reported = 0.0
        while not self._stop.wait(BEAT / 2):
            last = self._last
            late = time.monotonic() - last - BEAT
            if late < self._threshold or last == reported:
                continue
            reported = last  # once for each block
            frame = sys._current_frames().get(loop_thread)  # noqa: SLF001  # the documented way to see a thread
            if frame is not None and frame.f_code.co_filename.endswith("selectors.py"):
                continue  # the loop waits for events: the machine is busy, not the bot
            plugin, where = self._blame(frame)
            self._metrics.blocked.labels(plugin).inc()
            log.warning(
                "plugin %r blocks the event loop for %d ms and counting, at %s. Fix: await, or ctx.run_cpu",
                plugin, round(late * 1000), where,
            )  # fmt: skip

    def _blame(self, frame: FrameType | None) -> tuple[str, str]:
        """The innermost frame of a plugin; else the innermost frame at all."""
        top = frame
        while frame is not None:
            plugin = self._owner(frame.f_code.co_filename)
            if plugin is not None:
                return plugin, f"{frame.f_code.co_filename}:{frame.f_lineno}"
            frame = frame.f_back
        return "?", f"{top.f_code.co_filename}:{top.f_lineno}" if top else "?"
