"""Invite links and requests to join, as the bot makes and answers them."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram import invitations
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.groups import Group, Invitation
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

from .access import group_of, require, user_id
from .registry import method

_LONGEST_NAME, _MOST_MEMBERS = 32, 99_999
_MONTH = 2_592_000  # s: the one period of a subscription that there is
_MOST_STARS = 10_000


def _administered(world: World, params: Params) -> Group:
    group = group_of(world, params, "Can't invite members to a private chat")
    require(world, group, "can_invite_users", "Not enough rights to manage chat invite link")
    return group


def _options(world: World, params: Params) -> dict[str, Any]:
    """The fields of Invitation that a call sets."""
    limit, by_request = params.integer("member_limit"), params.flag("creates_join_request")
    if by_request and limit:
        raise bad_request("Member limit can't be specified for links requiring administrator approval")
    if limit > _MOST_MEMBERS:
        raise bad_request("USAGE_LIMIT_INVALID")
    expires = params.integer("expire_date")
    if expires and expires <= world.now:
        raise bad_request("EXPIRE_DATE_INVALID")
    name = params.text("name").strip()[:_LONGEST_NAME]
    return {"name": name, "expires_at": expires, "limit": limit, "by_request": by_request}


def _own(world: World, group: Group, params: Params) -> Invitation:
    """The link of the bot that a call names."""
    link = params.text("invite_link")
    if not link:
        raise bad_request("Invite link must be non-empty")
    found = group.invitations.get(link)
    if found is None or found.creator_id != world.bot.id:
        raise bad_request("INVITE_HASH_EXPIRED")
    if found.revoked:
        raise bad_request("INVITE_REVOKED_MISSING")
    return found


def _editable(world: World, group: Group, params: Params) -> Invitation:
    found = _own(world, group, params)
    if found.primary:
        raise bad_request("CHAT_INVITE_PERMANENT")
    return found


@method("exportChatInviteLink")
def export_chat_invite_link(world: World, params: Params) -> str:
    """A new primary link of the bot; the former one is revoked."""
    return invitations.new_link(world, _administered(world, params), world.bot.id, primary=True).link


@method("createChatInviteLink")
def create_chat_invite_link(world: World, params: Params) -> dict[str, Any]:
    """One more link."""
    group = _administered(world, params)
    made = invitations.new_link(world, group, world.bot.id, **_options(world, params))
    return invitations.link_json(world, made)


@method("editChatInviteLink")
def edit_chat_invite_link(world: World, params: Params) -> dict[str, Any]:
    """Other options of a link; those that are not given are as for a new one."""
    group, options = _administered(world, params), _options(world, params)
    found = _editable(world, group, params)
    for name, value in options.items():
        setattr(found, name, value)
    world.changed(group)
    return invitations.link_json(world, found)


@method("revokeChatInviteLink")
def revoke_chat_invite_link(world: World, params: Params) -> dict[str, Any]:
    """Make a link useless; for a primary one there is a new one."""
    group = _administered(world, params)
    found = _own(world, group, params)
    found.revoked = True
    if found.primary:
        invitations.new_link(world, group, world.bot.id, primary=True)
    world.changed(group)
    return invitations.link_json(world, found)


@method("createChatSubscriptionInviteLink")
def create_chat_subscription_invite_link(world: World, params: Params) -> dict[str, Any]:
    """A link to a channel that costs Stars each month."""
    group = _administered(world, params)
    if group.type != "channel":
        raise bad_request("CHANNEL_INVALID")
    period, price = params.integer("subscription_period"), params.integer("subscription_price")
    if period != _MONTH:
        raise bad_request("SUBSCRIPTION_PERIOD_INVALID")
    if not 1 <= price <= _MOST_STARS:
        raise bad_request("STARS_AMOUNT_INVALID")
    name = params.text("name").strip()[:_LONGEST_NAME]
    made = invitations.new_link(world, group, world.bot.id, name=name, period=period, price=price)
    return invitations.link_json(world, made)


@method("editChatSubscriptionInviteLink")
def edit_chat_subscription_invite_link(world: World, params: Params) -> dict[str, Any]:
    """Another name of a subscription's link."""
    group = _administered(world, params)
    found = _editable(world, group, params)
    if not found.period:
        raise bad_request("INVITE_HASH_EXPIRED")
    found.name = params.text("name").strip()[:_LONGEST_NAME]
    world.changed(group)
    return invitations.link_json(world, found)


def _decide(world: World, params: Params, *, approve: bool) -> bool:
    number = user_id(params)
    group = group_of(world, params, "The chat can't have join requests")
    require(world, group, "can_invite_users", "Not enough rights to manage chat join requests")
    if number not in world.users:
        raise bad_request("USER_ID_INVALID")
    if not invitations.decide(world, group, number, world.bot.id, approve=approve):
        present = group.member(number).present
        raise bad_request("USER_ALREADY_PARTICIPANT" if approve and present else "HIDE_REQUESTER_MISSING")
    return True


@method("approveChatJoinRequest")
def approve_chat_join_request(world: World, params: Params) -> bool:
    """Let somebody in who asked."""
    return _decide(world, params, approve=True)


@method("declineChatJoinRequest")
def decline_chat_join_request(world: World, params: Params) -> bool:
    """Refuse somebody who asked."""
    return _decide(world, params, approve=False)
