"""Threads for what blocks: `asyncio.to_thread` and look-ups of names, with a pool of its own for each plugin.

The loop's own pool has a handful of threads for everybody. A plugin that fetches something with a blocking client,
from a server that gives no answer, would take all of them, and then nobody could even look up Telegram's address.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from astral_core.observe.logs import scope

P = ParamSpec("P")
T = TypeVar("T")
MOST = 32  # threads of one plugin; they begin when they are needed


class PluginThreads(ThreadPoolExecutor):
    """Runs a function in a thread of the plugin whose handler asks, or of the core's.

    Give it to `loop.set_default_executor`, which takes this kind of executor alone.
    """

    def __init__(self) -> None:
        super().__init__(MOST, thread_name_prefix="astral-core")
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule `fn(*args, **kwargs)`, behind what the same plugin has asked for before."""
        plugin = str((scope.get() or {}).get("plugin", "core"))
        if plugin == "core":
            return super().submit(fn, *args, **kwargs)
        pool = self._pools.get(plugin)
        if pool is None:
            pool = self._pools[plugin] = ThreadPoolExecutor(MOST, thread_name_prefix=f"astral-{plugin}")
        return pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all threads; with `wait` return when they have ended."""
        pools: list[Any] = [super(), *self._pools.values()]
        for pool in pools:
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)
