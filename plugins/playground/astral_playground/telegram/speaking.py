"""What is said in groups and channels: who may say it, in whose name, and whether the bot hears of it."""

from __future__ import annotations

import re
from typing import Any

from .errors import PageError
from .groups import GENERAL, Group
from .records import Message, User
from .state import World

_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,64}(@([A-Za-z0-9_]+))?")
# Which permission a message's content needs.
_PERMISSIONS = {
    "photo": "can_send_photos", "video": "can_send_videos", "audio": "can_send_audios", "poll": "can_send_polls",
    "document": "can_send_documents", "voice": "can_send_voice_notes", "video_note": "can_send_video_notes",
    "sticker": "can_send_other_messages", "animation": "can_send_other_messages",
    "dice": "can_send_other_messages", "game": "can_send_other_messages", "checklist": "can_send_polls",
    "paid_media": "can_send_photos",
}  # fmt: skip


def needed(content: dict[str, Any]) -> str:
    """The Bot API's name of the permission that a message with this content needs."""
    kind = next((name for name in content if name in _PERMISSIONS), "")
    return _PERMISSIONS.get(kind, "can_send_messages")


def check_speaker(world: World, group: Group, user: User, content: dict[str, Any], thread: int | None) -> None:
    """PageError unless the person may say this here now."""
    if group.migrated_to is not None:
        raise PageError(409, f"{group.title!r} has become the supergroup {group.migrated_to}; write there")
    group.expire(world.clock.time())
    member = group.member(user.id)
    comments = thread is not None and thread in group.forwards.values() and member.status != "kicked"
    if not member.present and not comments:
        raise PageError(409, f"{user.first_name} is not in {group.title!r}; let them join first")
    if group.type == "channel":
        if not member.may("can_post_messages"):
            raise PageError(409, f"{user.first_name} may not post in the channel {group.title!r}")
        return
    channel = world.groups.get(group.send_as.get(user.id, 0))
    if channel is not None and channel.id in group.banned_chats:
        raise PageError(
            409, f"nobody may write as {channel.title!r} in {group.title!r}; write as oneself, or unban it"
        )
    permission = needed(content)
    if not (group.may(user.id, permission) or (comments and not member.present and permission in group.permissions)):
        raise PageError(409, f"{user.first_name} may not send this in {group.title!r} ({permission})")
    _check_thread(group, user, thread)
    _check_pace(world, group, user)


def _check_thread(group: Group, user: User, thread: int | None) -> None:
    if not group.is_forum:
        return
    topic = group.topics.get(thread or GENERAL)
    if topic is None:
        raise PageError(400, f"{group.title!r} has no topic {thread}", "thread")
    if topic.closed and not group.member(user.id).may("can_manage_topics"):
        raise PageError(409, f"the topic {topic.name!r} is closed")


def _check_pace(world: World, group: Group, user: User) -> None:
    """Slow mode; administrators know none."""
    if group.slow_mode and not group.member(user.id).administers:
        wait = group.last_posts.get(user.id, 0.0) + group.slow_mode - world.clock.time()
        if wait > 0:
            raise PageError(409, f"slow mode: {user.first_name} may write again in {wait:.0f} s")
    group.last_posts[user.id] = world.clock.time()


def speaker(group: Group, user: User) -> dict[str, Any]:
    """The fields of Message that say who speaks: an anonymous administrator and a channel's author do as the chat."""
    if group.type == "channel" or group.member(user.id).anonymous:
        return {"author": user.id, "sender_chat": group.id}
    channel = group.send_as.get(user.id)
    return {"author": user.id} if channel is None else {"author": user.id, "sender_chat": channel}


def is_heard(world: World, group: Group, message: Message) -> bool:
    """Whether the bot gets a message: all of them without privacy mode and as an administrator, else those for it.

    https://core.telegram.org/bots/features#privacy-mode
    """
    own = group.member(world.bot.id)
    if not own.present:
        return False
    if own.administers or not world.bot.privacy or group.type == "channel":
        return True
    replied = world.find(group.id, message.reply_to) if message.reply_to is not None else None
    if replied is not None and replied.sender == "bot":
        return True
    if message.facts.get("via_bot", {}).get("id") == world.bot.id:
        return True
    return _is_command(world, message.text) or f"@{world.bot.username}".lower() in message.text.lower()


def _is_command(world: World, text: str) -> bool:
    """A command with the bot's name, or one without any if the bot was the last one to speak in the group."""
    found = _COMMAND.match(text)
    if found is None:
        return False
    if found[2]:
        return found[2].lower() == world.bot.username.lower()
    return True  # the bot is the only one in an emulated group
