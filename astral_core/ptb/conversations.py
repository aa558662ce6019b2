"""The states of a ConversationHandler, where the library keeps a dict in memory.

The library looks a conversation's key up in `_conversations`, and its timeout in `timeout_jobs`. Both are replaced by
objects that look into the data of the row that is handled: two rows at a time have two answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from telegram import Update
from telegram.ext import ConversationHandler

from astral_core.errors import DeclarationError, NotKept
from astral_core.ptb.codec import encode
from astral_core.ptb.row import current, here
from astral_core.ptb.store import Slice

_WIDTH = 200  # characters of `core_ptb.store`
ConversationKey = tuple[int | str, ...]


class Conversation:
    """One ConversationHandler of a plugin. `name` is what its states are kept under."""

    def __init__(self, plugin: str, handler: Any, name: str) -> None:
        self.plugin = plugin
        self.handler = handler
        self.name = name

    def install(self, timeouts: Any) -> None:
        """Let the handler keep its states, and its timeouts, with the row that is handled."""
        self.handler._conversations = States(self)  # noqa: SLF001  # the library has no public place for them
        self.handler.timeout_jobs = timeouts

    def key(self, update: Update) -> ConversationKey | None:
        """The key of the conversation that an update is part of; None if it can be part of none."""
        handler: Any = self.handler
        query = update.callback_query
        away = (
            update.channel_post or update.edited_channel_post
            or (handler.per_chat and not update.effective_chat) or (handler.per_user and not update.effective_user)
            or (handler.per_message and not query) or (query and handler.per_chat and not query.message)
        )  # fmt: skip
        found: ConversationKey | None = None if away else handler._get_key(update)  # noqa: SLF001  # the same
        return found

    def rest(self, key: ConversationKey) -> ConversationKey:
        """A conversation's key but for its chat."""
        return key[1:] if self.handler.per_chat else key

    def whole(self, chat: int, rest: ConversationKey) -> ConversationKey:
        """The key in this chat."""
        return (chat, *rest) if self.handler.per_chat else rest

    def slice(self, key: ConversationKey) -> Slice:
        """Where the state of one conversation is kept."""
        parts = list(key)
        chat = parts.pop(0) if self.handler.per_chat else 0
        user = parts.pop(0) if self.handler.per_user else 0
        store = ":".join(("conversation", self.name, *map(str, parts)))
        if len(store) > _WIDTH:
            store = store[: _WIDTH - 33] + ":" + hashlib.blake2b(store.encode(), digest_size=16).hexdigest()
        return Slice(self.plugin, store, int(chat), int(user))


class States:
    """What the library takes for its dict from keys to states."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation

    def get(self, key: ConversationKey, default: Any = None) -> Any:
        """The state of a conversation."""
        row = current.get()
        if row is None:  # asked outside of a row, such as by `check_update` in a test
            return default
        state = row.data.state(self.conversation.slice(key))
        return default if state is None else state

    def __contains__(self, key: ConversationKey) -> bool:
        return self.get(key) is not None

    def __getitem__(self, key: ConversationKey) -> Any:
        state = self.get(key)
        if state is None:
            raise KeyError(key)
        return state

    def __setitem__(self, key: ConversationKey, state: Any) -> None:
        here("a conversation").data.set_state(self.conversation.slice(key), state)

    def __delitem__(self, key: ConversationKey) -> None:
        here("a conversation").data.set_state(self.conversation.slice(key), None)

    def pop(self, key: ConversationKey, default: Any = None) -> Any:
        """End a conversation; return the state that it was in."""
        state = self.get(key, default)
        if key in self:
            del self[key]
        return state


def conversations(plugin: str, handlers: Iterator[Any]) -> list[Conversation]:
    """All conversations among `handlers`, the nested ones included, each with a name of its own.

    DeclarationError if two have the same name, or a state cannot be kept.
    """
    found: dict[str, Conversation] = {}
    known: set[int] = set()
    for handler in handlers:
        if not isinstance(handler, ConversationHandler) or id(handler) in known:
            continue
        known.add(id(handler))
        other = getattr(handler._conversations, "conversation", None)  # noqa: SLF001  # ours, if another plugin has it
        if other is not None and other.plugin != plugin:
            raise DeclarationError(
                plugin, f"the conversation {other.name!r} is plugin {other.plugin!r}'s.", "make another."
            )
        name = handler.name or _unnamed(handler, found)
        if name in found:
            raise DeclarationError(plugin, f"two conversations are called {name!r}.", "give each a name of its own.")
        _check_states(plugin, name, handler)
        found[name] = Conversation(plugin, handler, name)
    return list(found.values())


def _unnamed(handler: Any, taken: dict[str, Conversation]) -> str:
    """A name by what the conversation begins with: it stays the same when other handlers come and go."""
    first = handler.entry_points[0] if handler.entry_points else handler
    callback = getattr(first, "callback", None) or type(first)
    base = name = f"{callback.__module__}.{callback.__qualname__}"
    number = 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _check_states(plugin: str, name: str, handler: Any) -> None:
    for state in (*handler.states, *(handler.map_to_parent or {}).values()):
        try:
            encode(state)
        except NotKept as error:
            raise DeclarationError(
                plugin, f"conversation {name!r}: a state cannot be kept: {error}.", "use numbers, text or an Enum."
            ) from error
