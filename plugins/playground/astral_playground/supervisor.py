"""The bot as a supervised child process: started, watched, started again, also when a source file changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from astral_core.cli.reload import differences, snapshot
from astral_playground.telling import heard

PAUSE = 1.0
GIVE_UP = 5  # starts in a row that end within QUICK seconds
QUICK = 3.0
LOOK = 0.15  # seconds between two looks at the source files
PATIENCE = 10.0  # seconds that the bot may take to end
MAX_LINE = 1 << 20  # bytes of a line that the bot writes

Report = Callable[[bool, str], None]
Hear = Callable[[dict[str, Any] | None], None]


class Supervisor:
    """Runs `command`; `report(up, detail)` hears of every change. Output goes on to stderr.

    `environment` is asked before each start, and so are `places`: files and folders whose change starts the bot
    anew. `hear` gets what the bot tells in lines of its own (see telling.py), and None at each start.
    """

    def __init__(
        self, command: list[str], environment: Callable[[], Mapping[str, str]], report: Report, *,
        places: Callable[[], Iterable[Path]] = tuple, hear: Hear = lambda _told: None,
    ) -> None:  # fmt: skip
        self._command = command
        self._environment = environment
        self._report = report
        self._places = places
        self._hear = hear
        self._process: asyncio.subprocess.Process | None = None
        self._ordered: Callable[[], Awaitable[None]] | None = None
        self._order = asyncio.Event()
        self._obeyed = asyncio.Event()
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The child's process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def restart(self, between: Callable[[], Awaitable[None]]) -> None:
        """Stop the bot, do `between` while it is down, and start it; returns when it has been started."""
        self._ordered, self._obeyed = between, asyncio.Event()
        self._order.set()
        await self._obeyed.wait()

    async def run(self) -> None:
        """Keep the child running until cancelled; then end it."""
        quick = 0
        try:
            while True:
                began = asyncio.get_running_loop().time()
                places = await asyncio.to_thread(lambda: list(self._places()))
                watch = asyncio.create_task(self._watch(places, await asyncio.to_thread(snapshot, places)))
                child = asyncio.create_task(self._follow(await self._spawn()))
                if self._ordered is None:
                    self._obeyed.set()
                try:
                    quick = await self._until_news(child, watch, began, quick)
                finally:
                    watch.cancel()
                    await self.stop()
                    await asyncio.gather(child, watch, return_exceptions=True)
                await self._obey()
        finally:
            await self.stop()

    async def _until_news(
        self, child: asyncio.Task[tuple[int, str]], watch: asyncio.Task[str], began: float, quick: int
    ) -> int:
        """Return when the bot is to be started (anew); with the number of starts in a row that ended at once."""
        order = asyncio.create_task(self._order.wait())
        try:
            await asyncio.wait({child, watch, order}, return_when=asyncio.FIRST_COMPLETED)
            if watch.done() or order.done():
                self._report(False, f"{watch.result()} changed; the bot starts anew" if watch.done() else "")
                return 0
            code, tail = child.result()
            quick = quick + 1 if asyncio.get_running_loop().time() - began < QUICK else 0
            given_up = quick >= GIVE_UP
            what = "mend it: it starts when a file changes" if given_up else "it is started again"
            self._report(False, f"the bot ended with code {code}; {what}\n{tail}")
            await asyncio.wait(
                {watch, order}, return_when=asyncio.FIRST_COMPLETED, timeout=None if given_up else PAUSE
            )
            return 0 if watch.done() or order.done() else quick
        finally:
            order.cancel()

    async def _watch(self, places: list[Path], before: dict[Path, int]) -> str:
        """Return the names of files that have changed."""
        while True:
            await asyncio.sleep(LOOK)
            if changed := differences(before, await asyncio.to_thread(snapshot, places)):
                return ", ".join(sorted(path.name for path in changed))

    async def _obey(self) -> None:
        between, self._ordered = self._ordered, None
        self._order.clear()
        if between is not None:
            await between()

    async def _spawn(self) -> asyncio.subprocess.Process:
        self.starts += 1
        self._hear(None)
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command, env={**os.environ, **self._environment()}, stderr=asyncio.subprocess.PIPE,
            start_new_session=True, limit=MAX_LINE,
        )  # fmt: skip
        return process

    async def _follow(self, process: asyncio.subprocess.Process) -> tuple[int, str]:
        """Pass on what the child writes until it ends; its exit code and its last lines."""
        tail: deque[str] = deque(maxlen=30)
        stream = process.stderr
        while stream is not None and (line := await stream.readline()):
            text = line.decode("utf-8", "replace")
            told = heard(text)
            if told is not None:
                self._hear(told)
                continue
            tail.append(text)
            sys.stderr.write(text)
        return await process.wait(), "".join(tail)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after ten seconds."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
