"""Inline mode: what people ask from a chat, what the bot offers, what was sent through it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from .files import StoredFile
from .records import Message

PREPARED_FOR = 86_400  # s that a prepared message can be sent


@dataclass(slots=True)
class InlineQuery:
    """A question to the bot from a chat: `room_id` is that chat's, 0 for one of two people.

    `results` are the bot's InlineQueryResult objects, `contents` what each would send (content and buttons), by id.
    `done` is set when it has answered.
    """

    id: str
    user_id: int
    query: str
    offset: str
    chat_type: str
    room_id: int
    asked_at: float
    thread: int | None = None
    results: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[str, Offer] = field(default_factory=dict)
    button: dict[str, Any] | None = None
    next_offset: str = ""
    cache_time: int = 300
    is_personal: bool = False
    answered: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def titles(self) -> list[str]:
        """What a person reads: the title of each result, or its id."""
        return [str(result.get("title") or result["id"]) for result in self.results]


@dataclass(slots=True, frozen=True)
class Offer:
    """The message that a result sends: content and inline keyboard."""

    content: dict[str, Any]
    markup: dict[str, Any] | None = None


@dataclass(slots=True)
class Prepared:
    """A message that the bot prepared for a person to send (savePreparedInlineMessage)."""

    id: str
    user_id: int
    result: dict[str, Any]
    offer: Offer
    expires_at: int
    chat_types: frozenset[str]


@dataclass(slots=True)
class InlineBook:
    """Queries by id, sent messages by inline_message_id, prepared messages and web app queries by id.

    `addresses` are stand-ins for files that nobody has fetched, by the kind of a result and its address.
    """

    queries: dict[str, InlineQuery] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    prepared: dict[str, Prepared] = field(default_factory=dict)
    web_apps: dict[str, int] = field(default_factory=dict)  # the person who has the web app open
    addresses: dict[tuple[str, str], StoredFile] = field(default_factory=dict)

    def name(self, message: Message) -> str:
        """Give a message its inline_message_id; the emulator's own form, as opaque as Telegram's."""
        message.inline_message_id = f"AgAAAE{len(self.messages) + 1:06d}AAplayground"
        self.messages[message.inline_message_id] = message
        return message.inline_message_id
