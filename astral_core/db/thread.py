"""One thread with a queue of its own: what a hop between threads costs, and no more.

concurrent.futures makes a future with a lock for each job, and asyncio a second one; a group commit is so small that
these cost as much as the commit.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class WorkThread:
    """Runs functions one after the other, for the event loop in which they were asked for."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._started = False

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The result of `function(*arguments)`. A function that has begun runs to its end whoever waits for it."""
        if not self._started:
            self._started = True
            self._thread.start()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((done, function, arguments))
        return await done

    def close(self) -> None:
        """End the thread when it has done what was asked for."""
        if self._started:
            self._jobs.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            done, function, arguments = job
            try:
                result, error = function(*arguments), None
            except BaseException as caught:  # noqa: BLE001  # whatever it was, it is the caller's
                result, error = None, caught
            loop = done.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_tell, done, result, error)
            del job, done, result, error  # a thread that waits holds nothing


def _tell(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
