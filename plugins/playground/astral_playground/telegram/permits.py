"""Whether the bot may send this kind of message here, in TDLib's words (can_send_message_content)."""

from __future__ import annotations

from typing import Any

from .errors import ApiError, bad_request
from .groups import Group, Room
from .speaking import needed
from .state import World

# The first of these that a message has says what kind it is.
_WORDS = {
    "animation": "animations", "audio": "music", "document": "documents", "voice": "voice notes",
    "video_note": "video notes", "video": "videos", "photo": "photos", "sticker": "stickers", "dice": "dice",
    "game": "games", "poll": "polls", "checklist": "checklists", "contact": "contacts", "venue": "venues",
    "location": "locations", "paid_media": "paid media", "invoice": "invoice messages",
    "rich_message": "the rich message",
}  # fmt: skip


def refusal(world: World, room: Room, content: dict[str, Any]) -> ApiError | None:
    """Why the bot may not send `content` into this chat; None if it may."""
    if not isinstance(room, Group):
        return None
    if room.type == "channel":
        poll = content.get("poll")
        if poll is not None and not poll["is_anonymous"]:
            return bad_request("Non-anonymous polls can't be sent to channel chats")
        return bad_request("Checklists can't be sent to channel chats") if "checklist" in content else None
    if room.may(world.bot.id, needed(content)):
        return None
    kind = next((name for name in _WORDS if name in content), "")
    live = kind == "location" and "live_period" in content["location"]
    words = "live locations" if live else _WORDS.get(kind, "text messages")
    return bad_request(f"Not enough rights to send {words} to the chat")


def permit(world: World, room: Room, content: dict[str, Any]) -> None:
    """ApiError unless the bot may send `content` into this chat."""
    error = refusal(world, room, content)
    if error is not None:
        raise error
