"""Showing that the bot is at work: a chat action that is kept alive while a block runs."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar

from astral_core.bot.transport import Transport
from astral_core.botapi.check import near_miss
from astral_core.errors import EffectError, TelegramRefused, TelegramThrottled, TelegramUnavailable

log = logging.getLogger("astral.bot")
AGAIN = 4.5  # seconds: Telegram shows an action for five
ACTIONS = (
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
    "choose_sticker", "find_location", "record_video_note", "upload_video_note",
)  # fmt: skip


def check_action(plugin: str, action: object) -> None:
    """EffectError for a slip in the name of a chat action; one that is newer than this list passes."""
    near = near_miss(action, ACTIONS) if isinstance(action, str) and action not in ACTIONS else None
    if not isinstance(action, str) or not action or near is not None:
        hint = f"did you mean {near!r}?" if near is not None else f"give one of {', '.join(ACTIONS)}."
        raise EffectError(f"plugin {plugin!r}: there is no chat action {action!r:.64}. Fix: {hint}")


class ChatAction:
    """`async with` it: while the block runs, the chat shows an action. Best effort; it ends with the block.

    The calls are made by a task of its own, so that the block waits for none of them.
    """

    _tasks: ClassVar[set[asyncio.Task[None]]] = set()

    def __init__(
        self, transport: Transport, params: Mapping[str, Any] | None, release: Callable[[], Awaitable[None]]
    ) -> None:
        """`params` are sendChatAction's; None shows nothing. `release` is awaited before the block."""
        self._transport = transport
        self._params = params
        self._release = release
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        await self._release()
        if self._params is not None and self._task is None:
            # Not the handler's own calls: they are no waiting after its first write, and no part of its limits.
            self._task = asyncio.create_task(self._repeat(self._params), context=contextvars.Context())
            self._tasks.add(self._task)
            self._task.add_done_callback(self._tasks.discard)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Nothing is awaited: the block may have written, and the database would be held meanwhile.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _repeat(self, params: Mapping[str, Any]) -> None:
        while True:
            pause = AGAIN
            try:
                await self._transport.call("sendChatAction", params)
            except TelegramThrottled as error:
                pause = max(pause, error.retry_after)
            except TelegramUnavailable as error:
                log.info("best effort: %s", error)
            except TelegramRefused as error:  # the next one would be refused as well
                log.info("best effort: %s", error)
                return
            except Exception:
                log.exception("a chat action could not be shown")
                return
            await asyncio.sleep(pause)
