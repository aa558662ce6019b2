"""What has to wait until Telegram and the database are there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError
from telegram.error import InvalidToken
from telegram.error import TelegramError as LibraryError

from astral_core.backoff import backoff
from astral_core.errors import DatabaseError, TelegramRefused, TelegramThrottled, TelegramUnavailable
from astral_core.inbox.failure import is_infrastructure
from astral_core.observe.logs import LogThrottle

log = logging.getLogger("astral")


def name_of(error: BaseException) -> str:
    """The driver's own error where SQLAlchemy wrapped one; its text may name the user and the host."""
    original = getattr(error, "orig", None) or error
    return type(original.__cause__ or original).__name__


def _told(error: BaseException) -> str:
    """What is to be said of an error: Telegram's text has no address and no token, a database's may have."""
    is_telegram = isinstance(error, (LibraryError, TelegramUnavailable, TelegramThrottled))
    return f"{name_of(error)}: {error}" if is_telegram else name_of(error)


async def until_reachable(call: Callable[[], Awaitable[object]]) -> None:
    """Repeat `call` while Telegram or the database is away, or Telegram answers oddly; tell it once a minute.

    A refusal is the caller's, and so is InvalidToken. Every other refusal of python-telegram-bot's own calls passes:
    at a start it asks who the bot is, which Telegram denies to nobody who has the token.
    """
    failures, lines = 0, LogThrottle()
    while True:
        try:
            await call()
        except (InvalidToken, TelegramRefused):
            raise
        except (LibraryError, TelegramUnavailable, TelegramThrottled, SQLAlchemyError, OSError) as error:
            away: Exception = error
        except DatabaseError as error:
            if not is_infrastructure(error):
                raise
            away = error
        else:
            return
        failures += 1
        pause = backoff(failures, most=30.0)
        if lines() is not None:
            log.warning("not reachable (%s), trying again in %.1f s", _told(away), pause)
        await asyncio.sleep(pause)
