"""The bot as a supervised child process: started, watched, started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping

PAUSE = 1.0
GIVE_UP = 5  # starts in a row that end within QUICK seconds
QUICK = 3.0

Report = Callable[[bool, str], None]


class Supervisor:
    """Runs `command`; `report(up, detail)` hears of every change. Output goes on to stderr."""

    def __init__(self, command: list[str], environment: Mapping[str, str], report: Report) -> None:
        self._command = command
        self._environment = {**os.environ, **environment}
        self._report = report
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The child's process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Keep the child running until cancelled; then end it."""
        quick = 0
        try:
            while quick < GIVE_UP:
                began = asyncio.get_running_loop().time()
                code, tail = await self._run_once()
                quick = quick + 1 if asyncio.get_running_loop().time() - began < QUICK else 0
                self._report(False, f"the bot ended with code {code}; it is started again\n{tail}")
                await asyncio.sleep(PAUSE)
            self._report(
                False, f"the bot ended {GIVE_UP} times at once; mend it and start the playground again\n{tail}"
            )
        finally:
            await self.stop()

    async def _run_once(self) -> tuple[int, str]:
        self.starts += 1
        self._process = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, stderr=asyncio.subprocess.PIPE, start_new_session=True
        )
        tail: deque[str] = deque(maxlen=30)
        stream = self._process.stderr
        while stream is not None and (line := await stream.readline()):
            text = line.decode("utf-8", "replace")
            tail.append(text)
            sys.stderr.write(text)
        return await self._process.wait(), "".join(tail)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after ten seconds."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
