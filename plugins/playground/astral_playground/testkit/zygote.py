"""The parent of the bots of tests: it imports Astral once, then forks an `astral run` in a blink.

A bot that is killed a hundred times would import for minutes otherwise. One JSON object a line comes in:
`{"id", "arguments", "environment", "folder", "log", "file_limit", "descriptors"}`; `{"id", "pid"}` and later
`{"pid", "code"}` go out, a negative code being a signal's number. At the end of its input it kills what still runs.

Run as a program; it has one thread and no event loop, so that a fork takes nothing along.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import traceback
from types import FrameType
from typing import Any, NoReturn

# What `astral run` imports by and by; all of it is of the core and its dependencies.
WANTED = (
    "astral_core.app", "astral_core.cli.run", "astral_core.cli.database", "aiosqlite", "asyncpg", "alembic.command",
    "sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy.dialects.sqlite.aiosqlite", "jinja2",
    "concurrent.futures.process",
)  # fmt: skip


class Zygote:
    """The loop over orders and ended children."""

    def __init__(self) -> None:
        self.children: set[int] = set()
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the harness's: it closes our input then

    def serve(self) -> None:
        """Obey until the input ends."""
        rest = b""
        while True:
            ready, _, _ = select.select([0, self.wake_read], [], [])
            if self.wake_read in ready:
                os.read(self.wake_read, 4096)
            self.reap(os.WNOHANG)
            if 0 not in ready:
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.fork(json.loads(line))

    def fork(self, order: dict[str, Any]) -> None:
        """Start one bot."""
        pid = os.fork()
        if not pid:
            _become(order)
        self.children.add(pid)
        _say({"id": order["id"], "pid": pid})

    def reap(self, options: int) -> None:
        """Tell of every child that has ended."""
        while self.children:
            pid, status = os.waitpid(-1, options)
            if not pid:
                return
            self.children.discard(pid)
            _say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def end(self) -> None:
        """Kill what is left; nobody reads any more."""
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)
        for pid in self.children:
            os.waitpid(pid, 0)


def _nothing(number: int, frame: FrameType | None) -> None:
    """SIGCHLD's handler: the wake-up pipe does the work."""


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _become(order: dict[str, Any]) -> NoReturn:
    """Go on as `astral run`, with the environment and the folder of the order."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.closerange(3, 64)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.path[:0] = filter(None, order["environment"].get("PYTHONPATH", "").split(os.pathsep))
        if order["file_limit"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"],) * 2)
        if order["descriptors"]:
            resource.setrlimit(resource.RLIMIT_NOFILE, (order["descriptors"],) * 2)
        code = _run(order["arguments"])
    except BaseException:  # noqa: BLE001  # nothing may come back into the zygote's loop
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(arguments: list[str]) -> int:
    """What the console script does."""
    from astral_core import cli, failpoint

    failpoint.arm()  # it was read when the zygote imported it
    sys.argv = ["astral", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def main() -> None:
    """Import, say so, obey."""
    for name in WANTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is imported is no garbage: a bot that looks for some would copy all of these pages
    zygote = Zygote()
    _say({"ready": True})
    try:
        zygote.serve()
    finally:
        zygote.end()


if __name__ == "__main__":
    main()
