"""The benchmark's side of its Bot API server (`server.py`): start it, and ask what came."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from benchmarks.processes import Child, free_port, python
from benchmarks.report import PATIENCE, BenchError

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "123456:AAbench-bench-bench-bench-bench-bench"


@dataclass(frozen=True)
class Call:
    """One call of a bot: when (monotonic clock), which method, to which chat."""

    at: float
    method: str
    chat: int


class Api:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        environment = {"PYTHONPATH": str(ROOT)}
        self._child = Child("Bot API server", python("-m", "benchmarks.server", str(port)), environment,
                            folder / "api.log", port)  # fmt: skip
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Its address, for bots."""
        return self._child.url

    async def __aenter__(self) -> Self:
        await self._child.__aenter__()
        await self._child.listens()
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        await self._child.__aexit__()

    async def count(self) -> None:
        """Begin to count anew."""
        await self._ask("count")

    async def note(self) -> None:
        """Begin to count anew, and note the time and the chat of every call."""
        await self._ask("note")

    async def calls(self) -> list[Call]:
        """What came since `note`."""
        return [Call(at, method, chat) for at, method, chat in await self._ask("calls")]

    async def until(self, method: str, count: int) -> None:
        """Wait until `count` calls of `method` came; BenchError where no more come."""
        came, changed = -1, time.monotonic()
        while (now := int((await self._ask("counts")).get(method, 0))) < count:
            if now != came:
                came, changed = now, time.monotonic()
            elif time.monotonic() - changed > PATIENCE:
                raise BenchError(f"{now} of {count} calls of {method} came, and no more for {PATIENCE:g} s")
            await asyncio.sleep(0.02)

    async def _ask(self, word: str) -> Any:
        if self._session is None:
            raise BenchError("the Bot API server was not started")
        async with self._session.get(f"{self.url}/bench/{word}") as answer:
            return await answer.json()
