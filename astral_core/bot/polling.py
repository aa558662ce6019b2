"""Long polling: the same inbox, fed by raw getUpdates; the offset moves after the commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from astral_core.backoff import backoff
from astral_core.bot.ingest import Ingest
from astral_core.bot.transport import Transport
from astral_core.errors import DatabaseError, IngestRefused, TelegramRefused, TelegramThrottled, TelegramUnavailable

log = logging.getLogger("astral.bot")
HOLD = 25  # seconds that Telegram holds the request open


async def poll_forever(
    transport: Transport, ingest: Ingest, allowed_updates: list[str], leading: Callable[[], bool]
) -> None:
    """Fetch updates while this replica leads. An active webhook is removed first, without dropping updates."""
    await _remove_webhook(transport)
    offset = 0
    answers: set[asyncio.Task[None]] = set()
    pause, failures = 0.0, 0
    while leading():
        await asyncio.sleep(pause)
        params = {"offset": offset, "timeout": HOLD, "limit": 100, "allowed_updates": allowed_updates}
        try:
            updates = await transport.call("getUpdates", params, hold=HOLD + 10)
            for update in updates:
                answered = await ingest.take(msgspec.json.encode(update), polled=True)
                offset = int(update["update_id"]) + 1
                if answered:  # beside the fetching: one slow answer must not hold up all chats
                    call = transport.best_effort("answerCallbackQuery", {"callback_query_id": answered})
                    task = asyncio.create_task(call, name="astral-answer")
                    answers.add(task)
                    task.add_done_callback(answers.discard)
            pause, failures = 0.0, 0
        except TelegramThrottled as error:
            pause = error.retry_after
        except (TelegramUnavailable, IngestRefused, DatabaseError) as error:
            failures += 1
            pause = backoff(failures, 1.0, 30.0)
            log.warning("polling pauses for %.0f s: %s", pause, error)
        except TelegramRefused as error:
            pause = 5.0
            log.error("Telegram refuses polling: %s", error)  # noqa: TRY400  # the answer says all
            if error.code == HTTPStatus.CONFLICT and "webhook" in error.description.lower():
                await _remove_webhook(transport)  # somebody has set one
                pause = 1.0


async def _remove_webhook(transport: Transport) -> None:
    failures = 0
    while True:
        try:
            info = await transport.call("getWebhookInfo", {})
            if info.get("url"):
                log.info("removing the active webhook; its pending updates stay")
                await transport.call("deleteWebhook", {"drop_pending_updates": False})
        except (TelegramUnavailable, TelegramThrottled) as error:
            failures += 1
            pause = backoff(failures, 1.0, 30.0)
            log.warning("Telegram is not reachable, trying again in %.0f s: %s", pause, error)
            await asyncio.sleep(pause)
        else:
            return
