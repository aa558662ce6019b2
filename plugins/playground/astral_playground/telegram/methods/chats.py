"""getChat, getChatMember, getChatMemberCount, getUserProfilePhotos."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import User
from astral_playground.telegram.state import World

from .registry import method

_REACTIONS = 11
_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


def _user(world: World, params: Params) -> User:
    value = params.text("user_id")
    user = world.users.get(int(value)) if value.isascii() and value.isdecimal() else None
    if user is None:
        raise bad_request("User not found" if value.isdecimal() else "Invalid user_id specified")
    return user


@method("getChat")
def get_chat(world: World, params: Params) -> dict[str, Any]:
    """The Bot API's ChatFullInfo of a private chat."""
    user = world.chat_for_bot(params.text("chat_id"), write=False)
    return {
        **user.chat(),
        "active_usernames": [user.username] if user.username else [],
        "accent_color_id": user.id % 7,
        "max_reaction_count": _REACTIONS,
        "accepted_gift_types": dict.fromkeys(_GIFTS, True),
    }


@method("getChatMember")
def get_chat_member(world: World, params: Params) -> dict[str, Any]:
    """Person or bot of a private chat."""
    chat = world.chat_for_bot(params.text("chat_id"), write=False)
    if params.text("user_id") == str(world.bot.id):
        return {"user": world.bot.to_dict(), "status": "member"}
    user = _user(world, params)
    if user.id != chat.id:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return {"user": user.to_dict(), "status": "member"}


@method("getChatMemberCount")
def get_chat_member_count(world: World, params: Params) -> int:
    """Two: the person and the bot."""
    world.chat_for_bot(params.text("chat_id"), write=False)
    return 2


@method("getUserProfilePhotos")
def get_user_profile_photos(world: World, params: Params) -> dict[str, Any]:
    """None: emulated people have no profile photos."""
    _user(world, params)
    return {"total_count": 0, "photos": []}
