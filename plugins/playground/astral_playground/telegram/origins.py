"""Where a message comes from: the origin of a forward, a reply to another chat, a quote."""

from __future__ import annotations

from typing import Any

from .entities import utf16_length
from .groups import Group
from .media import MEDIA
from .records import Message, User
from .state import World

# What a quote keeps of the formatting of the text that it is taken from.
QUOTED = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler", "custom_emoji", "date_time"})
_SHOWN = (*MEDIA, "contact", "dice", "game", "invoice", "location", "poll", "venue", "paid_media", "checklist")


def origin(world: World, message: Message) -> dict[str, Any]:
    """The Bot API's MessageOrigin of a message: that of a forward is where it was written first."""
    known = message.facts.get("forward_origin")
    if isinstance(known, dict):
        return known
    if message.sender_chat is not None:
        chat = world.groups[message.sender_chat]
        room = world.room(message.chat_id)
        if isinstance(room, Group) and room.type == "channel":
            found = {"type": "channel", "chat": chat.chat(), "message_id": message.message_id}
        else:
            found = {"type": "chat", "sender_chat": chat.chat()}
        signature = message.facts.get("author_signature")
        return {**found, **({"author_signature": signature} if signature else {}), "date": message.date}
    author = world.users.get(message.author or 0)
    if author is None:
        return {"type": "user", "sender_user": world.bot.to_dict(), "date": message.date}
    if author.hides_forwards:
        return {"type": "hidden_user", "sender_user_name": full_name(author), "date": message.date}
    return {"type": "user", "sender_user": author.to_dict(), "date": message.date}


def full_name(user: User) -> str:
    """First and last name."""
    return f"{user.first_name} {user.last_name}".strip()


def external_reply(world: World, message: Message) -> dict[str, Any]:
    """The Bot API's ExternalReplyInfo of a message in another chat or topic."""
    found: dict[str, Any] = {"origin": origin(world, message)}
    room = world.room(message.chat_id)
    if isinstance(room, Group) and room.counts:
        found |= {"chat": room.chat(), "message_id": message.message_id}
    shown = {name: message.content[name] for name in _SHOWN if name in message.content}
    if "animation" in shown:
        shown.pop("document", None)  # it stands there for old bots only
    if "live_photo" in shown:
        shown.pop("photo", None)
    if "venue" in shown:
        shown.pop("location", None)
    spoiler = {"has_media_spoiler": True} if message.content.get("has_media_spoiler") else {}
    return {**found, **shown, **spoiler}


def text_quote(message: Message, text: str, position: int = 0, *, manual: bool = True) -> dict[str, Any] | None:
    """The Bot API's TextQuote of a part of a message; None if the message has no such text.

    `position`, in UTF-16 units, is where it is thought to stand: of several places the nearest one is taken.
    """
    if not text:
        return None
    places, start = [], message.text.find(text)
    while start >= 0:
        places.append(utf16_length(message.text[:start]))
        start = message.text.find(text, start + 1)
    if not places:
        return None
    found: dict[str, Any] = {"text": text, "position": min(places, key=lambda place: abs(place - position))}
    return {**found, "is_manual": True} if manual else found
