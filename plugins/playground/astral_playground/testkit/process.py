"""The bot as a process of its own, as an owner runs it: for tests that kill it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

READY_TIMEOUT = 60.0


@dataclass
class BotProcess:
    """`astral run` with `environment` on top of this process's own; its log goes to `log`."""

    environment: Mapping[str, str]
    log: Path
    arguments: tuple[str, ...] = ()
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The bot's own address."""
        return f"http://127.0.0.1:{self.environment['ASTRAL_WEB__PORT']}"

    @property
    def pid(self) -> int:
        """The running process's id."""
        if self.process is None:
            raise RuntimeError("BotProcess: not started")
        return self.process.pid

    async def start(self) -> None:
        """Start, and wait until /readyz says that it may get traffic."""
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "astral_core.cli", "run", *self.arguments,
                env={**os.environ, **self.environment}, stdout=output, stderr=output, cwd=self.log.parent,
            )  # fmt: skip
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                await self._wait_ready()
        except TimeoutError:
            raise RuntimeError(f"the bot is not ready after {READY_TIMEOUT} s:\n{self.text()[-4000:]}") from None

    async def _wait_ready(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                if self.process is not None and self.process.returncode is not None:
                    raise RuntimeError(f"the bot ended with {self.process.returncode}:\n{self.text()[-4000:]}")
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        process = self.process
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        return await process.wait()

    def text(self) -> str:
        """What the bot has logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")
