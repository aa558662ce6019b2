"""CPU work leaves the event loop: a pool of spawned processes, small, bounded, and never orphaned."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess, parent_process
from typing import Any, TypeVar

from astral_core.errors import AstralError

T = TypeVar("T")
log = logging.getLogger("astral.cpu")
WORKERS = 2
QUEUE = 64


class CpuBusy(AstralError):
    """So many jobs wait for the process pool that one more would wait too long."""


class CpuTimeout(AstralError, TimeoutError):
    """A job did not come to its end in time: the pool is overloaded, or the job takes too long."""


class Cpu:
    """Runs picklable functions in processes. The pool starts with the first job."""

    def __init__(
        self, workers: int | None = None, queue: int = QUEUE, timeout: float = 25.0, *, warm: bool = True
    ) -> None:
        self._workers = workers or max(1, min(WORKERS, (os.cpu_count() or 2) - 1))
        self._queue = queue
        self._timeout = timeout
        self._waiting = 0
        self._warm = warm
        self._warming: set[asyncio.Task[None]] = set()
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """The result of `function(*args)`, computed in a worker.

        Raises what the function raised, CpuBusy where the queue is full, CpuTimeout after the time-out (a job
        that runs then is killed), and BrokenProcessPool where a worker died (the next job gets a new pool).
        """
        if self._waiting >= self._queue:
            raise CpuBusy(f"{self._waiting} jobs wait for the process pool; try again in a minute")
        self._waiting += 1
        pool = self._started()
        job: Future[T] | None = None
        try:
            async with asyncio.timeout(self._timeout) as limit:
                job = pool.submit(function, *args)
                return await asyncio.wrap_future(job)
        except BrokenProcessPool:
            log.warning("a worker of the process pool died while it ran %s", _name(function))
            self._discard(pool)
            raise
        except TimeoutError as error:
            if not limit.expired():
                raise  # the function's own
            if job is not None and job.running():  # it may never end: nobody else would get this worker again
                log.warning("%s ran too long; its worker is ended", _name(function))
                self._discard(pool)
            raise CpuTimeout(f"{_name(function)} was not done after {self._timeout:g} s") from error
        finally:
            self._waiting -= 1

    def warm(self, function: Callable[..., object], *args: Any) -> None:
        """Run `function` in the background, so that a worker has loaded what it needs before the first user asks."""
        if self._warm:
            task = asyncio.create_task(self._run_quietly(function, *args), name="astral-warm")
            self._warming.add(task)
            task.add_done_callback(self._warming.discard)

    async def _run_quietly(self, function: Callable[..., object], *args: Any) -> None:
        try:
            await self.run(function, *args)
        except Exception:
            log.exception("warming with %s failed; the first user will wait a little", _name(function))

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
            )
        return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        """Kill the workers of `pool`: the executor's own SIGTERM means nothing to them."""
        if self._pool is pool:
            self._pool = None
            workers = _workers(pool)
            pool.shutdown(wait=False)
            for worker in workers:
                worker.kill()

    async def close(self, grace: float = 5.0) -> None:
        """End the workers; jobs that have not begun are cancelled, running ones have `grace` seconds."""
        for task in self._warming:
            task.cancel()
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        workers = _workers(pool)
        closing = asyncio.create_task(asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True))
        _, late = await asyncio.wait({closing}, timeout=grace)
        if late:
            for worker in workers:
                worker.kill()
        await closing


def _workers(pool: ProcessPoolExecutor) -> list[BaseProcess]:
    return list((pool._processes or {}).values())  # noqa: SLF001  # `kill_workers` came with Python 3.14


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", function))


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
