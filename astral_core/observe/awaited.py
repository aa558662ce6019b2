"""What a task waits for, and for whom: read off its coroutines, while it runs as always."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import sqlalchemy

from astral_core.observe.logs import scope

DATABASE = str(Path(sqlalchemy.__file__).parent)


def frames(awaitable: Any) -> Iterator[FrameType]:
    """The frames from `awaitable` down to the one that really waits, as far as Python tells.

    What steps a coroutine by itself, in its `__await__`, names it as its `driven`.
    """
    while awaitable is not None:
        frame = getattr(awaitable, "cr_frame", None) or getattr(awaitable, "gi_frame", None)
        if frame is not None:
            yield frame
        awaitable = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None)
        if awaitable is None and frame is not None and frame.f_code.co_name == "__await__":
            awaitable = getattr(frame.f_locals.get("self"), "driven", None)


def is_database(chain: Iterable[FrameType]) -> bool:
    """Whether these frames lead to a statement of SQLAlchemy's."""
    return any(frame.f_code.co_filename.startswith(DATABASE) for frame in chain)


def place(frame: FrameType) -> str:
    """The function, file and line of a frame."""
    return f"{frame.f_code.co_qualname}() at {frame.f_code.co_filename}:{frame.f_lineno}"


def scope_of(task: asyncio.Task[Any] | None) -> dict[str, object]:
    """What the lines of `task` carry in the log: row, plugin, route."""
    if task is None:
        return {}
    get_context = getattr(task, "get_context", None)  # since Python 3.12
    known = [get_context()] if get_context else gc.get_referents(task)
    context = next((one for one in known if isinstance(one, contextvars.Context)), None)
    return (context.get(scope) if context is not None else None) or {}
