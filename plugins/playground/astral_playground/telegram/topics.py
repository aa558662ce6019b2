"""Topics of a forum: created, changed, closed, hidden and deleted, by people and by the bot."""

from __future__ import annotations

from typing import Any

from .administration import entitled
from .errors import PageError
from .groups import GENERAL, Group, Topic
from .membership import check_alive, service
from .records import User
from .state import World

LONGEST_NAME = 128
COLORS = (7_322_096, 16_766_590, 13_338_331, 9_367_192, 16_749_490, 16_478_047)
# Custom emoji that anybody may use as a topic's icon, and what they show.
ICONS = {
    "5434144690511290129": "📰", "5312536423851630001": "💡", "5312016608254762256": "⚡️", "5377544228505134960": "🎙",
    "5418085807791545980": "🔝", "5370870893004203704": "🗣",
}  # fmt: skip


def create(
    world: World, group: Group, actor_id: int, name: str, *, color: int = COLORS[0], icon: str = ""
) -> Topic:  # fmt: skip
    """A new topic and the message that begins it, whose number is the topic's."""
    topic = Topic(group.next_message, name, color, icon, by=actor_id)
    group.topics[topic.id] = topic
    content: dict[str, Any] = {"name": name, "icon_color": color}
    if icon:
        content["icon_custom_emoji_id"] = icon
    world.changed(group)
    service(world, group, actor_id, {"forum_topic_created": content}, thread=topic.id)
    return topic


def edit(
    world: World, group: Group, topic: Topic, actor_id: int, *, name: str = "", icon: str | None = None
) -> bool:  # fmt: skip
    """Another name, another icon (empty: none); False when nothing would change."""
    changed: dict[str, Any] = {}
    if name and name != topic.name:
        changed["name"] = topic.name = name
    if icon is not None and icon != topic.icon_emoji:
        changed["icon_custom_emoji_id"] = topic.icon_emoji = icon
    if changed:
        _tell(world, group, topic, actor_id, {"forum_topic_edited": changed})
    return bool(changed)


def set_closed(world: World, group: Group, topic: Topic, actor_id: int, *, closed: bool) -> bool:
    """Close a topic, or open it again; False when it is so already. A General topic that opens is hidden no more."""
    if topic.closed == closed:
        return False
    topic.closed = closed
    if not closed:
        topic.hidden = False
    _tell(world, group, topic, actor_id, {"forum_topic_closed" if closed else "forum_topic_reopened": {}})
    return True


def set_hidden(world: World, group: Group, actor_id: int, *, hidden: bool) -> bool:
    """Hide the General topic, which closes it, or show it again; False when it is so already."""
    topic = group.topics[GENERAL]
    if topic.hidden == hidden:
        return False
    topic.hidden = hidden
    topic.closed = topic.closed or hidden
    name = "general_forum_topic_hidden" if hidden else "general_forum_topic_unhidden"
    _tell(world, group, topic, actor_id, {name: {}})
    return True


def delete(world: World, group: Group, topic: Topic) -> None:
    """Remove a topic with all its messages."""
    world.delete([message for message in world.messages[group.id].values() if message.thread == topic.id])
    del group.topics[topic.id]
    world.changed(group)


def _tell(world: World, group: Group, topic: Topic, actor_id: int, content: dict[str, Any]) -> None:
    world.changed(group)
    service(world, group, actor_id, content, thread=None if topic.id == GENERAL else topic.id)


# People


def create_by(
    world: World, group: Group, actor: User, name: str, *, color: int = COLORS[0], icon: str = ""
) -> Topic:  # fmt: skip
    """A person opens a topic; where the group allows it, any member may. Raises PageError."""
    _check_forum(group)
    entitled(world, group, actor, "can_manage_topics", "can_manage_topics")
    if color not in COLORS:
        raise PageError(400, f"{color} is no color of a topic; there are {', '.join(map(str, COLORS))}", "color")
    return create(world, group, actor.id, _name(name), color=color, icon=icon)


def edit_by(
    world: World, group: Group, actor: User, topic_id: int, *, name: str = "", icon: str | None = None
) -> None:
    """A person gives a topic another name or icon. Raises PageError."""
    topic = _editable(world, group, actor, topic_id)
    if not edit(world, group, topic, actor.id, name=_name(name) if name else "", icon=icon):
        raise PageError(409, f"the topic {topic.name!r} has this name and icon already")


def close_by(world: World, group: Group, actor: User, topic_id: int, *, closed: bool = True) -> None:
    """A person closes a topic, or opens it again. Raises PageError."""
    topic = _editable(world, group, actor, topic_id)
    if not set_closed(world, group, topic, actor.id, closed=closed):
        raise PageError(409, f"the topic {topic.name!r} is {'closed' if closed else 'open'} already")


def hide_by(world: World, group: Group, actor: User, *, hidden: bool = True) -> None:
    """A person hides the General topic, or shows it again. Raises PageError."""
    _check_forum(group)
    entitled(world, group, actor, "can_manage_topics")
    if not set_hidden(world, group, actor.id, hidden=hidden):
        raise PageError(409, f"the General topic of {group.title!r} is {'hidden' if hidden else 'shown'} already")


def delete_by(world: World, group: Group, actor: User, topic_id: int) -> None:
    """A person deletes a topic with its messages. Raises PageError."""
    _check_forum(group)
    entitled(world, group, actor, "can_delete_messages")
    if topic_id == GENERAL:
        raise PageError(409, f"the General topic of {group.title!r} can be hidden, not deleted")
    delete(world, group, find(group, topic_id))


def find(group: Group, topic_id: int) -> Topic:
    """The topic with this number; PageError when there is none."""
    topic = group.topics.get(topic_id)
    if topic is None:
        known = ", ".join(f"{one.id} {one.name!r}" for one in group.topics.values())
        raise PageError(404, f"{group.title!r} has no topic {topic_id}; it has {known}", "thread")
    return topic


def _editable(world: World, group: Group, actor: User, topic_id: int) -> Topic:
    _check_forum(group)
    topic = find(group, topic_id)
    if topic.by != actor.id:
        entitled(world, group, actor, "can_manage_topics")
    return topic


def _check_forum(group: Group) -> None:
    check_alive(group)
    if not group.is_forum:
        raise PageError(409, f"{group.title!r} has no topics; make it a supergroup with forum=True")


def _name(name: str) -> str:
    clean = name.strip()
    if not 0 < len(clean) <= LONGEST_NAME:
        raise PageError(400, f"a topic's name has 1 to {LONGEST_NAME} characters", "name")
    return clean
