"""The run of one inbox row, and the unit that the transport looks at."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field
from typing import Any

import msgspec

from astral_core.bot.chats import Chats
from astral_core.bot.effects import Effects
from astral_core.bot.people import People, Question, QuestionKey, User
from astral_core.bot.transport import Transport
from astral_core.bot.update import Peek
from astral_core.declare import CHANNEL, GROUP, PRIVATE, ChatKind
from astral_core.host.services import Services
from astral_core.inbox.address import Address
from astral_core.inbox.rows import InboxRow
from astral_core.inbox.work import Work


@dataclass(slots=True)
class Run:
    """Everything that one handler's `Context` stands on. `plugin` and `route` are set by the router."""

    row: InboxRow
    work: Work
    services: Services
    people: People
    chats: Chats
    transport: Transport
    address: Address
    user: User | None
    language: str
    peek: Peek | None = None  # of a Telegram update
    plugin: str = "core"
    route: str = "?"
    kind: str = "?"
    effects: Effects = field(default_factory=Effects)
    asked: Question | None = None
    answered_to: Question | None = None  # the question that this update answers
    question_ended: bool = False
    callback_id: str | None = None
    answer: str = "auto"
    answered: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def chat_id(self) -> int:
        """The chat that this row belongs to."""
        return self.address.chat

    @property
    def chat_kind(self) -> ChatKind:
        """The kind of the chat that this row belongs to. Ids of private chats are those of people.

        GROUP is wherever others read: also the chat of a business account, where its owner does, and the unknown one
        of a message that was sent through the bot.
        """
        if self.address.is_private:
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
        place = self.peek.message or self.peek.edited_message if self.peek is not None else None
        return None if place is not None and place.sender_chat is not None else self.user

    @property
    def later(self) -> Address:
        """Where durable work of this handler belongs: here, and in a group it is for the same person."""
        if self.user is None or self.address.is_private:
            return self.address
        return msgspec.structs.replace(self.address, user=self.user.id)

    @property
    def pressed(self) -> int | None:
        """The number of the message whose button was pressed."""
        message = self.arguments.get("message_id")
        return message if isinstance(message, int) else None

    @property
    def is_unreachable(self) -> bool:
        """Whether the pressed message is too old to be changed: Telegram tells its number and nothing else."""
        query = self.peek.callback_query if self.peek is not None else None
        return query is not None and query.message is not None and query.message.date == 0

    def edits_from(self, route: str, args: dict[str, Any]) -> int | None:
        """From which message on an edit answers a question that is asked now.

        Messages that come later; and the one that is handled, if that answered the very same question.
        """
        place = self.peek.place if self.peek is not None else None
        if place is None:
            return None
        again = self.answered_to is not None and (self.answered_to.route, self.answered_to.args) == (route, args)
        return place.message_id if again else place.message_id + 1

    @property
    def question_key(self) -> QuestionKey:
        """Whose question it is, and where: an answer in another topic is none."""
        return self.chat_id, self.address.place, self.user.id if self.user is not None else 0

    @property
    def slot_owner(self) -> int:
        """Whose slots these are: in a group each person has their own; 0 where the chat itself is one person's."""
        return 0 if self.address.is_private or self.user is None else self.user.id


current_run: contextvars.ContextVar[Run | None] = contextvars.ContextVar("astral_run", default=None)
