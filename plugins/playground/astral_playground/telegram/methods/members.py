"""banChatMember, promoteChatMember and their fellows: what the bot does with people as an administrator."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from astral_playground.telegram import membership
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.groups import Group, Member, chosen, rights_of_administrators
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

from .access import (
    check_target,
    group_of,
    inside,
    member_of,
    permissions,
    require,
    require_restricting,
    supergroup_of,
    user_id,
)
from .registry import method

_LONGEST_TITLE = 16
_CHAT_ID = re.compile(r"-?[0-9]{1,18}")
_GROUPS_ONLY = "Method is available only for groups and supergroups"


@method("banChatMember")
def ban_chat_member(world: World, params: Params) -> bool:
    """Remove somebody until a date; a basic group only removes them."""
    number = user_id(params)
    group = group_of(world, params, "Can't ban members in private chats")
    if group.type == "group":
        return _remove(world, group, number)
    member = member_of(world, group, number)
    check_target(world, member)
    require_restricting(world, group)
    until = membership.lasting(world.now, params.integer("until_date"))
    membership.leave(world, group, number, world.bot.id, banned=True, until=until)
    return True


def _remove(world: World, group: Group, number: int) -> bool:
    if number != world.bot.id:
        require(world, group, "can_restrict_members", "CHAT_ADMIN_REQUIRED")
    if not member_of(world, group, number).present:
        raise bad_request("USER_NOT_PARTICIPANT")
    if group.member(number).administers and number != world.bot.id:
        raise bad_request("CHAT_ADMIN_REQUIRED")
    membership.leave(world, group, number, world.bot.id)
    return True


@method("unbanChatMember")
def unban_chat_member(world: World, params: Params) -> bool:
    """Let a banned person come back; removes one who is in the chat, unless only_if_banned is set."""
    number = user_id(params)
    group = supergroup_of(world, params)
    member = member_of(world, group, number)
    if params.flag("only_if_banned") and member.status != "kicked":
        return True
    if member.status == "left":
        return True
    check_target(world, member)
    require_restricting(world, group)
    if member.present:
        membership.leave(world, group, number, world.bot.id, banned=True)
    membership.change(world, group, Member(number, "left"), world.bot.id)
    return True


@method("restrictChatMember")
def restrict_chat_member(world: World, params: Params) -> bool:
    """Leave somebody the given permissions only."""
    number, allowed = user_id(params), permissions(params)
    group = group_of(world, params, "Method is available only for supergroups")
    if group.type != "supergroup":
        raise bad_request("Method is available only for supergroups")
    check_target(world, member_of(world, group, number))
    require_restricting(world, group)
    until = membership.lasting(world.now, params.integer("until_date"))
    membership.restrict(world, group, number, world.bot.id, allowed, until=until)
    return True


@method("promoteChatMember")
def promote_chat_member(world: World, params: Params) -> bool:
    """Make somebody an administrator with the given rights, or a member again without any."""
    number = user_id(params)
    group = supergroup_of(world, params)
    given = {name for name in rights_of_administrators("supergroup") | rights_of_administrators("channel")
             if params.flag(name)}  # fmt: skip
    if params.flag("can_manage_voice_chats"):
        given.add("can_manage_video_chats")
    if group.type == "channel" and given and not params.has("can_restrict_members"):
        given.add("can_restrict_members")
    anonymous = params.flag("is_anonymous")
    member, rights = member_of(world, group, number), chosen(given, group.type)
    _check_promotion(world, group, member, rights, promotes=bool(given or anonymous))
    if rights or anonymous or member.administers:
        membership.promote(world, group, number, world.bot.id, rights=rights, anonymous=anonymous)
    return True


def _check_promotion(world: World, group: Group, member: Member, rights: frozenset[str], *, promotes: bool) -> None:
    if member.user_id == world.bot.id:
        raise bad_request("Can't promote self")
    if member.status == "creator":
        raise bad_request("Can't remove chat owner")
    if not promotes and not member.administers:
        return
    require(world, group, "can_promote_members", "Not enough rights")
    if member.status == "administrator" and not member.by_bot:
        raise bad_request("CHAT_ADMIN_REQUIRED")
    if not member.present:
        raise bad_request("USER_NOT_PARTICIPANT")
    if any(not group.member(world.bot.id).may(right) for right in rights):
        raise bad_request("RIGHT_FORBIDDEN")


@method("setChatAdministratorCustomTitle")
def set_chat_administrator_custom_title(world: World, params: Params) -> bool:
    """What members see beside the name of an administrator whom the bot promoted."""
    number = user_id(params)
    group = _tagging(world, params)
    member = member_of(world, group, number)
    if member.status == "creator":
        raise bad_request("Only the owner can edit their custom title")
    if member.status != "administrator":
        raise bad_request("User is not an administrator")
    if not member.by_bot:
        raise bad_request("Not enough rights to change custom title of the user")
    return _set_title(world, group, member, params.text("custom_title"), "CUSTOM_TITLE")


@method("setChatMemberTag")
def set_chat_member_tag(world: World, params: Params) -> bool:
    """What members see beside the name of a member."""
    number = user_id(params)
    group = _tagging(world, params)
    member = member_of(world, group, number)
    if not member.present:
        raise bad_request("USER_NOT_PARTICIPANT")
    if member.administers or not group.member(world.bot.id).may("can_manage_tags"):
        raise bad_request("CHAT_ADMIN_REQUIRED")
    return _set_title(world, group, member, params.text("tag"), "TAG")


def _tagging(world: World, params: Params) -> Group:
    group = group_of(world, params, _GROUPS_ONLY)
    if group.type == "channel":
        raise bad_request(_GROUPS_ONLY)
    return group


def _set_title(world: World, group: Group, member: Member, title: str, what: str) -> bool:
    clean = title.strip()[:_LONGEST_TITLE]
    if any(unicodedata.category(char) == "So" for char in clean):
        raise bad_request(f"{what}_EMOJI_NOT_ALLOWED")
    membership.change(world, group, replace(member, title=clean), world.bot.id)
    return True


@method("setChatPermissions")
def set_chat_permissions(world: World, params: Params) -> bool:
    """What all members may do."""
    allowed = permissions(params)
    group = group_of(world, params, "Can't change private chat permissions")
    if group.type == "channel":
        raise bad_request("Can't change channel chat permissions")
    require(world, group, "can_restrict_members", "Not enough rights to change chat permissions")
    group.permissions = allowed
    world.changed(group)
    return True


@method("banChatSenderChat")
def ban_chat_sender_chat(world: World, params: Params) -> bool:
    """Nobody may write in the name of a channel any more."""
    group, channel = _sender_chat(world, params, "Can't ban chats in basic groups")
    if channel is None:
        raise bad_request("Member not found")
    require_restricting(world, group)
    group.banned_chats.add(channel.id)
    world.changed(group)
    return True


@method("unbanChatSenderChat")
def unban_chat_sender_chat(world: World, params: Params) -> bool:
    """People may write in the name of a channel again."""
    group, channel = _sender_chat(world, params, "")
    if group.type == "group":
        return True
    if channel is None:
        raise bad_request("Member not found")
    require_restricting(world, group)
    group.banned_chats.discard(channel.id)
    world.changed(group)
    return True


def _sender_chat(world: World, params: Params, in_basic_groups: str) -> tuple[Group, Group | None]:
    group = inside(world, params)
    if not isinstance(group, Group):
        raise bad_request("Can't ban members in private chats")
    value = params.text("sender_chat_id")
    if not value:
        raise bad_request("Sender_chat_id is empty")
    if not _CHAT_ID.fullmatch(value):
        raise bad_request("Sender_chat_id is not a valid Integer")
    if group.type == "group" and in_basic_groups:
        raise bad_request(in_basic_groups)
    channel = world.groups.get(int(value))
    if channel is not None and channel.type == "group":
        raise bad_request("Can't restrict the chat")
    return group, channel
