"""The scope of one inbox row: everything that a handler's Context is made of."""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from astral_core.bot.chats import Chats
from astral_core.bot.effects import Effects
from astral_core.bot.people import People, Question, QuestionKey, User
from astral_core.bot.transport import Transport
from astral_core.bot.update import LazyUpdate, Peek
from astral_core.botapi.views import View, view_update
from astral_core.declare import CHANNEL, CHAT_ADMIN, GROUP, PRIVATE, ChatKind
from astral_core.host.services import Services
from astral_core.inbox.address import Address
from astral_core.inbox.rows import InboxRow
from astral_core.inbox.work import UnitOfWork


@dataclass(frozen=True)
class ChatInfo:
    """A chat. `type` is the Bot API's ("private", "group", "supergroup", "channel"); None if it is not known here."""

    id: int
    type: str | None = None
    title: str | None = None

    @property
    def is_private(self) -> bool:
        """Whether it is a person's own chat with the bot."""
        return self.type == "private"


@dataclass
class HandlerScope:
    """Everything that one handler's `Context` is made of. `plugin` and `route` are set by the router."""

    row: InboxRow
    unit: UnitOfWork
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
    open_question: Question | None = None  # what the person was asked before
    answered_to: Question | None = None  # the question that this update answers
    question_ended: bool = False
    callback_id: str | None = None
    answer: str = "auto"
    answered: bool = False
    query_id: str | None = None  # of a query that is to be answered
    pressed: int | None = None  # the number of the message whose button was pressed
    args: str = ""  # what follows a command
    called: int = 0  # calls that were made, or asked for, with `ctx.once`
    update: LazyUpdate | None = None
    limit: asyncio.Timeout | None = None  # the time that the handler has
    deadline: float | None = None  # what it was at first, by the loop's clock

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
        return CHANNEL if self.chat_type == "channel" else GROUP

    @property
    def chat(self) -> ChatInfo:
        """The chat that this row belongs to, as far as the update shows it."""
        place = self.peek.place if self.peek is not None else None
        shown = place.chat if place is not None else None
        if shown is not None and shown.id == self.chat_id:
            return ChatInfo(shown.id, shown.type, shown.title)
        return ChatInfo(self.chat_id, "private" if self.address.is_private else self.chat_type)

    @property
    def chat_type(self) -> str | None:
        """The type of the chat, as the update shows it."""
        if self.peek is None:
            return None
        place = self.peek.place
        if place is not None:
            return place.chat.type if place.chat is not None else None
        found = self.view
        chat = found.chat if found is not None and "chat" in found else None
        return chat.type if isinstance(chat, View) else None

    @cached_property
    def view(self) -> View | None:
        """The object of the update as a view; None of durable work."""
        if self.peek is None:
            return None
        found = view_update(self.row.payload)
        return found[1] if found is not None else None

    @property
    def message(self) -> View | None:
        """The message that was written, or whose button was pressed, as a view."""
        found, peek = self.view, self.peek
        if found is None or peek is None:
            return None
        if peek.callback_query is not None:
            under: View | None = found.message
            return under
        return found if peek.written is not None or "message_id" in found else None

    @property
    def is_fact(self) -> bool:
        """Whether this row is a payment or a refund."""
        message = self.peek.message if self.peek is not None else None
        return message is not None and bool(message.successful_payment or message.refunded_payment)

    @property
    def person(self) -> User | None:
        """Who wrote; None where it is a chat that speaks: for an anonymous admin, or a channel in its group."""
        written = self.peek.written if self.peek is not None else None
        return None if written is not None and written.sender_chat is not None else self.user

    async def has_role(self, role: str) -> bool:
        """Whether who caused this has a role. For CHAT_ADMIN Telegram may be asked."""
        person = self.person
        if role == CHAT_ADMIN:
            if self.chat_id >= 0 or self.address.is_nowhere or self.address.inline is not None:
                return False  # no group, or one that the bot does not know
            if self._speaks_as_chat:
                return True
            return person is not None and await self.chats.is_administrator(self.chat_id, person.id)
        return person is not None and await self.services.roles.has(role, person.id)

    @property
    def _speaks_as_chat(self) -> bool:
        """Whether the chat itself did this: an anonymous administrator in a group, whoever posts in a channel."""
        written = self.peek.written if self.peek is not None else None
        if written is not None:
            who = None if written.is_automatic_forward else written.sender_chat
            return who is not None and who.id == self.chat_id
        found = self.view if self.peek is not None and self.peek.callback_query is None else None
        for name in ("sender_chat", "actor_chat"):
            chat = getattr(found, name) if found is not None and name in found else None
            if isinstance(chat, View) and chat.id == self.chat_id:
                return True
        return False

    @property
    def later(self) -> Address:
        """Where durable work of this handler belongs: here, and in a group it is for the same person."""
        if self.user is None or self.address.is_private:
            return self.address
        return msgspec.structs.replace(self.address, user=self.user.id)

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


current_scope: contextvars.ContextVar[HandlerScope | None] = contextvars.ContextVar("astral_scope", default=None)
