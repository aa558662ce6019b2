"""The run of one inbox row, and the unit that the transport looks at."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field
from typing import Any

from astral_core.bot.effects import Effects
from astral_core.bot.people import People, Question, User
from astral_core.bot.transport import Transport
from astral_core.bot.update import Peek
from astral_core.declare import CHANNEL, GROUP, PRIVATE, ChatKind
from astral_core.host.services import Services
from astral_core.inbox.rows import InboxRow
from astral_core.inbox.work import Work


@dataclass(slots=True)
class Run:
    """Everything that one handler's `Context` stands on. `plugin` and `route` are set by the router."""

    row: InboxRow
    work: Work
    services: Services
    people: People
    transport: Transport
    chat_id: int
    user: User | None
    language: str
    peek: Peek | None = None  # of a Telegram update
    plugin: str = "core"
    route: str = "?"
    kind: str = "?"
    effects: Effects = field(default_factory=Effects)
    asked: Question | None = None
    question_ended: bool = False
    callback_id: str | None = None
    answer: str = "auto"
    answered: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def chat_kind(self) -> ChatKind:
        """The kind of the chat that this row belongs to. Ids of private chats are those of people."""
        if self.chat_id > 0:
            return PRIVATE
        message = self.peek.place if self.peek is not None else None
        return CHANNEL if message is not None and message.chat and message.chat.type == "channel" else GROUP

    @property
    def is_fact(self) -> bool:
        """Whether this row is a payment or a refund."""
        message = self.peek.message if self.peek is not None else None
        return message is not None and bool(message.successful_payment or message.refunded_payment)

    @property
    def person(self) -> User | None:
        """Who wrote; None where it is a chat that speaks: for an anonymous admin, or a channel in its group."""
        message = self.peek.message if self.peek is not None else None
        return None if message is not None and message.sender_chat is not None else self.user


current_run: contextvars.ContextVar[Run | None] = contextvars.ContextVar("astral_run", default=None)
