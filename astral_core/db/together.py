"""Looking up together: who asks while a look is under way shares the next one with all who asked meanwhile.

No timer is involved: alone, one who asks looks at once; under load the looks grow by themselves.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from astral_core.errors import DatabaseError

K = TypeVar("K")
V = TypeVar("V")
MOST = 100  # keys in one look


class Together(Generic[K, V]):
    """Asks `look` for many keys at once. Each look begins after all of its keys were asked for."""

    def __init__(self, look: Callable[[list[K]], Awaitable[Mapping[K, V]]], name: str) -> None:
        self._look = look
        self._name = name
        self._asked: list[tuple[K, asyncio.Future[V | None]]] = []
        self._looking: asyncio.Task[None] | None = None

    async def find(self, key: K) -> V | None:
        """What the look found for `key`, None for nothing; raises what the look raised."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._asked.append((key, answer))
        if self._looking is None or self._looking.done():
            nobody = contextvars.Context()  # the look is not the business of whoever happened to ask first
            self._looking = asyncio.create_task(self._look_on(), name=self._name, context=nobody)
        return await answer

    async def _look_on(self) -> None:
        while self._asked:
            asked, self._asked = self._asked[:MOST], self._asked[MOST:]
            try:
                found = await self._look([key for key, _ in asked])
            except BaseException as error:
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(_failed(error))
                if not isinstance(error, Exception):
                    raise
                continue
            for key, answer in asked:
                if not answer.done():
                    answer.set_result(found.get(key))


def _failed(error: BaseException) -> Exception:
    """The same error for everybody who waits; a task that was cancelled is the database's condition for them."""
    return error if isinstance(error, Exception) else DatabaseError("the look into the database was cancelled")
