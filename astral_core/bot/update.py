"""Updates in two depths: the few fields that routing needs, and python-telegram-bot's objects when asked for.

Building an `Update` costs some 0.1 to 0.3 ms, more than all else that is done for it. Most handlers read only `ctx`;
they get an `Update` that is built at the first look into it.
"""

from __future__ import annotations

import copy
import logging
from typing import Any, Self

import msgspec
from telegram import Bot, Update

from astral_core.inbox import lenient
from astral_core.inbox.envelope import Int64, Sender

log = logging.getLogger("astral.bot")
# The members of a Message that people fill; the others say where it comes from, or what happened in the chat.
SAID = frozenset((
    "text", "rich_message", "animation", "audio", "document", "live_photo", "paid_media", "photo", "sticker", "story",
    "video", "video_note", "voice", "checklist", "contact", "dice", "game", "poll", "venue", "location",
))  # fmt: skip
SHARED = frozenset(("users_shared", "chat_shared", "web_app_data"))  # service messages of buttons below the chat


class PeekChat(msgspec.Struct):
    """A chat: its id, its type, and its title if it has one."""

    id: int
    type: str = "private"
    title: str | None = None


class PeekReply(msgspec.Struct, rename={"sender": "from"}):
    """The message that another one answers."""

    message_id: int = 0
    sender: Sender | None = None


class PeekPayment(msgspec.Struct):
    """Whose invoice was paid."""

    invoice_payload: str = ""


class PeekMessage(msgspec.Struct, rename={"sender": "from"}):
    """A message, as far as routes depend on it."""

    message_id: int = 0
    chat: PeekChat | None = None
    sender: Sender | None = None
    text: str | None = None
    sender_chat: PeekChat | None = None  # who writes as a group or channel
    reply_to_message: PeekReply | None = None
    date: int = -1  # 0 in a message too old to be seen: InaccessibleMessage of the Bot API
    message_thread_id: int | None = None
    is_topic_message: bool = False
    is_automatic_forward: bool = False
    via_bot: Sender | None = None
    caption: str | None = None
    migrate_to_chat_id: Int64 | None = None
    migrate_from_chat_id: Int64 | None = None
    left_chat_member: Sender | None = None
    successful_payment: PeekPayment | None = None
    refunded_payment: PeekPayment | None = None

    @property
    def topic(self) -> int | None:
        """The forum topic that it stands in."""
        return self.message_thread_id if self.is_topic_message else None

    def answers(self, user_id: int) -> bool:
        """Whether it replies to a message of `user_id`. All of a topic's replies to the one that opened it."""
        to = self.reply_to_message
        return to is not None and to.sender is not None and to.sender.id == user_id and to.message_id != self.topic


class PeekCallback(msgspec.Struct, rename={"sender": "from"}):
    """A press of a button."""

    id: str
    sender: Sender
    message: PeekMessage | None = None
    inline_message_id: str | None = None
    data: str | None = None


class PeekCheckout(msgspec.Struct, rename={"sender": "from"}):
    """The question whether a payment may go on."""

    id: str
    sender: Sender
    invoice_payload: str = ""


class PeekOther(msgspec.Struct, rename={"sender": "from"}):
    """Any other kind of update: who caused it."""

    sender: Sender | None = None
    user: Sender | None = None


class Peek(msgspec.Struct):
    """What the router looks at. Fields follow the Bot API's Update object."""

    update_id: int
    message: PeekMessage | None = None
    edited_message: PeekMessage | None = None
    callback_query: PeekCallback | None = None
    pre_checkout_query: PeekCheckout | None = None
    channel_post: PeekMessage | None = None

    @property
    def kind(self) -> str | None:
        """The kind of the update, if it is one of these."""
        return next((name for name in self.__struct_fields__[1:] if getattr(self, name) is not None), None)

    @property
    def written(self) -> PeekMessage | None:
        """The message that somebody wrote, changed or posted."""
        return self.message or self.edited_message or self.channel_post

    @property
    def sender(self) -> Sender | None:
        """Who caused the update, where it is one of these kinds."""
        part = self.callback_query or self.written or self.pre_checkout_query
        return part.sender if part is not None else None

    @property
    def place(self) -> PeekMessage | None:
        """The message, or the one whose button was pressed."""
        return self.callback_query.message if self.callback_query is not None else self.written


_peek = msgspec.json.Decoder(Peek)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def peek(payload: str) -> Peek:
    """Look into the JSON of an update; what has another form than Telegram's is left out."""
    try:
        return _peek.decode(payload)
    except msgspec.ValidationError:
        return lenient.read(Peek, payload) or Peek(0)


def sender_of(payload: str, found: Peek) -> Sender | None:
    """Who caused the update, of whatever kind it is."""
    if found.sender is not None:
        return found.sender
    for kind, part in _fields.decode(payload).items():
        if kind != "update_id":
            other = lenient.read(PeekOther, part)
            return other.sender or other.user if other is not None else None
    return None


class LazyUpdate(Update):
    """An `Update` whose fields are read out of the JSON at the first look at one of them.

    Only `update_id` is there from the start. Python asks `__getattr__` for a slot that was never filled; then all of
    them are, and from there on nothing of this class is in the way.
    """

    __slots__ = ("_payload_bot",)

    def __new__(cls, payload: str, bot: Bot, update_id: int) -> Self:  # noqa: ARG004  # see __init__
        """Make the update without the constructor of python-telegram-bot's objects, which fills all fields."""
        return object.__new__(cls)

    def __init__(self, payload: str, bot: Bot, update_id: int) -> None:
        object.__setattr__(self, "update_id", update_id)
        object.__setattr__(self, "_payload_bot", (payload, bot))

    def __getattr__(self, name: str) -> Any:
        try:
            payload, bot = object.__getattribute__(self, "_payload_bot")
        except AttributeError:  # all fields are there: this one is none of them
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None
        full = Update.de_json(msgspec.json.decode(payload), bot)
        object.__delattr__(self, "_payload_bot")
        for slot in _SLOTS:
            object.__setattr__(self, slot, getattr(full, slot))
        return object.__getattribute__(self, name)

    def __reduce__(self) -> Any:
        return Update.de_json, (self.to_dict(), None)

    def __deepcopy__(self, memo: dict[int, Any]) -> Update:  # type: ignore[override]  # a full one is as good
        return copy.deepcopy(Update.de_json(self.to_dict(), None), memo)


def is_readable(update: Update) -> bool:
    """Whether python-telegram-bot can make its objects of an update; a form that it does not know is nobody's bug."""
    try:
        update.effective_user  # noqa: B018  # the first look makes them
    except Exception as error:  # noqa: BLE001  # whatever the library runs into
        log.warning("update %d has a form that python-telegram-bot cannot read (%s); no raw handler gets it",
                    update.update_id, type(error).__name__)  # fmt: skip
        return False
    return True


_SLOTS = tuple({slot for kind in Update.__mro__ for slot in getattr(kind, "__slots__", ()) if slot != "__weakref__"})
