"""The context of handlers of python-telegram-bot inside a plugin."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from telegram.ext import CallbackContext, ExtBot

from astral_core.bot.context import Context
from astral_core.bot.scope import current_scope
from astral_core.errors import HandlerError
from astral_core.ptb.row import here
from astral_core.ptb.store import CHAT, USER

if TYPE_CHECKING:
    Base = CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]
else:
    Base = CallbackContext


class RawContext(Base):
    """The library's CallbackContext, whose data is durable; `astral` is the same handler's Context."""

    @property
    def astral(self) -> Context:
        """The handler's Context: effects that are sent after the commit, durable work, state, the database.

        HandlerError in `post_init` and `post_shutdown`, which handle nothing.
        """
        scope = current_scope.get()
        if scope is None:
            raise HandlerError("context.astral is there while an update or a job is handled.")
        return Context(scope, self.application.bot)

    @property
    def job_queue(self) -> Any:
        """The job queue, whose jobs are durable. HandlerError where APScheduler is not installed."""
        return self.application.job_queue

    async def load(self, *, user_id: int | None = None, chat_id: int | None = None) -> None:
        """Read the data of another person or chat, for `application.user_data[user_id]` and the like.

        What the handler changes in it is kept as any other. HandlerError outside of a handler.
        """
        row = here("context.load")
        for number in (user_id, chat_id):
            if number is not None and (type(number) is not int or abs(number) >= 2**63):
                raise HandlerError(f"context.load: {number!r} is no id. Fix: int(...) of what somebody wrote.")
        wanted = [row.data.slice(USER, user=user_id)] if user_id is not None else []
        wanted += [row.data.slice(CHAT, chat=chat_id)] if chat_id is not None else []
        if wanted:
            await row.load_more(wanted)


@cache
def context_class(base: type[Any]) -> type[Any]:
    """`base`, an author's own context, with what RawContext has."""
    return (
        RawContext if base is CallbackContext else type(base.__name__, (base, RawContext), {"__doc__": base.__doc__})
    )
