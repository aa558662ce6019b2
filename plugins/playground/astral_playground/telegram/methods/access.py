"""What the methods of chats share: the chat that the bot is in, its rights there, the people that a call names."""

from __future__ import annotations

import re
from typing import Any

from astral_playground.telegram.errors import ApiError, bad_request, forbidden
from astral_playground.telegram.groups import Group, Member, Room, permissions_of_members
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

_MEDIA = frozenset(
    {
        "can_send_audios",
        "can_send_documents",
        "can_send_photos",
        "can_send_videos",
        "can_send_video_notes",
        "can_send_voice_notes",
    }
)
_ID = re.compile(r"[0-9]{1,18}")
_RIGHTS_TO_RESTRICT = "Not enough rights to restrict/unrestrict chat member"


def inside(world: World, params: Params) -> Room:
    """The chat that a call administers: one that the bot is in."""
    room = world.chat_for_bot(params.text("chat_id"), write=False)
    if isinstance(room, Group) and not room.member(world.bot.id).present:
        raise forbidden(f"bot is not a member of the {room.type} chat")
    return room


def group_of(world: World, params: Params, otherwise: str) -> Group:
    """The same, of a group or channel; 400 with `otherwise` for a private chat."""
    room = inside(world, params)
    if not isinstance(room, Group):
        raise bad_request(otherwise)
    return room


def supergroup_of(world: World, params: Params) -> Group:
    """The same, of a supergroup or channel."""
    words = "Method is available for supergroup and channel chats only"
    group = group_of(world, params, words)
    if group.type == "group":
        raise bad_request(words)
    return group


def require(world: World, group: Group, right: str, words: str) -> None:
    """400 with `words` unless the bot administers with this right; what all members may do is no right of a bot."""
    if not group.member(world.bot.id).may(right):
        raise bad_request(words)


def require_restricting(world: World, group: Group) -> None:
    """400 unless the bot may restrict and ban."""
    require(world, group, "can_restrict_members", _RIGHTS_TO_RESTRICT)


def user_id(params: Params) -> int:
    """The number of the person that a call names."""
    number = params.text("user_id")
    if not _ID.fullmatch(number) or not int(number):
        raise bad_request("Invalid user_id specified")
    return int(number)


def member_of(world: World, group: Group, number: int) -> Member:
    """Somebody's place in a chat. 400 for nobody, and in a channel that the bot does not administer."""
    if number != world.bot.id and number not in world.users:
        raise bad_request("Member not found")
    if group.type == "channel" and not group.member(world.bot.id).administers:
        raise bad_request("Member list is inaccessible")
    return group.member(number)


def check_target(world: World, member: Member) -> None:
    """400 unless the bot may restrict or ban this member: not itself, the owner, or an administrator of others."""
    if member.user_id == world.bot.id:
        raise bad_request("Can't restrict self")
    if member.status == "creator":
        raise bad_request("Can't remove chat owner")
    if member.status == "administrator" and not member.by_bot:
        raise bad_request("User is an administrator of the chat")


def permissions(params: Params) -> frozenset[str]:
    """The parameter `permissions`, and what one permission brings with it unless they are independent."""
    given = params.json("permissions", "permissions")
    if given is None:
        return frozenset()
    if not isinstance(given, dict):
        raise bad_request("Object expected as permissions")
    flags = {name: _flag(given, name) for name in sorted(permissions_of_members() | {"can_send_media_messages"})}
    implied = {
        "can_manage_topics": "can_pin_messages", "can_edit_tag": "can_pin_messages",
        "can_react_to_messages": "can_send_messages",
    }  # fmt: skip
    wide = not params.flag("use_independent_chat_permissions")
    if not _MEDIA & given.keys():
        flags |= dict.fromkeys(_MEDIA, flags["can_send_media_messages"])
        flags["can_send_messages"] |= wide and flags["can_send_media_messages"]
    flags |= {name: flags[source] for name, source in implied.items() if name not in given}
    if wide and (flags["can_send_other_messages"] or flags["can_add_web_page_previews"]):
        flags |= dict.fromkeys((*_MEDIA, "can_send_messages"), True)
    if wide and flags["can_send_polls"]:
        flags["can_send_messages"] = True
    return frozenset(name for name, on in flags.items() if on) & permissions_of_members()


def _flag(given: dict[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise bad_request(f'Can\'t parse chat permissions: field "{name}" must be of type Boolean')
    return value


def moved(error: ApiError, world: World, params: Params) -> Group:
    """The group that has become a supergroup, for a method that may still read it; else the error again."""
    room = world.named(params.text("chat_id"))
    if error.migrate_to and isinstance(room, Group):
        return room
    raise error
