"""The timeouts of conversations: due work that ends one if nothing comes in time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
from telegram.ext import ConversationHandler

from astral_core.inbox.due import Cancel
from astral_core.ptb.row import Home, Row, current, here

if TYPE_CHECKING:
    from astral_core.ptb.conversations import Conversation, ConversationKey

TIMEOUT = "t:"  # how the keys of their due rows begin


class KeptTimeout(msgspec.Struct, frozen=True, kw_only=True):
    """The timeout of a conversation as it is kept: its key but for the chat, and the update that came last."""

    conversation: str
    rest: str
    update: str


class Timeouts:
    """What a ConversationHandler takes for its dict of timeout jobs."""

    def __init__(self, conversation: Conversation, application: Home) -> None:
        self._conversation = conversation
        self._application = application

    def pop(self, key: ConversationKey, default: Any = None) -> Any:
        """The job that waits for the end of a conversation: the library ends it whenever something comes."""
        queue = self._application.durable_queue
        if queue is None or not self._conversation.handler.conversation_timeout:
            return default
        row = here("a conversation")
        lane, name = timeout_place(row, self._conversation, key)
        return SimpleNamespace(schedule_removal=lambda: row.unit.add_due(Cancel(queue.route, lane, name)))

    def get(self, key: ConversationKey, default: Any = None) -> Any:
        """The job that runs, which the library compares with that which it was given."""
        del key
        row = current.get()
        return row.timeout if row is not None and row.timeout is not None else default

    def __setitem__(self, key: ConversationKey, job: Any) -> None:
        """Nothing: the job was armed."""

    def __delitem__(self, key: ConversationKey) -> None:
        """Nothing: the job that runs has no row any more."""


def timeout_place(row: Row, conversation: Conversation, key: ConversationKey) -> tuple[int, str]:
    """The lane and the key of a conversation's timeout: that of its chat, or of its person where it has no chat.

    The chat's id is in the lane alone, which changes when a group becomes a supergroup.
    """
    here = row.scope.later.lane if row.scope is not None else 0
    lane = here if conversation.handler.per_chat else (conversation.slice(key).user_id or here)
    return lane, f"{TIMEOUT}{conversation.name}:{':'.join(map(str, conversation.rest(key)))}"[:255]


def timeout_of(job: Any) -> tuple[Conversation, Any] | None:
    handler = getattr(job.callback, "__self__", None)
    if not isinstance(handler, ConversationHandler):
        return None
    states: Any = handler._conversations  # noqa: SLF001  # ours, see conversations.py
    return states.conversation, job.data


def moved_to(payload: str, chat: int) -> str:
    """An update whose group has become a supergroup meanwhile, with the id that it has now."""
    found = msgspec.json.decode(payload)
    for part in found.values() if isinstance(found, dict) else ():
        for holder in (part, part.get("message")) if isinstance(part, dict) else ():
            place = holder.get("chat") if isinstance(holder, dict) else None
            if isinstance(place, dict) and isinstance(place.get("id"), int) and place["id"] < 0:
                place.update(id=chat, type=place["type"] if place["id"] == chat else "supergroup")
    return msgspec.json.encode(found).decode()
