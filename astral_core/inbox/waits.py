"""Which of the running handlers wait for something slow: for anything but the database and the inbox itself.

They need no place among the running ones. On SQLite one that has written holds everybody's lock meanwhile: it is cut
off.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp

from astral_core.db.bulkhead import Bulkhead
from astral_core.errors import WaitingInTransaction
from astral_core.inbox.runner import Outcome
from astral_core.inbox.work import UnitOfWork
from astral_core.observe.awaited import DATABASE, frames, is_database, place, scope_of

HOLD = 0.5  # seconds for which a handler may hold SQLite's only lock while it waits for something else
_CORE = Path(__file__).parents[1]
_OURS = str(_CORE / "db"), str(_CORE / "inbox")
_LOOP, _HTTP, _DRIVER = (
    str(Path(asyncio.__file__).parent),
    str(Path(aiohttp.__file__).parent),
    f"{os.sep}asyncpg{os.sep}",
)
_NO_PLUGINS = str(_CORE), DATABASE, _LOOP, _HTTP


@dataclass(slots=True)
class _Handling:
    work: UnitOfWork
    outcome: Outcome
    holds_since: float | None = None


class Waits:
    """Looks at handlers from outside; `has_one_writer` is true where who writes locks all others out."""

    def __init__(self, *, has_one_writer: bool) -> None:
        self._has_one_writer = has_one_writer
        self._handling: dict[asyncio.Task[Any], _Handling] = {}

    @contextmanager
    def handling(self, work: UnitOfWork, outcome: Outcome) -> Iterator[None]:
        """A handler runs in the current task."""
        task = asyncio.current_task()
        if task is None or not self._has_one_writer:
            yield
            return
        self._handling[task] = _Handling(work, outcome)
        try:
            yield
        finally:
            del self._handling[task]

    def of(self, task: asyncio.Task[Any], *, known: bool = False) -> tuple[str, str] | None:
        """The plugin whose handler waits in `task` for something slow, and where; None if it does not.

        One of which that is `known` is looked at only if it holds the database.
        """
        handling = self._handling.get(task)
        if known and (handling is None or not handling.work.holds):
            return None
        chain = list(frames(task.get_coro()))
        if not chain or not _is_slow(chain):
            if handling is not None:
                handling.holds_since = None
            return None
        told, where = scope_of(task), place(_blamed(chain))
        if handling is not None and handling.work.holds:
            self._cut_off(handling, told, where)
        return str(told.get("plugin", "core")), where

    @staticmethod
    def _cut_off(handling: _Handling, told: dict[str, object], where: str) -> None:
        """End a handler that has held the lock for HOLD while it waited for something else."""
        limit, moment = handling.outcome.limit, time.monotonic()
        if handling.holds_since is None:
            handling.holds_since = moment
        elif moment - handling.holds_since >= HOLD and limit is not None and not limit.expired():
            handling.outcome.cut_off = WaitingInTransaction(
                f"plugin {told.get('plugin', '?')!r}, route {told.get('route', '?')!r}: waited for more than "
                f"{HOLD:g} s after the first write, in {where}, and kept all others from writing. Fix: do it "
                "before the first write, or write and go on in a step with ctx.defer."
            )
            limit.reschedule(asyncio.get_running_loop().time())


def _blamed(chain: list[FrameType]) -> FrameType:
    """The innermost frame that may be a plugin's."""
    theirs = [frame for frame in chain if not frame.f_code.co_filename.startswith(_NO_PLUGINS)]
    return theirs[-1] if theirs else chain[-1]


def _is_slow(chain: list[FrameType]) -> bool:
    """Whether it waits for neither the database nor the inbox; its own plugin's turn at the database is slow, too."""
    if chain[-1].f_code is Bulkhead.wait.__code__:
        return True
    if is_database(chain):
        return False
    files = [frame.f_code.co_filename for frame in chain]
    rest = [file for file in files if not file.startswith(_LOOP) and _DRIVER not in file]
    return not rest or not rest[-1].startswith(_OURS)
