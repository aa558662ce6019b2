"""Bots as processes of their own, as an owner runs them: killed, frozen, stopped, and looked at from outside.

`astral run` imports for two seconds. Here it is forked from a process that has imported Astral once, see zygote.py;
POSIX only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

READY_TIMEOUT = 60.0  # seconds, for loaded machines
END_TIMEOUT = 60.0
POLL = 0.01  # seconds between two looks


@contextlib.contextmanager
def zygote(**extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process that forks bots. One serves many tests, one after the other. `extra` goes into its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASTRAL_")} | extra
    process = subprocess.Popen(  # this Python, our own module
        [sys.executable, "-P", "-m", "astral_playground.testkit.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        if process.stdout is None or json.loads(process.stdout.readline() or b"{}").get("ready") is not True:
            raise RuntimeError("the zygote could not import Astral; its error stands above")
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(END_TIMEOUT)
        if process.stdout is not None:
            process.stdout.close()


class Nursery:
    """Starts processes through the zygote within one event loop, and kills them all at its end."""

    def __init__(self, parent: subprocess.Popen[bytes]) -> None:
        if parent.stdin is None or parent.stdout is None:
            raise RuntimeError("the zygote has to have pipes")
        self._in, self._out = parent.stdin.fileno(), parent.stdout.fileno()
        self._rest = b""
        self._count = 0
        self._started: dict[int, asyncio.Future[int]] = {}
        self._ends: dict[int, asyncio.Future[int]] = {}

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._out, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            left = {pid: end for pid, end in self._ends.items() if not end.done()}
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(END_TIMEOUT):
                await asyncio.gather(*left.values())
        finally:
            asyncio.get_running_loop().remove_reader(self._out)

    async def start(self, order: dict[str, Any]) -> tuple[int, asyncio.Future[int]]:
        """Fork a bot; its pid, and a future of its exit code."""
        self._count += 1
        started = self._started[self._count] = asyncio.get_running_loop().create_future()
        os.write(self._in, json.dumps({"id": self._count, **order}).encode() + b"\n")
        pid = await started
        return pid, self._ends[pid]

    def _read(self) -> None:
        data = os.read(self._out, 65536)
        if not data:
            asyncio.get_running_loop().remove_reader(self._out)
            for waiting in (*self._started.values(), *self._ends.values()):
                if not waiting.done():
                    waiting.set_exception(RuntimeError("the zygote died"))
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        pid = message["pid"]
        if "code" in message:
            self._ends[pid].set_result(message["code"])
            return
        self._ends[pid] = asyncio.get_running_loop().create_future()
        started = self._started.pop(message["id"])
        if not started.done():
            started.set_result(pid)


@dataclass
class BotProcess:
    """One place for an `astral run`, at a port of its own; its processes come and go."""

    nursery: Nursery
    environment: Mapping[str, str]
    log: Path
    arguments: tuple[str, ...] = ()
    pid: int = 0
    frozen: bool = False
    _before: int = 0  # the log's size when the process started
    _end: asyncio.Future[int] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.environment["ASTRAL_WEB__PORT"])

    @property
    def alive(self) -> bool:
        """Whether a process is there, ready or not."""
        return self._end is not None and not self._end.done()

    async def spawn(self, failpoint: str = "", *, file_limit: int = 0, descriptors: int = 0, **extra: str) -> None:
        """Start a process. `extra` goes on top of the environment.

        `file_limit` is RLIMIT_FSIZE in bytes, `descriptors` RLIMIT_NOFILE, which the process cannot raise."""
        if self.alive:
            raise RuntimeError(f"{self.url} runs already")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASTRAL_")}
        order = {
            "arguments": ["run", *self.arguments],
            "environment": {**inherited, **self.environment, "ASTRAL_FAILPOINT": failpoint, **extra},
            "folder": str(self.log.parent),
            "log": str(self.log),
            "file_limit": file_limit,
            "descriptors": descriptors,
        }
        self._before = self.log.stat().st_size if self.log.exists() else 0
        self.frozen = False
        self.pid, self._end = await self.nursery.start(order)

    async def start(self, failpoint: str = "", *, file_limit: int = 0, descriptors: int = 0, **extra: str) -> None:
        """Start a process and wait until it is ready."""
        await self.spawn(failpoint, file_limit=file_limit, descriptors=descriptors, **extra)
        await self.ready()

    async def ready(self, limit: float = READY_TIMEOUT) -> None:
        """Wait until /readyz says that it may get traffic; RuntimeError with the log's end where it ends instead."""
        await self.until_ready(True, limit)

    async def until_ready(self, wanted: bool, limit: float = READY_TIMEOUT) -> None:
        """Wait until the process is ready, or until it is alive and not ready any more."""
        try:
            async with asyncio.timeout(limit), aiohttp.ClientSession() as session:
                while await self._asks(session) is not wanted:
                    if not self.alive:
                        raise RuntimeError(f"the bot ended with {await self.ended()}:\n{self.text()[-4000:]}")
                    await asyncio.sleep(POLL)
        except TimeoutError:
            state = "ready" if wanted else "not ready"
            raise RuntimeError(f"the bot is not {state} after {limit} s:\n{self.text()[-4000:]}") from None

    async def answers(self, path: str = "/readyz") -> bool:
        """Ask once: /readyz says whether it may get traffic, /healthz whether it lives."""
        async with aiohttp.ClientSession() as session:
            return await self._asks(session, path)

    async def _asks(self, session: aiohttp.ClientSession, path: str = "/readyz") -> bool:
        try:
            async with session.get(f"{self.url}{path}", timeout=aiohttp.ClientTimeout(total=10)) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    @property
    def was_ready(self) -> bool:
        """Whether the present process, or the last one, got as far as to be ready."""
        return self.log.exists() and b" ready: @" in self.log.read_bytes()[self._before :]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal where there is a process."""
        if self.alive:
            os.kill(self.pid, number)

    async def kill(self) -> int:
        """kill -9."""
        self.signal(signal.SIGKILL)
        return await self.ended()

    async def stop(self, limit: float = END_TIMEOUT) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended(limit)

    def freeze(self) -> None:
        """SIGSTOP: nothing runs, sockets stay open."""
        self.frozen = self.alive
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.frozen = False
        self.signal(signal.SIGCONT)

    async def ended(self, limit: float = END_TIMEOUT) -> int:
        """Wait until the process has ended; its exit code, negative for a signal."""
        if self._end is None:
            return 0
        try:
            async with asyncio.timeout(limit):
                return await asyncio.shield(self._end)
        except TimeoutError:
            raise RuntimeError(f"the bot has not ended after {limit} s:\n{self.text()[-4000:]}") from None

    def text(self) -> str:
        """What all its processes have logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


async def until(condition: Callable[[], Any], limit: float = 30.0, what: str = "") -> Any:
    """Wait until the function, or coroutine function, returns something true."""
    try:
        async with asyncio.timeout(limit):
            while True:
                found = condition()
                found = await found if asyncio.iscoroutine(found) else found
                if found:
                    return found
                await asyncio.sleep(POLL)
    except TimeoutError:
        raise AssertionError(f"in {limit} s it did not happen: {what or condition}") from None
