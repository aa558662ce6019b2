"""CPU work leaves the event loop: a pool of spawned processes, small, bounded, and never orphaned."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import parent_process
from typing import Any, TypeVar

from astral_core.errors import AstralError

T = TypeVar("T")
log = logging.getLogger("astral.cpu")
WORKERS = 2
QUEUE = 64


class CpuBusy(AstralError):
    """So many jobs wait for the process pool that one more would wait too long."""


class Cpu:
    """Runs picklable functions in processes. The pool starts with the first job."""

    def __init__(self, workers: int | None = None, queue: int = QUEUE, timeout: float = 25.0) -> None:
        self._workers = workers or max(1, min(WORKERS, (os.cpu_count() or 2) - 1))
        self._queue = queue
        self._timeout = timeout
        self._waiting = 0
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """The result of `function(*args)`, computed in a worker.

        Raises what the function raised, CpuBusy where the queue is full, TimeoutError after the time-out, and
        BrokenProcessPool where a worker died (the pool is rebuilt for the next job).
        """
        if self._waiting >= self._queue:
            raise CpuBusy(f"{self._waiting} jobs wait for the process pool; try again in a minute")
        self._waiting += 1
        pool = self._started()
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.get_running_loop().run_in_executor(pool, function, *args)
        except BrokenProcessPool:
            log.warning(
                "a worker of the process pool died while it ran %s", getattr(function, "__qualname__", function)
            )
            if self._pool is pool:
                self._pool = None
                pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            self._waiting -= 1

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
            )
        return self._pool

    async def close(self) -> None:
        """End the workers; jobs that have not begun are cancelled."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Ignore the terminal's signals, and end when the parent ends, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.join,), name="astral-parent", daemon=True).start()


def _die_with(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)
