"""python-telegram-bot's Application inside Astral's loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from telegram.ext import Application, ApplicationBuilder, ContextTypes, ExtBot

from astral_core.bot import home
from astral_core.bot.router import Router
from astral_core.bot.router_context import RouterContext
from astral_core.bot.transport import AiohttpRequest, Transport
from astral_core.config import Settings
from astral_core.errors import HandlerError, HandlerFailed
from astral_core.host.registry import Registry

log = logging.getLogger("astral.bot")
BotApplication = Application[Any, RouterContext, dict[Any, Any], dict[Any, Any], dict[Any, Any], None]


class AstralApplication(Application[Any, RouterContext, dict[Any, Any], dict[Any, Any], dict[Any, Any], None]):
    """An Application whose failures leave `process_update`, so that the unit of work rolls back."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<AstralApplication>"  # the library's own shows the token

    async def process_error(self, update: object, error: Exception, job: Any = None, coroutine: Any = None) -> bool:
        """Let error handlers of other code see `error`, then raise it out of `process_update`."""
        if self.error_handlers:
            await super().process_error(update, error, job=job, coroutine=coroutine)
        if update is not None and job is None and coroutine is None:
            raise HandlerFailed(type(error).__name__) from error
        if not self.error_handlers:
            log.error("a task of application.create_task failed", exc_info=error)
        return False

    def _mark_for_persistence_update(self, *, update: object | None = None, job: Any = None) -> None:
        """Nothing: there is no persistence. The library's own notes every chat, in a set that nobody empties."""


class AstralBot(ExtBot[None]):
    """python-telegram-bot's bot, without its token in the repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<AstralBot>"


def build_application(
    settings: Settings, transport: Transport, registry: Registry, time: Callable[[], float]
) -> BotApplication:
    """An Application without updater, job queue or persistence; the inbox feeds it, and the router is all it has.

    `time` is the clock by which a person is told once a minute at most that the answer is in the private chat.
    """
    token = settings.telegram.token
    if token is None:
        raise HandlerError("telegram.token is missing")
    base = settings.telegram.api_url.rstrip("/")
    bot = AstralBot(
        token.get_secret_value(),
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=AiohttpRequest(transport),
        get_updates_request=AiohttpRequest(transport, read_timeout=60),
    )
    application: BotApplication = (
        ApplicationBuilder()
        .application_class(AstralApplication)
        .bot(bot)
        .updater(None)
        .job_queue(None)
        .context_types(ContextTypes(context=RouterContext))
        .build()
    )
    application.add_handler(Router(registry, home.REPLIES, lambda: application.bot.username, time))
    return application
