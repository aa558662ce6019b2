"""Long polling: the same inbox, fed by raw getUpdates; the offset moves after the commit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec

from astral_core.backoff import backoff
from astral_core.bot.ingest import Ingest
from astral_core.bot.transport import Transport
from astral_core.errors import DatabaseError, IngestRefused, TelegramRefused, TelegramThrottled, TelegramUnavailable
from astral_core.observe.logs import LogThrottle

log = logging.getLogger("astral.bot")
HOLD = 25  # seconds that Telegram holds the request open
MOST = 100  # updates in one answer
LONGEST_PAUSE = 30.0  # seconds
STUCK_PAUSE = 5.0  # seconds; a server that repeats what it cannot get rid of may have something new at any time
WELL = 60.0  # seconds at most that a demanded wait silences the bot: an odd one must not do so for a day
REFUSED = 5.0  # seconds
SOON = 1.0  # seconds; an empty answer that comes earlier was not waited for
NUMBERS = range(2**31)  # of updates: one beyond would move the offset past all real ones


class _Numbered(msgspec.Struct):
    update_id: int


_numbered = msgspec.json.Decoder(_Numbered)


@dataclass
class _Poll:
    """Fetches updates, one answer at a time."""

    transport: Transport
    ingest: Ingest
    allowed_updates: list[str]
    offset: int = 0
    most: int = MOST
    lines: LogThrottle = field(default_factory=LogThrottle)
    _stuck: int = 0  # answers in a row that brought nothing new
    _odd: set[bytes] = field(default_factory=set)  # what the last answer had that the offset cannot move by
    _answers: set[asyncio.Task[None]] = field(default_factory=set)

    async def once(self) -> float:
        """Fetch and store what there is. Seconds to wait before the next time."""
        asked, before = time.monotonic(), self.offset
        updates = await self._fetch()
        if not updates:
            # All is confirmed. Who numbers updates anew, as Telegram does after a quiet week, may begin lower.
            self.offset = 0
            return SOON if time.monotonic() - asked < SOON else 0.0
        known, self._odd = self._odd, set()
        for update in updates:
            await self._take(bytes(update), known)
        self._stuck = 0 if self.offset != before else self._stuck + 1
        if not self._stuck:
            return 0.0
        if self.lines() is not None:
            log.warning(
                "polling: Telegram gives nothing but %d updates that were there before or have no usable update_id; "
                "they are stored, and polling goes on", len(updates),
            )  # fmt: skip
        return backoff(self._stuck, SOON, STUCK_PAUSE)

    async def _take(self, body: bytes, known: set[bytes]) -> None:
        """Store an update, and move the offset by it. One without a number stays at Telegram, and is stored once."""
        number = _number(body)
        if number is None:
            self._odd.add(body)
        if number is None and body in known:
            return
        answered = await self.ingest.take(body, polled=True)
        if number is not None:
            self.offset = number + 1
        if answered:
            self._answer(answered)

    async def _fetch(self) -> list[msgspec.Raw]:
        """The JSON texts of the next updates. A server that fails is asked for fewer: its answer may be too long."""
        params = {
            "offset": self.offset, "timeout": HOLD, "limit": self.most, "allowed_updates": self.allowed_updates,
        }  # fmt: skip
        try:
            updates: list[msgspec.Raw] = await self.transport.call("getUpdates", params, hold=HOLD + 10)
        except TelegramUnavailable:
            self.most = max(self.most // 2, 1)
            raise
        self.most = min(self.most * 2, MOST)
        return updates

    def _answer(self, callback_id: str) -> None:
        """Stop a button's spinner beside the fetching: one slow answer must not hold up all chats."""
        call = self.transport.best_effort("answerCallbackQuery", {"callback_query_id": callback_id})
        task = asyncio.create_task(call, name="astral-answer")
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)


async def poll_forever(
    transport: Transport, ingest: Ingest, allowed_updates: list[str], leading: Callable[[], bool]
) -> None:
    """Fetch updates while this replica leads. An active webhook is removed first, without dropping updates.

    Whatever Telegram answers, polling goes on; each kind of trouble is a line a minute.
    """
    poll, lines = _Poll(transport, ingest, allowed_updates), _Lines()
    pause, failures, is_hooked = 0.0, 0, True
    while leading():
        await asyncio.sleep(pause)
        try:
            if is_hooked:
                await _remove_webhook(transport)
                is_hooked = False
            pause = await poll.once()
            failures = 0
        except TelegramThrottled as error:
            pause = min(error.retry_after, WELL)
        except (TelegramUnavailable, IngestRefused, DatabaseError) as error:
            failures += 1
            pause = backoff(failures, 1.0, LONGEST_PAUSE)
            lines.tell(logging.WARNING, error, "polling pauses for %.0f s: %s", pause, error)
        except TelegramRefused as error:
            is_hooked = error.code == HTTPStatus.CONFLICT and "webhook" in error.description.lower()
            pause = SOON if is_hooked else REFUSED  # somebody has set one
            lines.tell(logging.ERROR, error, "Telegram refuses polling: %s", error)


class _Lines:
    """One line a minute for each kind of trouble."""

    def __init__(self) -> None:
        self._throttles: dict[type[Exception], LogThrottle] = {}

    def tell(self, level: int, trouble: Exception, text: str, *values: object) -> None:
        """Log a line, unless one of the same kind of trouble was logged within a minute."""
        if self._throttles.setdefault(type(trouble), LogThrottle())() is not None:
            log.log(level, text, *values)


def _number(update: bytes) -> int | None:
    """The number of an update, if the offset can move by it."""
    try:
        number = _numbered.decode(update).update_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return number if number in NUMBERS else None


async def _remove_webhook(transport: Transport) -> None:
    info = await transport.call("getWebhookInfo", {})
    if info["url"]:
        log.info("removing the active webhook; its pending updates stay")
        await transport.call("deleteWebhook", {"drop_pending_updates": False})
