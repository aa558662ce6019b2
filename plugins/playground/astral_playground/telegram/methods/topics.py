"""createForumTopic and its fellows: topics of a supergroup."""

from __future__ import annotations

import re
from typing import Any

from astral_playground.telegram import topics
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.groups import GENERAL, Group, Topic
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

from .access import group_of, require
from .registry import method

_EMOJI_ID = re.compile(r"[1-9][0-9]{0,18}")
_MAX_COLOR = 0xFFFFFF
_CLOSING = "Not enough rights to close or open the topic"


def forum_of(world: World, params: Params) -> Group:
    """The supergroup with topics that a call names."""
    words = "The chat is not a forum"
    group = group_of(world, params, words)
    if not group.is_forum:
        raise bad_request(words)
    return group


def topic_of(group: Group, params: Params) -> Topic:
    """The topic that a call names."""
    number = params.integer("message_thread_id")
    if not number:
        raise bad_request("Invalid forum topic identifier specified")
    topic = group.topics.get(number)
    if topic is None:
        raise bad_request("TOPIC_ID_INVALID")
    return topic


def _check_rights(world: World, group: Group, topic: Topic, words: str, right: str = "can_manage_topics") -> None:
    if topic.by != world.bot.id:
        require(world, group, right, words)


def _changed(done: bool) -> bool:
    if not done:
        raise bad_request("TOPIC_NOT_MODIFIED")
    return True


def _icon(params: Params) -> str:
    value = params.text("icon_custom_emoji_id")
    return value if _EMOJI_ID.fullmatch(value) else ""


@method("createForumTopic")
def create_forum_topic(world: World, params: Params) -> dict[str, Any]:
    """A new topic."""
    group = forum_of(world, params)
    require(world, group, "can_manage_topics", "Not enough rights to create a topic")
    name = params.text("name").strip()[: topics.LONGEST_NAME]
    if not name:
        raise bad_request("Name must be non-empty")
    color = params.integer("icon_color", topics.COLORS[0], low=-1)
    if not 0 <= color <= _MAX_COLOR:
        raise bad_request("Invalid icon color specified")
    topic = topics.create(world, group, world.bot.id, name, color=color or topics.COLORS[0], icon=_icon(params))
    return topic.to_dict()


@method("editForumTopic")
def edit_forum_topic(world: World, params: Params) -> bool:
    """Another name or icon of a topic."""
    group = forum_of(world, params)
    topic = topic_of(group, params)
    icon = _icon(params) if "icon_custom_emoji_id" in params.values else None
    return _edit(world, group, topic, params.text("name"), icon)


@method("editGeneralForumTopic")
def edit_general_forum_topic(world: World, params: Params) -> bool:
    """Another name of the General topic."""
    group = forum_of(world, params)
    return _edit(world, group, group.topics[GENERAL], params.text("name"), None)


def _edit(world: World, group: Group, topic: Topic, name: str, icon: str | None) -> bool:
    _check_rights(world, group, topic, "Not enough rights to edit the topic")
    clean = name.strip()[: topics.LONGEST_NAME]
    if name and not clean:
        raise bad_request("Name must be non-empty")
    if not name and icon is None:
        return True
    return _changed(topics.edit(world, group, topic, world.bot.id, name=clean, icon=icon))


def _close(world: World, group: Group, topic: Topic, *, closed: bool) -> bool:
    _check_rights(world, group, topic, _CLOSING)
    return _changed(topics.set_closed(world, group, topic, world.bot.id, closed=closed))


@method("closeForumTopic")
def close_forum_topic(world: World, params: Params) -> bool:
    """Close a topic: only administrators of topics write there."""
    group = forum_of(world, params)
    return _close(world, group, topic_of(group, params), closed=True)


@method("reopenForumTopic")
def reopen_forum_topic(world: World, params: Params) -> bool:
    """Open a closed topic again."""
    group = forum_of(world, params)
    return _close(world, group, topic_of(group, params), closed=False)


@method("closeGeneralForumTopic")
def close_general_forum_topic(world: World, params: Params) -> bool:
    """Close the General topic."""
    group = forum_of(world, params)
    return _close(world, group, group.topics[GENERAL], closed=True)


@method("reopenGeneralForumTopic")
def reopen_general_forum_topic(world: World, params: Params) -> bool:
    """Open the General topic again, and show it."""
    group = forum_of(world, params)
    return _close(world, group, group.topics[GENERAL], closed=False)


def _hide(world: World, params: Params, *, hidden: bool) -> bool:
    group = forum_of(world, params)
    require(world, group, "can_manage_topics", _CLOSING)
    return _changed(topics.set_hidden(world, group, world.bot.id, hidden=hidden))


@method("hideGeneralForumTopic")
def hide_general_forum_topic(world: World, params: Params) -> bool:
    """Hide the General topic, which closes it."""
    return _hide(world, params, hidden=True)


@method("unhideGeneralForumTopic")
def unhide_general_forum_topic(world: World, params: Params) -> bool:
    """Show the General topic again."""
    return _hide(world, params, hidden=False)


@method("deleteForumTopic")
def delete_forum_topic(world: World, params: Params) -> bool:
    """Delete a topic with all its messages."""
    group = forum_of(world, params)
    topic = topic_of(group, params)
    if topic.id == GENERAL:
        raise bad_request("TOPIC_ID_INVALID")
    _check_rights(world, group, topic, "Not enough rights to delete the topic", "can_delete_messages")
    topics.delete(world, group, topic)
    return True


@method("getForumTopicIconStickers")
def get_forum_topic_icon_stickers(_world: World, _params: Params) -> list[dict[str, Any]]:
    """Custom emoji that any bot may use as icons of topics."""
    return [
        {
            "file_id": f"CAACAgQ{number}", "file_unique_id": f"AgAD{number}", "type": "custom_emoji", "width": 100,
            "height": 100, "is_animated": True, "is_video": False, "emoji": emoji, "custom_emoji_id": number,
        }
        for number, emoji in topics.ICONS.items()
    ]  # fmt: skip
