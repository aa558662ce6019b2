"""getChat, getChatMember and their fellows; title, description and photo of a chat; leaveChat."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram import administration, invitations, membership, pins
from astral_playground.telegram.errors import ApiError, bad_request
from astral_playground.telegram.groups import Group, Room, permissions_of_members
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import User
from astral_playground.telegram.state import World

from .access import group_of, inside, member_of, moved, require, user_id
from .registry import method

_REACTIONS = 11
_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
_LONGEST_TITLE, _LONGEST_DESCRIPTION = 128, 255
_BIG = 2  # which of a photo's copies is the big one of a chat


def _user(world: World, params: Params) -> User:
    user = world.users.get(user_id(params))
    if user is None:
        raise bad_request("User not found")
    return user


@method("getChat")
def get_chat(world: World, params: Params) -> dict[str, Any]:
    """The Bot API's ChatFullInfo; also of a group that has become a supergroup."""
    try:
        room = world.chat_for_bot(params.text("chat_id"), write=False)
    except ApiError as error:
        room = moved(error, world, params)
    found = _of_group(world, room) if isinstance(room, Group) else _of_person(room)
    pinned = pins.pinned(world, room)
    if pinned:
        found["pinned_message"] = world.message_json(pinned[0], nested=True)
    return found


def _common(room: Room, *, gifts: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        **room.chat(), "accent_color_id": abs(room.id) % 7, "max_reaction_count": _REACTIONS,
        "accepted_gift_types": dict.fromkeys(_GIFTS, gifts),
    }  # fmt: skip
    if room.username:
        found["active_usernames"] = [room.username]
    return found


def _of_person(user: User) -> dict[str, Any]:
    return {"active_usernames": [], **_common(user, gifts=True)}


def _of_group(world: World, group: Group) -> dict[str, Any]:
    found, own = _common(group, gifts=False), group.member(world.bot.id)
    link = invitations.primary_of(group, world.bot.id) if own.may("can_invite_users") else None
    facts = {
        "description": group.description, "invite_link": link.link if link else "",
        "linked_chat_id": group.linked_id, "slow_mode_delay": group.slow_mode, "photo": _photo(world, group),
    }  # fmt: skip
    found |= {name: value for name, value in facts.items() if value}
    if group.type != "channel":
        found["permissions"] = {name: name in group.permissions for name in sorted(permissions_of_members())}
    if group.type == "supergroup" and group.by_request:
        found["join_by_request"] = True
    if group.reactions is not None:
        found["available_reactions"] = group.reactions
    return found


def _photo(world: World, group: Group) -> dict[str, str] | None:
    """The Bot API's ChatPhoto."""
    file = world.files.by_unique(group.photo)
    if file is None:
        return None
    return {
        "small_file_id": file.identifier(), "small_file_unique_id": file.unique(),
        "big_file_id": file.identifier(_BIG), "big_file_unique_id": file.unique(_BIG),
    }  # fmt: skip


@method("getChatMember")
def get_chat_member(world: World, params: Params) -> dict[str, Any]:
    """Somebody's place in a chat."""
    chat = world.chat_for_bot(params.text("chat_id"), write=False)
    if isinstance(chat, Group):
        return membership.member_json(world, chat, member_of(world, chat, user_id(params)))
    if params.text("user_id") == str(world.bot.id):
        return {"user": world.bot.to_dict(), "status": "member"}
    user = _user(world, params)
    if user.id != chat.id:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return {"user": user.to_dict(), "status": "member"}


@method("getChatMemberCount")
def get_chat_member_count(world: World, params: Params) -> int:
    """How many are in a chat; two in a private one."""
    chat = world.chat_for_bot(params.text("chat_id"), write=False)
    return len(chat.present()) if isinstance(chat, Group) else 2


@method("getChatAdministrators")
def get_chat_administrators(world: World, params: Params) -> list[dict[str, Any]]:
    """Who administers a group or channel."""
    chat = world.chat_for_bot(params.text("chat_id"), write=False)
    if not isinstance(chat, Group):
        raise bad_request("There are no administrators in the private chat")
    if chat.type == "channel" and not chat.member(world.bot.id).administers:
        raise bad_request("Member list is inaccessible")
    return [membership.member_json(world, chat, member) for member in chat.administrators()]


@method("getUserProfilePhotos")
def get_user_profile_photos(world: World, params: Params) -> dict[str, Any]:
    """None: emulated people have no profile photos."""
    _user(world, params)
    return {"total_count": 0, "photos": []}


@method("setChatTitle")
def set_chat_title(world: World, params: Params) -> bool:
    """Another title, cut at 128 characters."""
    room = inside(world, params)
    title = params.text("title").strip()[:_LONGEST_TITLE]
    if not title:
        raise bad_request("Title must be non-empty")
    if not isinstance(room, Group):
        raise bad_request("Can't change private chat title")
    require(world, room, "can_change_info", "Not enough rights to change chat title")
    administration.set_title(world, room, world.bot.id, title)
    return True


@method("setChatDescription")
def set_chat_description(world: World, params: Params) -> bool:
    """Another description, cut at 255 characters."""
    group = group_of(world, params, "Can't change private chat description")
    require(world, group, "can_change_info", "Not enough rights to set chat description")
    description = params.text("description").strip()[:_LONGEST_DESCRIPTION]
    if description == group.description:
        raise bad_request("Chat description is not modified")
    group.description = description
    world.changed(group)
    return True


@method("setChatPhoto")
def set_chat_photo(world: World, params: Params) -> bool:
    """Another photo, which must be uploaded."""
    value = params.text("photo")
    upload = params.files.get(value.removeprefix("attach://") if value.startswith("attach://") else "photo")
    if upload is None:
        raise bad_request("Photo must be uploaded as an InputFile" if value else "There is no photo in the request")
    group = _with_photo(world, params)
    administration.put_photo(world, group, world.bot.id, upload)
    return True


@method("deleteChatPhoto")
def delete_chat_photo(world: World, params: Params) -> bool:
    """No photo any more."""
    group = _with_photo(world, params)
    if not group.photo:
        raise bad_request("CHAT_NOT_MODIFIED")
    administration.put_photo(world, group, world.bot.id, None)
    return True


def _with_photo(world: World, params: Params) -> Group:
    group = group_of(world, params, "Can't change private chat photo")
    require(world, group, "can_change_info", "Not enough rights to change chat photo")
    return group


@method("leaveChat")
def leave_chat(world: World, params: Params) -> bool:
    """The bot goes."""
    room = world.chat_for_bot(params.text("chat_id"), write=False)
    if not isinstance(room, Group):
        raise bad_request("Can't leave private chats")
    if room.member(world.bot.id).present:
        membership.leave(world, room, world.bot.id)
    return True
