"""Asks plugins how they are: side by side, each within a time limit, and one's failure is its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import Any

from astral_core.errors import HookError
from astral_core.host.host import Host
from astral_core.vitals import Health, HealthFinding

log = logging.getLogger("astral.health")
HOOK = "astral_health"
LIMIT = 5.0  # seconds
FAILED = "health-failed"
_TEXT, _FIX = "astral_health failed: {what}.", "the log says more; update the plugin, or tell its author."


@dataclass
class HealthHooks:
    """All plugins' health. A hook that does not end is not asked again before it has ended."""

    host: Host
    limit: float = LIMIT
    skip: Collection[str] = ()
    _asked: dict[str, asyncio.Task[Any]] = field(default_factory=dict)
    _failing: set[str] = field(default_factory=set)

    async def ask(self) -> dict[str, Health]:
        """Each living plugin's answer. Where there is none, it is one finding, and a log line when that begins."""
        self._drop_late()
        for plugin, call in self.host.implementations(HOOK):
            if plugin not in self._asked and plugin not in self.skip:
                self._asked[plugin] = asyncio.create_task(_answer(plugin, call), name=f"astral-health-{plugin}")
        if self._asked:
            await asyncio.wait(self._asked.values(), timeout=self.limit)
        return {plugin: self._result(plugin, task) for plugin, task in list(self._asked.items())}

    def close(self) -> None:
        """Ask no more."""
        for task in self._asked.values():
            task.cancel()

    def _drop_late(self) -> None:
        """Forget what came too late: the round that waited for it has told so, and cancelled it."""
        for plugin, task in list(self._asked.items()):
            if task.done():
                del self._asked[plugin]
                if not task.cancelled() and (error := task.exception()) is not None:
                    log.warning("%s of plugin %r ended late", HOOK, plugin, exc_info=error)

    def _result(self, plugin: str, task: asyncio.Task[Any]) -> Health:
        if not task.done():
            task.cancel()
            return self._failed(plugin, f"it gave no answer within {self.limit:g} s", None)
        del self._asked[plugin]
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            return self._failed(plugin, type(error).__name__ if error else "it was cancelled", error)
        self._failing.discard(plugin)
        answer: Health = task.result()
        return answer

    def _failed(self, plugin: str, what: str, error: BaseException | None) -> Health:
        if plugin not in self._failing:
            self._failing.add(plugin)
            log.warning("%s of plugin %r failed: %s", HOOK, plugin, what, exc_info=error)
        return Health([HealthFinding(FAILED, _TEXT, _FIX, values={"what": what[:100]})])


async def _answer(plugin: str, call: Callable[[], Coroutine[Any, Any, Any]]) -> Health:
    try:
        found = await call()
    except SystemExit as error:  # out of a task it would end the process
        raise HookError(plugin, f"{HOOK} raised {error!r}.") from error
    if not isinstance(found, Health):
        raise HookError(plugin, f"{HOOK} returned {found!r:.100}, not a Health.")
    return found
