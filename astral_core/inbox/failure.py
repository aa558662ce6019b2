"""What may pass and what will not: infrastructure is tried again, a bug is buried."""

from __future__ import annotations

import random
import sys

from astral_core.db.engine import is_collision, is_transient
from astral_core.errors import (
    AstralError,
    CpuBusy,
    CpuTimeout,
    DatabaseError,
    StateChanged,
    TelegramThrottled,
    TelegramUnavailable,
)

PART = 0.5  # seconds at most, after a deadlock: who waits the same time as the others meets them again
SOON = 0.1  # seconds at most: long enough for those who wrote the same row at once to part


def is_infrastructure(error: BaseException) -> bool:
    """Whether `error` is our database, our connection to Telegram or our process pool, not a bug."""
    from concurrent.futures.process import BrokenProcessPool  # 20 ms that most processes never need

    if isinstance(error, DatabaseError):  # raised out of another error where that was not the database's condition
        return error.__cause__ is None or is_transient(error.__cause__)
    kinds = (TelegramUnavailable, TelegramThrottled, BrokenProcessPool, CpuBusy, CpuTimeout, ConnectionError)
    return isinstance(error, kinds) or _is_native(error) or is_transient(error)


def retry_after(error: BaseException) -> float | None:
    """The seconds to wait that the error itself knows, such as those that Telegram demands; None if it knows none."""
    if isinstance(error, StateChanged):
        return random.uniform(SOON / 10, SOON)  # noqa: S311  # no secret
    if is_collision(error):
        return random.uniform(PART / 10, PART)  # noqa: S311  # the same
    wait = getattr(error, "retry_after", None) if isinstance(error, TelegramThrottled) or _is_native(error) else None
    if wait is None:
        return None
    seconds = wait.total_seconds() if hasattr(wait, "total_seconds") else float(wait)
    return float(min(max(seconds, 0.0), 86_400.0))


def _is_native(error: BaseException) -> bool:
    """Whether a call by `ctx.bot` met a Telegram that is away or wants us to wait: python-telegram-bot's errors.

    Its NetworkError is the base of BadRequest, too, which no repetition mends.
    """
    library = sys.modules.get("telegram.error")  # the inbox does not need it: who raised it has imported it
    if library is None or isinstance(error, library.BadRequest):
        return False
    if isinstance(error.__cause__, AstralError):  # the library wraps what our transport raises
        return is_infrastructure(error.__cause__)
    return isinstance(error, (library.RetryAfter, library.NetworkError))
