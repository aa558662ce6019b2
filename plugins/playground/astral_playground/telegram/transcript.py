"""A chat as text, for the errors of tests: who wrote what, and which buttons hang on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .groups import Group
from .records import Message
from .state import World

SHOWN = 10  # messages
_LONGEST = 400  # characters of one message
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u202f", " "))
# Fields of a message that do not say what it is.
_DECORATION = ("caption", "entities", "caption_entities", "media_group_id", "has_media_spoiler",
               "show_caption_above_media", "link_preview_options")  # fmt: skip


def plain(text: str) -> str:
    """`text` with ordinary spaces in place of no-break ones, which nobody sees and nobody types."""
    return text.translate(_SPACES)


def title(world: World, chat_id: int) -> str:
    """What a chat is called in an error."""
    room = world.room(chat_id)
    if isinstance(room, Group):
        return f"the {room.type} {room.title!r}"
    return f"{room.first_name}'s chat with the bot" if room is not None else f"chat {chat_id}"


def author(world: World, message: Message) -> str:
    """Who wrote a message, by the name that people read."""
    if message.sender_chat is not None and message.sender_chat in world.groups:
        return world.groups[message.sender_chat].title
    person = world.users.get(message.author or 0)
    return person.first_name if person is not None else "bot"


def buttons(rows: Iterable[Iterable[Any]]) -> str:
    """Rows of buttons by their texts: [Yes] [No]."""
    texts = (button["text"] if isinstance(button, dict) else button for row in rows for button in row)
    return " ".join(f"[{text}]" for text in texts)


def kind(message: Message) -> str:
    """What a message is beside its text: photo, location, new_chat_members; empty for a text."""
    names = [name for name in message.content if name not in ("text", *_DECORATION)]
    return names[0] if names else ""


def written(world: World, message: Message) -> str:
    """One message in one line or a few."""
    text = message.text if len(message.text) <= _LONGEST else f"{message.text[:_LONGEST]}..."
    what = kind(message)
    said = " ".join(part for part in (f"<{what}>" if what else "", text, buttons(message.button_rows)) if part)
    head = f"  {message.message_id} {author(world, message)}: "
    edited = " (edited)" if message.history else ""
    return head + said.replace("\n", f"\n{' ' * len(head)}") + edited


def transcript(world: World, chat_id: int, messages: Sequence[Message], *, name: str = "") -> str:
    """The last messages of a chat, oldest first."""
    shown = messages[-SHOWN:]
    name = name or title(world, chat_id)
    if not shown:
        return f"{name} is empty"
    count = f"the last {SHOWN} of {len(messages)} messages" if len(messages) > SHOWN else "all messages"
    room = world.room(chat_id)
    below = room.reply_keyboard if room is not None else None
    rest = [f"  below the chat: {buttons(below['keyboard'])}"] if below and "keyboard" in below else []
    return "\n".join([f"{name}, {count}:", *(written(world, one) for one in shown), *rest])
