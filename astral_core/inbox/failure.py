"""What may pass and what will not: infrastructure is tried again, a bug is buried."""

from __future__ import annotations

from astral_core.db.engine import may_pass
from astral_core.errors import DatabaseError, TelegramThrottled, TelegramUnavailable


def is_infrastructure(error: BaseException) -> bool:
    """Whether `error` is our database, our connection to Telegram or our process pool, not a bug."""
    from concurrent.futures.process import BrokenProcessPool  # 20 ms that most processes never need

    from astral_core.cpu import CpuBusy, CpuTimeout  # the same

    if isinstance(error, DatabaseError):  # raised out of another error where that was not the database's condition
        return error.__cause__ is None or may_pass(error.__cause__)
    kinds = (TelegramUnavailable, TelegramThrottled, BrokenProcessPool, CpuBusy, CpuTimeout, ConnectionError)
    return isinstance(error, kinds) or may_pass(error)
