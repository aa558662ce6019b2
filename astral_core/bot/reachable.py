"""What has to wait until Telegram and the database are there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError
from telegram.error import InvalidToken, NetworkError, RetryAfter

from astral_core.backoff import backoff
from astral_core.errors import DatabaseError, TelegramRefused, TelegramThrottled, TelegramUnavailable
from astral_core.inbox.failure import is_infrastructure

log = logging.getLogger("astral")


def name_of(error: BaseException) -> str:
    """The driver's own error where SQLAlchemy wrapped one; its text may name the user and the host."""
    original = getattr(error, "orig", None) or error
    return type(original.__cause__ or original).__name__


async def until_reachable(call: Callable[[], Awaitable[object]]) -> None:
    """Repeat `call` while Telegram or the database is away. A refusal is the caller's."""
    failures = 0
    while True:
        try:
            await call()
        except (InvalidToken, TelegramRefused):
            raise
        except (NetworkError, RetryAfter, TelegramUnavailable, TelegramThrottled, SQLAlchemyError, OSError) as error:
            away: Exception = error
        except DatabaseError as error:
            if not is_infrastructure(error):
                raise
            away = error
        else:
            return
        failures += 1
        pause = backoff(failures, most=30.0)
        log.warning("not reachable (%s), trying again in %.1f s", name_of(away), pause)
        await asyncio.sleep(pause)
