"""The context of python-telegram-bot's own handlers."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from telegram.ext import Application, CallbackContext, ExtBot

from astral_core.bot.context import Context, no_jobs, no_store
from astral_core.bot.scope import current_scope
from astral_core.errors import HandlerError


class RawContext(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """What handlers of python-telegram-bot get; `astral` is the same handler's Context."""

    astral: Context

    @classmethod
    def from_update(cls, update: object, application: Application[Any, Any, Any, Any, Any, Any]) -> Self:
        """Make the context of the row that is handled, without a look into the update's objects."""
        del update
        scope = current_scope.get()
        if scope is None:
            raise HandlerError("an update reached a handler outside of the inbox's worker.")
        context = cls(application, chat_id=scope.chat_id, user_id=scope.user.id if scope.user else None)
        context.astral = Context(scope, application.bot)
        return context

    @property  # type: ignore[misc]  # refused, so it cannot be set either
    def user_data(self) -> NoReturn:
        """Refused: it would be lost with the process."""
        no_store("user_data")

    @property  # type: ignore[misc]  # refused, so it cannot be set either
    def chat_data(self) -> NoReturn:
        """Refused: it would be lost with the process."""
        no_store("chat_data")

    @property  # type: ignore[misc]  # refused, so it cannot be set either
    def bot_data(self) -> NoReturn:  # type: ignore[override]  # the same
        """Refused: it would be lost with the process."""
        no_store("bot_data")

    @property
    def job_queue(self) -> NoReturn:
        """Refused: its jobs would be lost with the process."""
        no_jobs()
