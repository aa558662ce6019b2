"""A channel and its discussion group: posts are forwarded there by Telegram, and answers to them are comments."""

from __future__ import annotations

from typing import Any

from .errors import PageError
from .groups import TELEGRAM, Group
from .records import Message, User
from .speaking import is_heard
from .state import World


def link(world: World, channel: Group, group: Group, owner: User) -> None:
    """Make `group` the discussion of `channel`, by somebody who owns both or may change them. Raises PageError."""
    if channel.type != "channel" or group.type != "supergroup":
        raise PageError(400, f"{channel.title!r} must be a channel and {group.title!r} a supergroup to be linked")
    for one in (channel, group):
        if not one.member(owner.id).may("can_change_info"):
            raise PageError(409, f"{owner.first_name} may not change {one.title!r}; let its owner link the two")
        if one.linked_id is not None:
            raise PageError(409, f"{one.title!r} is linked already, with chat {one.linked_id}; unlink it first")
    channel.linked_id, group.linked_id = group.id, channel.id
    world.changed(channel)
    world.changed(group)


def unlink(world: World, channel: Group) -> None:
    """Part a channel from its discussion group. PageError when it has none."""
    group = _discussion(world, channel)
    if group is None:
        raise PageError(409, f"{channel.title!r} has no discussion group")
    channel.linked_id = group.linked_id = None
    world.changed(channel)
    world.changed(group)


def attend(world: World) -> None:
    """Forward what the bot posts from now on, and edit the copies of what anybody edits."""

    def look(name: str, data: dict[str, Any]) -> None:
        if name == "message" and data["message"].sender == "bot":
            follow(world, data["message"])
        elif name == "edit":
            follow_edit(world, data["message"])

    world.listen(look)


def follow(world: World, post: Message) -> Message | None:
    """Forward a new post of a channel into its discussion, as Telegram itself does; the copy, if there is one."""
    channel = world.groups.get(post.chat_id)
    group = None if channel is None else _discussion(world, channel)
    if channel is None or group is None or post.sender == "service":
        return None
    origin = {"type": "channel", "date": post.date, "chat": channel.chat(), "message_id": post.message_id}
    signature = post.facts.get("author_signature")
    if signature:
        origin["author_signature"] = signature
    facts = {"is_automatic_forward": True, "forward_origin": origin}
    copy = world.post(group, "user", dict(post.content), markup=post.markup, sender_chat=channel.id, facts=facts)
    group.forwards[post.message_id] = copy.message_id
    group.pinned.append(copy.message_id)  # Telegram pins it and says nothing
    if is_heard(world, group, copy):
        _tell(world, group, copy, "message")
    return copy


def _tell(world: World, group: Group, copy: Message, kind: str) -> None:
    world.updates.add(
        kind, world.message_json(copy), user_id=TELEGRAM["id"], chat_id=group.id, queue_id=group.id,
        message_id=copy.message_id, summary="automatic forward",
    )  # fmt: skip


def follow_edit(world: World, post: Message) -> None:
    """Edit the copy of a channel's post that was edited."""
    channel = world.groups.get(post.chat_id)
    group = None if channel is None else _discussion(world, channel)
    copy = None if group is None else world.find(group.id, group.forwards.get(post.message_id, 0))
    if group is None or copy is None or (copy.content, copy.markup) == (post.content, post.markup):
        return
    same = copy.content == post.content
    world.edit(copy, dict(post.content), post.markup)
    if not same and is_heard(world, group, copy):
        _tell(world, group, copy, "edited_message")


def copy_of(world: World, post: Message) -> Message:
    """The copy of a channel's post in its discussion; PageError when there is none."""
    channel = world.groups.get(post.chat_id)
    group = None if channel is None else _discussion(world, channel)
    copy = None if group is None else world.find(group.id, group.forwards.get(post.message_id, 0))
    if copy is None:
        where = f"message {post.message_id}" if channel is None else f"post {post.message_id} of {channel.title!r}"
        raise PageError(409, f"{where} has no comments; link the channel with a discussion group before it posts")
    return copy


def _discussion(world: World, channel: Group) -> Group | None:
    if channel.type != "channel" or channel.linked_id is None:
        return None
    return world.groups.get(channel.linked_id)
