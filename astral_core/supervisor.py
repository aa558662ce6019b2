"""Background tasks of the process. One that fails ends the process, and whatever started it starts it again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("astral")
GOODBYE = 5.0  # seconds that a cancelled task may take to end


class Supervisor:
    """Starts background tasks and watches them: a bot that lost one of its parts must not look alive."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._lost = asyncio.Event()

    @property
    def lost(self) -> bool:
        """Whether this process cannot go on."""
        return self._lost.is_set()

    async def wait_lost(self) -> None:
        """Return when this process cannot go on."""
        await self._lost.wait()

    def give_up(self) -> None:
        """Let the process end; the caller has logged why."""
        self._lost.set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run `work` until it ends or `close` cancels it."""
        task = asyncio.create_task(work, name=name)
        self._tasks = [known for known in self._tasks if not known.done()]
        self._tasks.append(task)
        self.watch(task)

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Give up if `task`, which somebody else ends, fails."""
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.critical("%s failed; this process ends", task.get_name(), exc_info=task.exception())
            self.give_up()

    async def close(self) -> None:
        """Cancel what `start` began, the latest first, and wait for its end, but not for ever."""
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            _, late = await asyncio.wait({task}, timeout=GOODBYE)
            if late:
                log.warning("%s does not end; this process goes on without it", task.get_name())
