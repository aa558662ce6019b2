"""CPU work leaves the event loop: a pool of spawned processes, small, bounded, and never orphaned."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractAsyncContextManager, nullcontext
from multiprocessing.process import BaseProcess, parent_process
from typing import Any, TypeVar

from astral_core.errors import CpuBusy, CpuCrashed, CpuTimeout

T = TypeVar("T")
log = logging.getLogger("astral.cpu")
WORKERS = 2
QUEUE = 64


class ProcessPool:
    """Runs picklable functions in processes. The pool starts with the first job.

    Where a worker dies, all jobs of its pool fail, and nobody can tell whose fault it was. So each of them runs once
    more, one at a time, in a pool of one worker that is there for this alone: the innocent get their results, and the
    guilty one gets CpuCrashed after it has cost two workers. A function may therefore run twice, and must not mind.
    """

    def __init__(
        self, workers: int | None = None, queue: int = QUEUE, timeout: float = 25.0, *, warm: bool = True
    ) -> None:
        self._workers = workers or max(1, min(WORKERS, (os.cpu_count() or 2) - 1))
        self._queue = queue
        self._timeout = timeout
        self._waiting = 0
        self._again = 0
        self._warm = warm
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}
        self._pool: ProcessPoolExecutor | None = None
        self._second: ProcessPoolExecutor | None = None
        self._alone = asyncio.Lock()
        self._closed = False

    async def run(self, function: Callable[..., T], *args: Any, key: Hashable = None) -> T:
        """The result of `function(*args)`, computed in a worker.

        Who asks with a `key` while `function` is computed for an equal one gets the result of that computation, the
        same object: ten presses on one button cost one drawing.

        Raises what the function raised, CpuBusy where the queue is full, CpuTimeout after the time-out (a job
        that runs then is killed), and CpuCrashed where the job kills its workers (others get new ones).
        """
        if key is None:
            return await self._compute(function, args)
        flight = self._flights.get((function, key))
        if flight is None:
            flight = self._background(self._compute(function, args), "astral-cpu")
            self._flights[function, key] = flight
            flight.add_done_callback(lambda _: self._flights.pop((function, key)))
        result: T = await asyncio.shield(flight)  # one of those who wait may go: the others still want it
        return result

    async def _compute(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        if self._waiting >= self._queue:
            raise CpuBusy(f"{self._waiting} jobs wait for the process pool; try again in a minute")
        self._waiting += 1
        try:
            try:
                return await self._try(self._started, nullcontext(), function, args)
            except BrokenProcessPool:
                if self._closed:
                    raise
            log.warning("a worker of the process pool died; %s runs once more, alone", _name(function))
            return await self._once_more(function, args)
        finally:
            self._waiting -= 1

    async def _once_more(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        self._again += 1
        try:
            return await self._try(self._started_alone, self._alone, function, args)
        except BrokenProcessPool as error:
            if self._closed:
                raise
            raise CpuCrashed(f"{_name(function)} killed two worker processes") from error
        finally:
            self._again -= 1
            if not self._again:
                self._discard(self._second)  # its memory is better used elsewhere

    async def _try(
        self,
        start: Callable[[], ProcessPoolExecutor],
        turn: AbstractAsyncContextManager[None],
        function: Callable[..., T],
        args: tuple[Any, ...],
    ) -> T:
        pool: ProcessPoolExecutor | None = None
        job: Future[T] | None = None
        try:
            async with asyncio.timeout(self._timeout) as limit, turn:
                pool = start()
                job = pool.submit(function, *args)
                return await asyncio.wrap_future(job)
        except BrokenProcessPool:
            self._discard(pool)
            raise
        except TimeoutError as error:
            if not limit.expired():
                raise  # the function's own
            if job is not None and job.running():  # it may never end: nobody else would get this worker again
                log.warning("%s ran too long; its worker is ended", _name(function))
                self._discard(pool)
            raise CpuTimeout(f"{_name(function)} was not done after {self._timeout:g} s") from error

    def warm(self, function: Callable[..., object], *args: Any) -> None:
        """Run `function` in the background, so that a worker has loaded what it needs before the first user asks."""
        if self._warm:
            self._background(self._run_quietly(function, *args), "astral-warm")

    async def _run_quietly(self, function: Callable[..., object], *args: Any) -> None:
        try:
            await self.run(function, *args)
        except Exception:
            log.exception("warming with %s failed; the first user will wait a little", _name(function))

    def _background(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen by those who wait; where all of them have gone, nobody needs it

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = self._new_pool(self._workers)
        return self._pool

    def _started_alone(self) -> ProcessPoolExecutor:
        if self._second is None:
            self._second = self._new_pool(1)
        return self._second

    def _new_pool(self, workers: int) -> ProcessPoolExecutor:
        if self._closed:
            raise BrokenProcessPool("the process pool is closed")
        return ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
        )

    def _discard(self, pool: ProcessPoolExecutor | None) -> None:
        """Kill the workers of `pool`, at once."""
        if pool is None or pool not in (self._pool, self._second):
            return  # somebody else was told first
        if pool is self._pool:
            self._pool = None
        else:
            self._second = None
        for worker in _workers(pool):  # first: the executor may hold its lock until they have ended
            worker.kill()
        pool.shutdown(wait=False)

    async def close(self, grace: float = 5.0) -> None:
        """End the workers; jobs that have not begun are cancelled, running ones have `grace` seconds."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        pools = [pool for pool in (self._pool, self._second) if pool is not None]
        self._pool = self._second = None
        await asyncio.gather(*[_close(pool, grace) for pool in pools])


async def _close(pool: ProcessPoolExecutor, grace: float) -> None:
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
    """Ignore signals that are meant for the bot, obey the parent's, and end when it ends, however it ended.

    A terminal and a service manager signal all processes of a bot, which then needs its workers to finish what it
    does. The executor of a broken pool sends SIGTERM too, and waits, from Python 3.13 on with its lock held.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not hasattr(signal, "sigwaitinfo"):  # macOS cannot tell who sent a signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.join,), name="astral-parent", daemon=True).start()
        if hasattr(signal, "sigwaitinfo"):
            threading.Thread(target=_obey, args=(parent.pid,), name="astral-signals", daemon=True).start()


def _obey(parent: int | None) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        continue
    os._exit(1)


def _die_with(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)
