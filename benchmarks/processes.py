"""Processes that are measured: started, waited for, looked at from outside (Linux), ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from benchmarks.report import BenchError

START = 60.0  # seconds that a bot may take until it listens
_FOREIGN = re.compile("^ASTRAL_|_proxy$", re.IGNORECASE)
QUIET_STEP = 0.05  # seconds between two looks at a process that comes to rest
QUIET_SHARE = 0.06  # of a core: below this it rests (a heartbeat is no work)


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, also of those that ended, to the nanosecond.

    Linux gives every process a clock of its CPU time; its number is made of the process's id (see
    clock_getcpuclockid(3)).
    """
    return time.clock_gettime((~pid << 3) | 2)


def rss_megabytes(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def children(pid: int) -> list[int]:
    """The processes that `pid` started, of all its threads."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(part) for part in path.read_text(encoding="ascii").split()]
    return found


@dataclass
class Child:
    """A process whose output goes to `log`. Use it with `async with`: it never outlives the block."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    log: Path
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Its id; BenchError where it was not started."""
        if self._process is None:
            raise BenchError(f"{self.name} was not started")
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start; neither the owner's own bot nor a proxy in the environment has a part in it."""
        inherited = {name: value for name, value in os.environ.items() if not _FOREIGN.search(name)}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in self.command], env={**inherited, **self.environment}, cwd=self.log.parent,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end(signal.SIGTERM)

    async def listens(self) -> None:
        """Wait until its port takes connections."""
        async for _ in self._tries("listen"):
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return

    async def answers(self, path: str = "/readyz", pause: float = 0.05) -> None:
        """Wait until GET `path` is answered 200."""
        async with aiohttp.ClientSession() as session:
            async for _ in self._tries(f"answer 200 to {path}", pause):
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(self.url + path) as response:
                        if response.status == 200:
                            return

    async def _tries(self, what: str, pause: float = 0.05) -> AsyncIterator[None]:
        end = time.monotonic() + START
        while time.monotonic() < end:
            if self._process is not None and self._process.poll() is not None:
                raise BenchError(f"{self.name} ended with {self._process.returncode}: {self.last_words()}")
            yield
            await asyncio.sleep(pause)
        raise BenchError(f"{self.name} did not {what} in {START:g} s: {self.last_words()}")

    async def rests(self, limit: float = 30.0) -> float:
        """Wait until it uses hardly any CPU; the CPU seconds it had used when it came to rest."""
        end, quiet, last = time.monotonic() + limit, 0, cpu_seconds(self.pid)
        since = last
        while quiet < 2 and time.monotonic() < end:
            await asyncio.sleep(QUIET_STEP)
            used = cpu_seconds(self.pid)
            quiet = quiet + 1 if used - last < QUIET_STEP * QUIET_SHARE else 0
            since, last = (since if quiet else used), used
        return since

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a process that has ended gets none."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    async def end(self, number: signal.Signals, patience: float = 15.0) -> None:
        """Send a signal and wait; kill -9 where it does not end in time."""
        if self._process is None:
            return
        self.send(number)
        self.send(signal.SIGCONT)  # one that was stopped could not end
        end = time.monotonic() + patience
        while self._process.poll() is None:
            if time.monotonic() > end:
                self._process.kill()
            await asyncio.sleep(0.02)

    def last_words(self) -> str:
        """The end of its log, on one line."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return " / ".join(line.strip() for line in text.splitlines()[-3:])[-400:]


def free_port() -> int:
    """A port of loopback that is free now, below those that systems give out by themselves: it stays free."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def python(*arguments: str | Path) -> list[str | Path]:
    """A command of this Python."""
    return [sys.executable, *arguments]
