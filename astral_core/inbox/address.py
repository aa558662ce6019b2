"""Addresses: to which place a row belongs, and where its answers go.

A chat is not enough. A forum has topics, a channel's direct messages have one for each person who writes, a bot of a
business account speaks for its owner, and the message under a button may stand in a chat that nobody names.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

# Below the lanes of chats, and apart from those of updates that come from nobody (`envelope.NOBODY`).
_BUSINESS, _INLINE = -(2**62), -(2**62) + 2**58
_NAMED, _OWN = -(2**61) - 2**60, -(2**61)
_HASH_MASK = 2**58 - 1
_TOPICS = ("message_thread_id", "direct_messages_topic_id", "business_connection_id")


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in Telegram, as the Bot API names it.

    `topic` is a forum's `message_thread_id`, `direct` a `direct_messages_topic_id`, `business` a
    `business_connection_id`, `inline` the `inline_message_id` of a message that was sent through the bot, in a chat
    that it does not know; `chat` is then that of the person who pressed its button. `user` is the person for whom
    durable work is done, where the chat itself does not tell.
    """

    chat: int
    topic: int | None = None
    direct: int | None = None
    business: str | None = None
    inline: str | None = None
    user: int | None = None

    @property
    def lane(self) -> int:
        """The lane of this place: the chat's; chats of a business connection and inline messages have their own.

        Whoever presses a button of one inline message, their edits of it come in one order.
        """
        if self.inline is not None:
            return _INLINE + _hashed(self.inline)
        return lane_of(self.chat, self.business)

    @property
    def place(self) -> str:
        """What tells this place from others of the same chat; empty for the chat as a whole."""
        if self.business is not None:
            return f"business:{self.lane - _BUSINESS:x}"
        if self.direct is not None:
            return f"direct:{self.direct}"
        return f"topic:{self.topic}" if self.topic is not None else ""

    @property
    def is_private(self) -> bool:
        """Whether it is the private chat of one person with the bot, where nobody else reads."""
        return self.chat > 0 and self.business is None and self.inline is None

    @property
    def is_nowhere(self) -> bool:
        """Whether no chat is here: it is a plugin's own lane, a job's, or that of an update that nobody sent."""
        return self.chat <= -(2**60) and self.business is None

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of a call of the Bot API that sends something here."""
        values = (self.topic, self.direct, self.business)
        more = {name: value for name, value in zip(_TOPICS, values, strict=True) if value is not None}
        return {"chat_id": self.chat, **more}


class _Stored(msgspec.Struct, omit_defaults=True):
    """An address in the database. Without `chat` it is that of the lane, also if the lane gets another number."""

    chat: int | None = None
    topic: int | None = None
    direct: int | None = None
    business: str | None = None
    inline: str | None = None
    user: int | None = None


_stored = msgspec.json.Decoder(_Stored)


def lane_of(chat: int, business: str | None = None) -> int:
    """The lane of a chat. The owner's and the bot's own chat with one person are two: they share no order."""
    return chat if business is None else _BUSINESS + _hashed(f"{business}:{chat}")


def lane_named(name: str) -> int:
    """The lane of a public chat that is known by its `@name` only."""
    return _NAMED + _hashed(name.lower())


def lane_own(plugin: str, name: tuple[str | int, ...]) -> int:
    """A plugin's own lane, where no chat is: work that belongs together runs there in its order."""
    return _OWN + _hashed(repr((plugin, *name)))


def encode(address: Address | None, chat: int) -> str | None:
    """`address` for the database; None if it is `chat`, the lane's own, and nothing else."""
    if address is None:
        return None
    own = address.chat if address.chat != chat else None
    found = _Stored(own, address.topic, address.direct, address.business, address.inline, address.user)
    return msgspec.json.encode(found).decode() if found != _Stored() else None


def decode(text: str | None, chat: int) -> Address | None:
    """The address of a row; None if it is `chat`. One that another version wrote and this cannot read is `chat`."""
    if not text:
        return None
    try:
        found = _stored.decode(text)
    except msgspec.MsgspecError:
        return None
    return Address(
        chat=chat if found.chat is None else found.chat, topic=found.topic, direct=found.direct,
        business=found.business, inline=found.inline, user=found.user,
    )  # fmt: skip


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()) & _HASH_MASK
