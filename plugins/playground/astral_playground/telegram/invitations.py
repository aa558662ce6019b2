"""Invite links and requests to join, of people and of the bot."""

from __future__ import annotations

from typing import Any

from .administration import entitled
from .errors import PageError
from .groups import Group, Invitation
from .membership import account, admit, check_alive, join
from .records import User
from .state import World
from .updates import OTHERS_QUEUE, Update

OPEN_FOR = 300  # s that the bot may write to somebody who asked to join
_SECRET = 10  # characters of a link that those who did not make it see no more


def new_link(world: World, group: Group, creator_id: int, *, primary: bool = False, **fields: Any) -> Invitation:
    """A new invite link; `fields` are others of Invitation. A primary one revokes the creator's former one."""
    former = primary_of(group, creator_id) if primary else None
    if former is not None:
        former.revoked = True
    number = sum(len(one.invitations) for one in world.groups.values()) + 1
    link = f"https://t.me/+{abs(group.id) % 10**9:09d}{number:07d}"
    made = Invitation(link, creator_id, primary=primary, **fields)
    group.invitations[link] = made
    world.changed(group)
    return made


def primary_of(group: Group, creator_id: int) -> Invitation | None:
    """The primary link of an administrator, if they made one."""
    mine = [one for one in group.invitations.values() if one.creator_id == creator_id]
    return next((one for one in mine if one.primary and not one.revoked), None)


def link_json(world: World, invitation: Invitation) -> dict[str, Any]:
    """The Bot API's ChatInviteLink; of somebody else's link the bot sees the beginning only."""
    found = invitation.to_dict(account(world, invitation.creator_id))
    if invitation.creator_id != world.bot.id:
        found["invite_link"] = f"{invitation.link[:-_SECRET]}…"
    return found


def create_by(
    world: World, group: Group, actor: User, *, name: str = "", by_request: bool = False, limit: int = 0,
    expires_at: int = 0,
) -> Invitation:  # fmt: skip
    """A person makes a link: for `limit` people (0: any number), until a Unix time (0: ever). Raises PageError."""
    entitled(world, group, actor, "can_invite_users")
    if by_request and limit:
        raise PageError(400, "a link by which people ask to join has no limit", "limit")
    return new_link(
        world, group, actor.id, name=name, by_request=by_request, limit=limit, expires_at=expires_at
    )  # fmt: skip


def revoke_by(world: World, group: Group, actor: User, link: str) -> None:
    """A person makes a link useless. Raises PageError."""
    entitled(world, group, actor, "can_invite_users")
    found = group.invitations.get(link)
    if found is None or found.revoked:
        raise PageError(409, f"{group.title!r} has no such link, or it is revoked already", "link")
    found.revoked = True
    world.changed(group)


def by_link(world: World, link: str) -> tuple[Group, Invitation]:
    """The chat that a link leads to. PageError when it leads nowhere, is revoked, too old, or used up."""
    for group in world.groups.values():
        found = group.invitations.get(link)
        if found is None:
            continue
        check_alive(group)
        if found.revoked:
            raise PageError(409, f"this link to {group.title!r} was revoked; take another one", "link")
        if found.expires_at and found.expires_at <= world.now:
            raise PageError(409, f"this link to {group.title!r} has expired; take another one", "link")
        if found.limit and found.joined >= found.limit:
            raise PageError(409, f"{found.joined} people have used this link to {group.title!r}, that is all", "link")
        return group, found
    raise PageError(404, f"{link!r} leads to no chat", "link")


def join_by_link(world: World, user: User, link: str) -> Update | None:
    """A person follows a link: joins, or asks to join. The update of a request, if the bot gets it; PageError."""
    group, invitation = by_link(world, link)
    _check_newcomer(world, group, user)
    if invitation.by_request:
        invitation.waiting.add(user.id)
        return _ask(world, group, user, invitation)
    invitation.joined += 1
    join(world, group, user.id, invite_link=link_json(world, invitation))
    return None


def join_public(world: World, group: Group, user: User) -> Update | None:
    """A person joins a chat that has a username, or asks to where the chat wants that; as `join_by_link`."""
    check_alive(group)
    if not group.username:
        raise PageError(409, f"{group.title!r} is private; {user.first_name} needs an invite link")
    _check_newcomer(world, group, user)
    if group.by_request:
        group.waiting.add(user.id)
        return _ask(world, group, user, None)
    join(world, group, user.id)
    return None


def _check_newcomer(world: World, group: Group, user: User) -> None:
    group.expire(world.clock.time())
    here = group.member(user.id)
    if here.present:
        raise PageError(409, f"{user.first_name} is in {group.title!r} already")
    if here.status == "kicked":
        raise PageError(409, f"{user.first_name} is banned from {group.title!r}; unban them first")
    if user.id in waiting(group):
        raise PageError(409, f"{user.first_name} has asked to join {group.title!r} already; approve or decline that")


def _ask(world: World, group: Group, user: User, invitation: Invitation | None) -> Update | None:
    world.changed(group)
    if not group.member(world.bot.id).may("can_invite_users"):
        return None
    user.open_until = world.clock.time() + OPEN_FOR
    payload: dict[str, Any] = {
        "chat": group.chat(), "from": user.to_dict(), "user_chat_id": user.id, "date": world.now,
    }  # fmt: skip
    if invitation is not None:
        payload["invite_link"] = link_json(world, invitation)
    return world.updates.add(
        "chat_join_request", payload, user_id=user.id, chat_id=group.id, queue_id=user.id + OTHERS_QUEUE,
        summary=group.title,
    )  # fmt: skip


def waiting(group: Group) -> set[int]:
    """All who have asked to join."""
    return group.waiting.union(*(one.waiting for one in group.invitations.values()))


def decide(world: World, group: Group, user_id: int, actor_id: int, *, approve: bool) -> bool:
    """Answer a request to join; False when there is none."""
    if user_id not in waiting(group):
        return False
    invitation = next((one for one in group.invitations.values() if user_id in one.waiting), None)
    if approve:
        facts: dict[str, Any] = {"via_join_request": True}
        if invitation is not None:
            invitation.joined += 1
            facts["invite_link"] = link_json(world, invitation)
        admit(world, group, user_id, actor_id, sender_id=user_id, **facts)
        return True
    group.waiting.discard(user_id)
    if invitation is not None:
        invitation.waiting.discard(user_id)
    world.changed(group)
    return True


def decide_by(world: World, group: Group, actor: User, user: User, *, approve: bool) -> None:
    """A person approves or declines somebody's request to join. Raises PageError."""
    entitled(world, group, actor, "can_invite_users")
    if not decide(world, group, user.id, actor.id, approve=approve):
        raise PageError(409, f"{user.first_name} has not asked to join {group.title!r}")
