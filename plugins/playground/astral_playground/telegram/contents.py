"""What the chat page sees of a message: who speaks, media, polls, reactions, and what happened in the chat."""

from __future__ import annotations

from typing import Any

from .records import Message
from .state import World

MEDIA = ("animation", "video", "video_note", "voice", "audio", "sticker")
"""Kinds of media that the page plays or shows; photos and documents have views of their own."""

_FACTS_OF_MEDIA = ("width", "height", "length", "duration", "mime_type", "file_name", "title", "performer", "emoji")
_OTHER = ("game", "story", "paid_media", "live_photo", "giveaway", "giveaway_winners", "rich_message")
# Which words the page says about a service message, by the field of Message that it has.
_EVENTS = {
    "new_chat_members": "joined", "left_chat_member": "left", "new_chat_title": "title", "new_chat_photo": "photo",
    "delete_chat_photo": "photo_deleted", "group_chat_created": "created", "supergroup_chat_created": "created",
    "channel_chat_created": "created", "migrate_to_chat_id": "migrated", "migrate_from_chat_id": "migrated",
    "pinned_message": "pinned", "forum_topic_created": "topic_created", "forum_topic_edited": "topic_edited",
    "forum_topic_closed": "topic_closed", "forum_topic_reopened": "topic_reopened",
    "general_forum_topic_hidden": "topic_hidden", "general_forum_topic_unhidden": "topic_unhidden",
    "users_shared": "users_shared", "chat_shared": "chat_shared", "write_access_allowed": "write_access",
    "message_auto_delete_timer_changed": "auto_delete", "boost_added": "boosted",
    "checklist_tasks_done": "tasks_done", "checklist_tasks_added": "tasks_added", "web_app_data": "web_app_data",
}  # fmt: skip


def content_view(world: World, message: Message, raw: dict[str, Any]) -> dict[str, Any]:
    """The members of a message's view that groups, media and reactions need; `raw` is the Bot API's Message."""
    content = message.content
    return {
        "author": message.author,
        "thread": message.thread,
        "sender": _sender(world, raw),
        "media": _media(content),
        "poll": _poll(world, content.get("poll")),
        "dice": content.get("dice"),
        "venue": content.get("venue"),
        "checklist": content.get("checklist"),
        "other": next((name for name in _OTHER if name in content), None),
        "forward": _origin(raw.get("forward_origin")),
        "via_bot": (raw.get("via_bot") or {}).get("username"),
        "quote": (raw.get("quote") or {}).get("text"),
        "reactions": _reactions(message),
    }


def _sender(world: World, raw: dict[str, Any]) -> dict[str, Any]:
    """Who speaks as people see it: a person, the bot, or a chat in whose name somebody writes."""
    chat = raw.get("sender_chat")
    if chat is not None:
        return {"kind": "chat", "id": chat["id"], "name": chat["title"], "title": raw.get("author_signature", "")}
    user = raw["from"]
    kind = "bot" if user["id"] == world.bot.id else "user"
    return {"kind": kind, "id": user["id"], "name": full_name(user), "title": raw.get("sender_tag", "")}


def full_name(user: dict[str, Any]) -> str:
    """The name of the Bot API's User, or the title of its Chat."""
    return str(user.get("title") or f"{user.get('first_name', '')} {user.get('last_name', '')}".strip())


def _media(content: dict[str, Any]) -> dict[str, Any] | None:
    kind = next((name for name in MEDIA if name in content), None)
    if kind is None:
        return None
    media = content[kind]
    facts = {name: media[name] for name in _FACTS_OF_MEDIA if name in media}
    return {
        **facts,
        "kind": kind,
        "url": f"/api/files/{media['file_unique_id']}",
        "size": media.get("file_size", 0),
        "moves": bool(media.get("is_video")) or kind in ("animation", "video", "video_note"),
        "spoiler": bool(content.get("has_media_spoiler")),
    }


def _poll(world: World, poll: dict[str, Any] | None) -> dict[str, Any] | None:
    """The Bot API's Poll, with the votes and the right options, which the page shows to those who have voted."""
    known = None if poll is None else world.polls.get(poll["id"])
    if poll is None or known is None:
        return poll
    votes = {str(person): list(places) for person, places in known.votes.items()}
    return {**poll, **known.explanation, "votes": votes, "correct": known.correct if known.quiz else []}


def _origin(origin: dict[str, Any] | None) -> str | None:
    """The name of whom a message was forwarded from."""
    match origin:
        case None:
            return None
        case {"sender_user": user}:
            return full_name(user)
        case {"sender_user_name": name}:
            return str(name)
        case {"chat": chat} | {"sender_chat": chat}:
            return full_name(chat)
        case _:
            return ""


def _reactions(message: Message) -> list[dict[str, Any]]:
    """Each reaction once, in the order in which they came, and by whom."""
    by: dict[str, list[int]] = {}
    for person, given in message.reactions.items():
        for reaction in given:
            by.setdefault(str(reaction.get("emoji") or "⭐"), []).append(person)
    return [{"emoji": emoji, "by": people} for emoji, people in by.items()]


def event_view(message: Message, raw: dict[str, Any]) -> dict[str, Any] | None:
    """What happened in a chat: `kind`, and what the page's sentence names; None for what somebody says."""
    content = message.content
    field = next((name for name in _EVENTS if name in content), None)
    if field is None:
        return None
    value, kind = content[field], _EVENTS[field]
    view: dict[str, Any] = {"kind": kind, "text": "", "names": []}
    match kind:
        case "joined":
            view["names"] = [full_name(user) for user in value]
            view["self"] = [user["id"] for user in value] == [raw.get("from", {}).get("id")]
        case "left":
            view |= {"names": [full_name(value)], "self": value["id"] == raw.get("from", {}).get("id")}
        case "title":
            view["text"] = str(value)
        case "pinned":
            view["text"] = str(value.get("text") or value.get("caption") or "")[:60]
            view["message_id"] = value.get("message_id")
        case "topic_created" | "topic_edited":
            view["text"] = str(value.get("name", ""))
        case "users_shared":
            view["names"] = [full_name(user) or str(user["user_id"]) for user in value["users"]]
        case "chat_shared":
            view["names"] = [full_name(value) or str(value["chat_id"])]
        case "web_app_data":
            view["text"] = str(value["button_text"])
    return view
