"""Threads for what blocks: `asyncio.to_thread` and look-ups of names, with a pool of its own for each plugin.

The loop's own pool has a handful of threads for everybody. A plugin that fetches something with a blocking client,
from a server that gives no answer, would take all of them, and then nobody could even look up Telegram's address.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import aiohttp

from astral_core.observe.logs import scope

_NAME = "astral-thread-"
P = ParamSpec("P")
T = TypeVar("T")
MOST = 32  # threads of one plugin; they begin when they are needed
FAREWELL = 5.0  # seconds that threads have at the end: one that hangs must not keep the process
CORE, NAMES = "core", "names"  # pools of no plugin


class PluginThreads(ThreadPoolExecutor):
    """Runs a function in a thread of the plugin whose handler asks, or of the core's.

    Give it to `loop.set_default_executor`, which takes this kind of executor alone.
    """

    def __init__(self) -> None:
        super().__init__(MOST, thread_name_prefix=f"{_NAME}{CORE}")
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule `fn(*args, **kwargs)`, behind what the same plugin has asked for before."""
        plugin = str((scope.get() or {}).get("plugin", CORE))
        if plugin == CORE:
            return super().submit(fn, *args, **kwargs)
        pool = self._pools.get(plugin)
        if pool is None:
            pool = self._pools[plugin] = ThreadPoolExecutor(MOST, thread_name_prefix=f"{_NAME}{plugin}")
        return pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let all threads end; with `wait` return when they have ended, or after FAREWELL."""
        pools: list[Any] = [super(), *self._pools.values()]
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=cancel_futures)
        deadline = time.monotonic() + FAREWELL
        for thread in threading.enumerate() if wait else ():
            if thread.name.startswith(_NAME) and thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))


class Resolver(aiohttp.ThreadedResolver):
    """Looks names up in threads of a pool of its own, whoever asks.

    aiohttp lets all calls to a host wait for the first one's look-up. In that plugin's threads it would wait for all
    that hangs there.
    """

    def __init__(self, pool: str) -> None:
        super().__init__()
        self._pool = pool

    async def resolve(self, *args: Any, **options: Any) -> Any:
        """The addresses of a host, as aiohttp wants them."""
        token = scope.set({"plugin": self._pool})
        try:
            return await super().resolve(*args, **options)
        finally:
            scope.reset(token)
