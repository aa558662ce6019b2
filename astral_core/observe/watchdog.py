"""The watchdog: a thread that looks at the event loop from outside and says who blocks it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

from astral_core.observe.awaited import scope_of
from astral_core.observe.metrics import Metrics

log = logging.getLogger("astral.watchdog")

BEAT = 0.05
TICK = BEAT / 2
THRESHOLD = 0.1
AGAIN = (1.0, 5.0, 30.0, 300.0)  # seconds after which a block that goes on is reported again, with its stack


class _LoopThread:
    """The loop's thread as the system sees it; made in that thread, read by the watchdog's."""

    def __init__(self) -> None:
        self.ident = threading.get_ident()
        self._queue = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        clock = getattr(time, "pthread_getcpuclockid", None)
        self._used = partial(time.clock_gettime, clock(self.ident)) if clock else time.process_time
        self._before = (time.monotonic(), self._used())
        self._queued_before = self._queued()

    def blocked(self) -> float:
        """Seconds since the last call for which the thread itself, not the machine, is to blame.

        Time does not count where it was ready to run but got no processor (the machine is busy), nor where the
        watchdog was held up as well (the process was stopped), unless the thread used the processor meanwhile: then
        it ran C code that lets no other thread run, such as a regular expression.
        """
        moment, used_now = time.monotonic(), self._used()
        passed, used = moment - self._before[0], used_now - self._before[1]
        self._before = (moment, used_now)
        if used >= min(passed, TICK):
            return used  # reading a file now would let the thread go on before anybody has seen where it was
        queued_before, self._queued_before = self._queued_before, self._queued()
        return max(used, min(passed, TICK) - (self._queued_before - queued_before))

    def _queued(self) -> float:
        """Seconds for which it was ready to run without a processor; 0 where the system does not tell."""
        try:
            return int(self._queue.read_bytes().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0


@dataclass
class _Block:
    """What keeps the loop: one step of one task since one heartbeat."""

    step: tuple[float, int]
    seconds: float = 0.0
    reports: int = 0

    def is_due(self, first: float) -> bool:
        """Whether it has to be reported, for the first time or again."""
        due = sum(self.seconds >= limit for limit in (first, *AGAIN))
        if due <= self.reports:
            return False
        self.reports = due
        return True


class Watchdog:
    """Expects a heartbeat of the loop every 50 ms; reports plugin, route, file and line when it is 100 ms late.

    `owner(file name)` names the plugin that a source file belongs to, or None for libraries. A block that goes on is
    reported again, from one second on with its stack.
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
        loop = asyncio.get_running_loop()
        self._beat = asyncio.create_task(self._beat_forever(), name="astral-watchdog-beat")
        self._thread = threading.Thread(
            target=self._watch, args=(loop, _LoopThread()), name="astral-watchdog", daemon=True
        )
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

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: _LoopThread) -> None:
        block = _Block((0.0, 0))
        while not self._stop.wait(TICK):
            seconds = thread.blocked()
            frame = sys._current_frames().get(thread.ident)  # noqa: SLF001  # the documented way to see a thread
            if frame is None or _waits(frame):
                continue
            task, last = asyncio.current_task(loop), self._last
            if block.step != (last, id(task)):
                block = _Block((last, id(task)))  # the loop went on since the last look
            block.seconds = min(block.seconds + seconds, time.monotonic() - last)
            first = not block.reports
            if block.is_due(self._threshold):
                self._report(block.seconds, traceback.extract_stack(frame), scope_of(task), first=first)

    def _report(
        self, seconds: float, stack: traceback.StackSummary, values: dict[str, object], *, first: bool
    ) -> None:
        plugin, where = self._blame(stack)
        if first:
            self._metrics.blocked.labels(plugin).inc()
        during = f" in route {values.get('plugin')}:{values['route']}" if "route" in values else ""
        shown = "\n" + "".join(stack.format()).rstrip() if seconds >= AGAIN[0] else ""
        log.warning(
            "plugin %r blocks the event loop%s for %d ms and counting, at %s. Fix: await, or ctx.run_cpu%s",
            plugin, during, round(seconds * 1000), where, shown,
        )  # fmt: skip

    def _blame(self, stack: traceback.StackSummary) -> tuple[str, str]:
        """The innermost frame of a plugin, and what it called; else the innermost frame at all."""
        for frame in reversed(stack):
            plugin = self._owner(frame.filename)
            if plugin is not None:
                called = f", in {_place(stack[-1])}" if frame is not stack[-1] else ""
                return plugin, _place(frame) + called
        return "?", _place(stack[-1])


def _waits(frame: FrameType) -> bool:
    """Whether the loop itself waits for events; a plugin may wait in a selector of its own, and blocks then."""
    caller = frame.f_back
    return (
        frame.f_code.co_filename.endswith("selectors.py")
        and caller is not None
        and caller.f_code.co_name == "_run_once"
    )


def _place(frame: traceback.FrameSummary) -> str:
    """File, line and what stands there: of C code that is called only the caller's line is seen."""
    return f"{frame.filename}:{frame.lineno}" + (f" ({frame.line})" if frame.line else "")
