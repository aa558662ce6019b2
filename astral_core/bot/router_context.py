"""The context in which python-telegram-bot hands an update to the router."""

from __future__ import annotations

from typing import Any, Self

from telegram.ext import Application, CallbackContext, ExtBot

from astral_core.bot.context import Context
from astral_core.bot.scope import current_scope
from astral_core.errors import HandlerError


class RouterContext(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """`astral` is the Context of the row that is handled."""

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
