"""Who comes into a chat, goes, is promoted or thrown out: each change makes the updates that Telegram would make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .errors import PageError
from .groups import (
    GENERAL,
    Group,
    Kind,
    Member,
    Room,
    Topic,
    chosen,
    permissions_of_members,
    rights_of_administrators,
)
from .records import Message, User
from .state import World
from .updates import MEMBER_QUEUE, OTHERS_QUEUE, Update

_FIRST_GROUP, _FIRST_SUPERGROUP = -5_000_000_001, -1_002_000_000_001
_LONGEST_TITLE = 128
_SHORTEST, _LONGEST = 30, 366 * 86_400  # s: a ban or restriction that is shorter or longer lasts for ever


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


def named(world: World, user_id: int) -> str:
    """How an error calls a person or the bot; PageError 404 when there is nobody with this id."""
    return f"@{world.bot.username}" if user_id == world.bot.id else world.user(user_id).first_name


def member_json(world: World, group: Group, member: Member) -> dict[str, Any]:
    """The Bot API's ChatMember."""
    return member.to_dict(account(world, member.user_id), group.type)


def change(world: World, group: Group, new: Member, actor_id: int, **facts: Any) -> Update | None:
    """Give somebody another place in a chat, by whoever did it; the update that tells the bot, if it gets one.

    `facts` are further fields of ChatMemberUpdated, such as invite_link.
    """
    group.expire(world.clock.time())
    old = group.member(new.user_id)
    if old == new:
        return None
    group.put(new)
    world.emit("group", group=group)
    own = new.user_id == world.bot.id
    if not own and not group.member(world.bot.id).administers:
        return None
    payload = {
        "chat": group.chat(), "from": account(world, actor_id), "date": world.now,
        "old_chat_member": member_json(world, group, old), "new_chat_member": member_json(world, group, new), **facts,
    }  # fmt: skip
    return world.updates.add(
        "my_chat_member" if own else "chat_member", payload, user_id=actor_id, chat_id=group.id,
        queue_id=group.id + MEMBER_QUEUE if own else new.user_id + OTHERS_QUEUE,
        summary=f"{old.status} → {new.status}",
    )  # fmt: skip


def join(world: World, group: Group, user_id: int, actor_id: int | None = None, **facts: Any) -> None:
    """Somebody comes into a chat by themselves, or is added by `actor_id`.

    PageError when they are banned, when the chat is a supergroup now, and for the bot in a channel, which it can
    only enter as an administrator.
    """
    check_alive(group)
    group.expire(world.clock.time())
    here, who = group.member(user_id), named(world, user_id)
    if here.present:
        return
    if here.status == "kicked":
        raise PageError(409, f"{who} is banned from {group.title!r}; unban them first")
    if user_id == world.bot.id and group.type == "channel":
        raise PageError(409, f"a bot comes into the channel {group.title!r} as an administrator only; promote it")
    admit(world, group, user_id, actor_id or user_id, **facts)


def admit(
    world: World, group: Group, user_id: int, actor_id: int, *, sender_id: int | None = None, **facts: Any
) -> None:
    """Let somebody in whom `actor_id` adds or approves; `sender_id` is whose the message about it is, if another."""
    here = group.member(user_id)
    new = replace(here, is_member=True) if here.status == "restricted" else Member(user_id)
    change(world, group, new, actor_id, **facts)
    group.waiting.discard(user_id)
    for invitation in group.invitations.values():
        invitation.waiting.discard(user_id)
    _tell_of_newcomer(world, group, user_id, sender_id or actor_id)


def _tell_of_newcomer(world: World, group: Group, user_id: int, sender_id: int) -> None:
    if group.type != "channel":
        people = [account(world, user_id)]
        service(world, group, sender_id, {"new_chat_members": people, "new_chat_member": people[0]})


def leave(
    world: World, group: Group, user_id: int, actor_id: int | None = None, *, banned: bool = False, until: int = 0
) -> None:
    """Somebody goes, or is thrown out by `actor_id`; `banned` ones may not come back before `until` (0: ever)."""
    check_alive(group)
    group.expire(world.clock.time())
    here = group.member(user_id)
    actor = actor_id or user_id
    gone = Member(user_id, "kicked", until=until) if banned else Member(user_id, "left")
    if here.status == "restricted" and not banned:
        gone = replace(here, is_member=False)
    change(world, group, gone, actor)
    if here.present and group.type != "channel":
        service(world, group, actor, {"left_chat_member": account(world, user_id)})


def restrict(
    world: World, group: Group, user_id: int, actor_id: int, permissions: Iterable[str], *, until: int = 0
) -> None:
    """Allow somebody these things only, until a Unix time (0: for ever); with all of them they are free again."""
    group.expire(world.clock.time())
    here, allowed = group.member(user_id), frozenset(permissions)
    if allowed >= permissions_of_members():
        new = Member(user_id, "member" if here.present else "left")
    else:
        new = Member(user_id, "restricted", allowed, until=until, is_member=here.present)
    change(world, group, replace(new, title=here.title), actor_id)


def promote(
    world: World, group: Group, user_id: int, actor_id: int, *, rights: frozenset[str] | None = None,
    anonymous: bool = False,
) -> None:  # fmt: skip
    """Make somebody an administrator; with all rights unless told. Without any they are a member again.

    Whoever is not in the chat comes into it by that.
    """
    group.expire(world.clock.time())
    here = group.member(user_id)
    if here.status == "creator":
        raise PageError(409, f"{named(world, user_id)} owns {group.title!r}; an owner is not promoted or demoted")
    given = rights_of_administrators(group.type) if rights is None else chosen(rights, group.type)
    by_bot = actor_id == world.bot.id
    if given or anonymous:
        every = given | {"can_manage_chat"}  # any right brings this one with it
        new = Member(user_id, "administrator", every, anonymous=anonymous, by_bot=by_bot)
    else:
        new = Member(user_id)
    change(world, group, replace(new, title=here.title), actor_id)
    if not here.present:
        _tell_of_newcomer(world, group, user_id, actor_id)


def lasting(now: int, until: int) -> int:
    """The end of a ban or restriction as Telegram takes it: 0, for ever, when it is too near or too far."""
    return until if _SHORTEST <= until - now <= _LONGEST else 0


def check_alive(group: Group) -> None:
    """PageError when the group has become a supergroup."""
    if group.migrated_to is not None:
        raise PageError(
            409, f"the group {group.title!r} ({group.id}) has become the supergroup {group.migrated_to}; use that one"
        )


def service(world: World, room: Room, actor_id: int, content: dict[str, Any], **fields: Any) -> Message:
    """A message that tells of something that happened; the bot gets it whatever its privacy mode."""
    if isinstance(room, Group) and (room.type == "channel" or room.member(actor_id).anonymous):
        fields.setdefault("sender_chat", room.id)
    message = world.post(room, "service", content, author=actor_id, **fields)
    if isinstance(room, User) or _learns(world, room, content):
        kind = "channel_post" if isinstance(room, Group) and room.type == "channel" else "message"
        world.updates.add(
            kind, world.message_json(message), user_id=actor_id, chat_id=room.id, queue_id=room.id,
            message_id=message.message_id, summary=next(iter(content)),
        )  # fmt: skip
    return message


def _learns(world: World, group: Group, content: dict[str, Any]) -> bool:
    """The bot hears what happens where it is, and that it was thrown out."""
    gone = content.get("left_chat_member", {})
    return group.member(world.bot.id).present or gone.get("id") == world.bot.id
