"""Looking up together: who asks during a look shares the next one, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable

import pytest

from astral_core.db.together import MOST, Together
from astral_core.errors import DatabaseError


class Looks:
    """A look that waits until it may go on, and counts."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.go = asyncio.Event()
        self.fails: Exception | None = None

    async def look(self, keys: list[int]) -> dict[int, str]:
        """Only even numbers are known."""
        self.asked.append(list(keys))
        await self.go.wait()
        if self.fails is not None:
            raise self.fails
        return {key: str(key) for key in keys if key % 2 == 0}


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until `condition` holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0)


async def test_who_asks_during_a_look_shares_the_next() -> None:
    """A look never answers what was asked after it began: it may have missed what happened in between."""
    looks = Looks()
    together: Together[int, str] = Together(looks.look, "test")
    first = asyncio.create_task(together.find(2))
    await until(lambda: bool(looks.asked))
    others = [asyncio.create_task(together.find(key)) for key in (2, 3, 4, 4)]
    await asyncio.sleep(0)
    looks.go.set()
    assert await first == "2"
    assert await asyncio.gather(*others) == ["2", None, "4", "4"]
    assert looks.asked == [[2], [2, 3, 4, 4]]


async def test_a_look_has_a_limit() -> None:
    """What is beyond it goes with the next."""
    looks = Looks()
    looks.go.set()
    together: Together[int, str] = Together(looks.look, "test")
    found = await asyncio.gather(*(together.find(key) for key in range(MOST + 5)))
    assert found[MOST + 4] == str(MOST + 4)
    assert [len(keys) for keys in looks.asked] == [MOST, 5]


async def test_a_failure_is_everybodys_and_the_next_look_is_a_new_one() -> None:
    """Each who waits is told; who comes later is not."""
    looks = Looks()
    looks.go.set()
    looks.fails = OSError("away")
    together: Together[int, str] = Together(looks.look, "test")
    assert [type(e) for e in await asyncio.gather(together.find(2), together.find(4), return_exceptions=True)] == [
        OSError,
        OSError,
    ]
    looks.fails = None
    assert await together.find(2) == "2"


async def test_who_gives_up_takes_nobody_with_him() -> None:
    """A handler's timeout ends its own wait only."""
    looks = Looks()
    together: Together[int, str] = Together(looks.look, "test")
    first, second = (asyncio.create_task(together.find(key)) for key in (2, 4))
    await until(lambda: bool(looks.asked))
    first.cancel()
    looks.go.set()
    assert await second == "4"
    assert first.cancelled()


async def test_a_look_that_is_cancelled_is_the_databases_condition() -> None:
    """Those who wait are not cancelled themselves."""
    looks = Looks()
    together: Together[int, str] = Together(looks.look, "test-cancelled")
    waiting = asyncio.create_task(together.find(2))
    await until(lambda: bool(looks.asked))
    [task] = [task for task in asyncio.all_tasks() if task.get_name() == "test-cancelled"]
    task.cancel()
    with pytest.raises(DatabaseError):
        await waiting
    looks.go.set()
    assert await together.find(4) == "4"


async def test_a_look_is_nobodys_own() -> None:
    """It runs outside of the context of who asked first: a log line of it names no handler."""
    mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine", default="nobody")
    seen: list[str] = []

    async def look(keys: list[int]) -> dict[int, str]:
        seen.append(mine.get())
        return dict.fromkeys(keys, "x")

    mine.set("first")
    assert await Together(look, "test").find(1) == "x"
    assert seen == ["nobody"]
