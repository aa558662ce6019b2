"""What the inbox must know of an update before it is stored: a few fields, read without building objects.

Lane: one per chat, so that a user's messages and button presses, which Telegram delivers side by side, run in one
order. Express: pre-checkout, shipping and inline queries, which must be answered within 10 s and so never wait
behind a chat. Kinds and lanes follow the Bot API's Update object.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec

from astral_core.db.tables import storable
from astral_core.errors import UnreadableUpdate
from astral_core.inbox import lenient
from astral_core.inbox.address import Address
from astral_core.inbox.rows import EXPRESS_LANES, express_lane

UNREADABLE = "unreadable"
NOBODY = -(2**60)  # below all chats: the lanes of updates that come from no chat and from nobody
# Kinds that always name a chat. Without one the lane, and with it an apology, would be somebody else's.
CHATTED = frozenset((
    "message", "edited_message", "channel_post", "edited_channel_post", "business_message", "edited_business_message",
    "my_chat_member", "chat_member", "chat_join_request",
))  # fmt: skip

# Numbers beyond the database's integers would fail a whole batch of other people's updates.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A Telegram user as updates carry it."""

    id: Int64
    first_name: str = ""
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False

    def columns(self) -> dict[str, Any]:
        """The user's columns, cut to their widths and free of NUL, which PostgreSQL cannot hold."""
        return {
            "id": self.id,
            "first_name": storable(self.first_name, 256),
            "last_name": _optional(self.last_name, 256),
            "username": _optional(self.username, 64),
            "language_code": _optional(self.language_code, 16),
        }


class ChatFacts(msgspec.Struct, frozen=True):
    """A chat as updates show it."""

    id: Int64
    type: str = "private"
    title: str | None = None
    username: str | None = None
    is_forum: bool = False

    def columns(self) -> dict[str, Any]:
        """The chat's columns, as those of a person."""
        return {
            "id": self.id,
            "type": storable(self.type, 16),
            "title": _optional(self.title, 256),
            "username": _optional(self.username, 64),
            "is_forum": self.is_forum,
        }


class _SenderChat(msgspec.Struct):
    id: Int64


class _DirectTopic(msgspec.Struct):
    topic_id: Int64


class _Part(msgspec.Struct, rename={"sender": "from"}):
    """Any of Update's objects: all of them are made of some of these fields."""

    id: str | int | None = None
    sender: Sender | None = None
    user: Sender | None = None
    chat: ChatFacts | None = None
    sender_chat: _SenderChat | None = None  # who writes as a chat: its `from` is a stand-in, and no person
    message: _Part | None = None
    data: str | None = None
    message_thread_id: Int64 | None = None
    is_topic_message: bool = False
    is_automatic_forward: bool = False  # by Telegram, of a channel's post: its `from` is no person either
    direct_messages_topic: _DirectTopic | None = None
    business_connection_id: str | None = None
    inline_message_id: str | None = None

    @property
    def place(self) -> _Part:
        """What stands in a chat: this, or the message whose button was pressed."""
        return self if self.chat is not None or self.message is None else self.message


class _UpdateId(msgspec.Struct):
    update_id: Int64


class _Frequent(msgspec.Struct):
    """Nearly all updates, read in one go. Telegram fills at most one field beside the number."""

    update_id: Int64
    message: _Part | None = None
    callback_query: _Part | None = None


_frequent = msgspec.json.Decoder(_Frequent)
_number = msgspec.json.Decoder(_UpdateId)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One update, classified. `chat` is what it shows of a group or channel, `to` as in NewRow."""

    ext_id: str
    lane: int
    kind: str
    express: bool
    payload: str
    sender: Sender | None = None
    chat: ChatFacts | None = None
    to: Address | None = None
    callback_id: str | None = None
    callback_data: str | None = None


def _unreadable(reason: str, body: bytes) -> UnreadableUpdate:
    kept = storable(body[:65536].decode("utf-8", "replace"), 65536)
    return UnreadableUpdate(reason, "sha256:" + hashlib.sha256(body).hexdigest(), kept)


def open_envelope(body: bytes) -> Envelope:
    """Classify the JSON `body` of an update; UnreadableUpdate where it is none."""
    try:
        found = _frequent.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _envelope(body, *_read(body))  # which tells what is wrong
    if found.callback_query is not None and found.message is None:
        return _envelope(body, found.update_id, "callback_query", found.callback_query)
    if found.message is not None and found.message.chat is not None and found.callback_query is None:
        return _envelope(body, found.update_id, "message", found.message)
    return _envelope(body, *_read(body))


def _read(body: bytes) -> tuple[int, str, _Part]:
    """The number, the kind and what is known of it, of an update of any kind."""
    try:
        update_id = _number.decode(body).update_id
        fields = _fields.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(f"not an update: {type(error).__name__}", body) from None
    kind = next((key for key in fields if key != "update_id"), "empty")
    part = (lenient.read(_Part, fields[kind]) if kind in fields else None) or _Part()
    if kind in CHATTED and part.chat is None:
        raise _unreadable(f"update {update_id}: {kind!r} has no chat", body)
    return update_id, kind, part


def _envelope(body: bytes, update_id: int, kind: str, part: _Part) -> Envelope:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(f"not an update: {type(error).__name__}", body) from None
    sender, chat = part.sender or part.user, part.place.chat
    is_person = part.sender_chat is None and not part.is_automatic_forward
    to, pressed = _address(part, sender), kind == "callback_query"
    return Envelope(
        ext_id=str(update_id),
        lane=to.lane if to is not None else _lane(kind, part, sender, update_id),
        kind=storable(kind, 32),
        express=kind in EXPRESS_LANES,
        payload=text,
        sender=sender if sender is not None and not sender.is_bot and is_person else None,
        chat=chat if chat is not None and chat.id < 0 else None,
        to=to,
        # What is pressed in a message of unknown place is answered by its route, which may have to lead elsewhere.
        callback_id=str(part.id) if pressed and part.id is not None and part.inline_message_id is None else None,
        callback_data=part.data if pressed else None,
    )


def _address(part: _Part, sender: Sender | None) -> Address | None:
    """Where the answers go, if that is more than a chat."""
    place = part.place
    if place.chat is None:
        inline = part.inline_message_id
        return Address(chat=sender.id, inline=inline) if inline is not None and sender is not None else None
    topic = place.message_thread_id if place.is_topic_message else None
    direct = place.direct_messages_topic.topic_id if place.direct_messages_topic is not None else None
    business = place.business_connection_id
    if topic is None and direct is None and business is None:
        return None
    return Address(chat=place.chat.id, topic=topic, direct=direct, business=business)


def _lane(kind: str, part: _Part, sender: Sender | None, update_id: int) -> int:
    if kind in EXPRESS_LANES:
        return express_lane(kind, sender.id if sender is not None else update_id)
    if part.place.chat is not None:
        return part.place.chat.id
    return sender.id if sender is not None else NOBODY - (update_id & 2**40 - 1)


def _optional(text: str | None, width: int) -> str | None:
    return storable(text, width) if text is not None else None


def as_json(value: Any) -> str:
    """Compact JSON text of builtin types and msgspec structs."""
    return msgspec.json.encode(value, enc_hook=_plain).decode()


def as_builtins(value: Any) -> Any:
    """The same as what JSON knows: dicts, lists, plain text and numbers."""
    return msgspec.to_builtins(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    """Translated texts are Markup, which msgspec does not take for the text that it is."""
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is no JSON value")
