"""Who comes into a chat, goes, is promoted or thrown out: each change makes the updates that Telegram would make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .errors import PageError
from .groups import GENERAL, Group, Kind, Member, Topic, rights_of_administrators
from .records import Message, User
from .state import World
from .updates import MEMBER_QUEUE, Update

_FIRST_GROUP, _FIRST_SUPERGROUP = -5_000_000_001, -1_002_000_000_001
_LONGEST_TITLE = 128


def add_group(
    world: World, title: str, creator: User, *, kind: Kind = "supergroup", forum: bool = False, username: str = "",
    group_id: int | None = None,
) -> Group:  # fmt: skip
    """A new group or channel of `creator`, in which the bot is not yet. Raises PageError."""
    if not 0 < len(title.strip()) <= _LONGEST_TITLE:
        raise PageError(400, f"a title has 1 to {_LONGEST_TITLE} characters", "title")
    if forum and kind != "supergroup":
        raise PageError(400, f"a {kind} has no topics; make it a supergroup", "forum")
    first = _FIRST_GROUP if kind == "group" else _FIRST_SUPERGROUP
    taken = [one for one in world.groups if (one > _FIRST_SUPERGROUP) == (kind == "group")]
    number = min([first + 1, *taken]) - 1 if group_id is None else group_id
    if number >= 0 or number in world.groups:
        raise PageError(409, f"id {number} cannot be this chat's id", "id")
    group = Group(number, kind, title, username=username, is_forum=forum)
    if forum:
        group.topics[GENERAL] = Topic(GENERAL, "General")
    group.put(Member(creator.id, "creator"))
    world.groups[number] = group
    world.messages[number] = {}
    world.emit("group", group=group)
    return group


def account(world: World, user_id: int) -> dict[str, Any]:
    """The Bot API's User of a person or of the bot."""
    return world.bot.to_dict() if user_id == world.bot.id else world.users[user_id].to_dict()


def member_json(world: World, group: Group, member: Member) -> dict[str, Any]:
    """The Bot API's ChatMember."""
    return member.to_dict(account(world, member.user_id), group.type)


def change(world: World, group: Group, new: Member, actor_id: int, **facts: Any) -> Update | None:
    """Give somebody another place in a chat, by whoever did it; the update that tells the bot, if it gets one.

    `facts` are further fields of ChatMemberUpdated, such as invite_link.
    """
    old = group.member(new.user_id)
    group.put(new)
    world.emit("group", group=group)
    own = new.user_id == world.bot.id
    administers = group.member(world.bot.id).administers
    if not own and not administers:
        return None
    payload = {
        "chat": group.chat(), "from": account(world, actor_id), "date": world.now,
        "old_chat_member": member_json(world, group, old), "new_chat_member": member_json(world, group, new), **facts,
    }  # fmt: skip
    return world.updates.add(
        "my_chat_member" if own else "chat_member", payload, user_id=actor_id, chat_id=group.id,
        queue_id=group.id + MEMBER_QUEUE, summary=f"{old.status} → {new.status}",
    )  # fmt: skip


def join(world: World, group: Group, user_id: int, actor_id: int | None = None, **facts: Any) -> None:
    """Somebody comes into a chat by themselves, or is added by `actor_id`."""
    if group.member(user_id).present:
        return
    actor = actor_id or user_id
    change(world, group, Member(user_id), actor, **facts)
    if group.type != "channel":
        people = [account(world, user_id)]
        service(world, group, actor, {"new_chat_members": people, "new_chat_member": people[0]})


def leave(world: World, group: Group, user_id: int, actor_id: int | None = None, *, banned: bool = False) -> None:
    """Somebody goes, or is thrown out by `actor_id`; `banned` ones may not come back."""
    here = group.member(user_id)
    actor = actor_id or user_id
    was_here = here.present
    change(world, group, Member(user_id, "kicked" if banned else "left"), actor)
    if was_here and group.type != "channel":
        gone = account(world, user_id)
        service(world, group, actor, {"left_chat_member": gone})


def promote(
    world: World, group: Group, user_id: int, actor_id: int, *, rights: frozenset[str] | None = None,
    anonymous: bool = False,
) -> None:  # fmt: skip
    """Make somebody an administrator; with all rights unless told. Without any they are a member again."""
    given = rights_of_administrators(group.type) if rights is None else rights
    by_bot = actor_id == world.bot.id
    if given or anonymous:
        new = Member(user_id, "administrator", given, anonymous=anonymous, by_bot=by_bot)
    else:
        new = Member(user_id)
    change(world, group, replace(new, title=group.member(user_id).title), actor_id)


def service(world: World, group: Group, actor_id: int, content: dict[str, Any], **fields: Any) -> Message:
    """A message that tells of something that happened; the bot gets it whatever its privacy mode."""
    message = world.post(group, "service", content, author=actor_id, **fields)
    if group.member(world.bot.id).present or "left_chat_member" in content:
        kind = "channel_post" if group.type == "channel" else "message"
        world.updates.add(
            kind, world.message_json(message), user_id=actor_id, chat_id=group.id, queue_id=group.id,
            message_id=message.message_id, summary=next(iter(content)),
        )  # fmt: skip
    return message
