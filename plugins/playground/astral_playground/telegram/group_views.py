"""What the chat page sees of groups and channels."""

from __future__ import annotations

from typing import Any

from .contents import full_name
from .groups import Group, Invitation, Member
from .invitations import waiting
from .keyboard_views import reply_keyboard
from .membership import account
from .state import World


def group_view(world: World, group: Group) -> dict[str, Any]:
    """A group, supergroup or channel with its members, topics and what the bot may do there."""
    return {
        "id": group.id,
        "type": group.type,
        "title": group.title,
        "username": group.username,
        "description": group.description,
        "is_forum": group.is_forum,
        "members": [_member(world, member) for member in group.members.values()],
        "topics": [
            {"id": one.id, "name": one.name, "color": one.icon_color, "closed": one.closed, "hidden": one.hidden}
            for one in group.topics.values()
        ],
        "permissions": sorted(group.permissions),
        "slow_mode": group.slow_mode,
        "linked_id": group.linked_id,
        "migrated_to": group.migrated_to,
        "pinned": group.pinned,
        "reactions": None if group.reactions is None else [one.get("emoji", "⭐") for one in group.reactions],
        "waiting": sorted(waiting(group)),
        "links": [_link(one) for one in group.invitations.values()],
        "reply_keyboard": reply_keyboard(group.reply_keyboard),
    }


def _member(world: World, member: Member) -> dict[str, Any]:
    user = account(world, member.user_id)
    return {
        "user_id": member.user_id,
        "name": full_name(user),
        "bot": member.user_id == world.bot.id,
        "status": member.status,
        "present": member.present,
        "title": member.title,
        "anonymous": member.anonymous,
        "rights": sorted(member.rights),
        "until": member.until,
    }


def _link(invitation: Invitation) -> dict[str, Any]:
    return {
        "link": invitation.link,
        "name": invitation.name,
        "by_request": invitation.by_request,
        "revoked": invitation.revoked,
        "waiting": sorted(invitation.waiting),
    }
