"""What people do to each other in groups and channels: come, go, promote, restrict, ban. Rights are checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from . import membership
from .errors import PageError
from .groups import Group, Member, chosen, permissions_of_members
from .records import User
from .state import World


@dataclass(slots=True, frozen=True)
class Deed:
    """One deed: `actor` does it to `target` (an id, the bot's too) in `group`; `rights` as the deed needs them."""

    world: World
    group: Group
    actor: User
    target: int
    rights: frozenset[str] | None = None
    anonymous: bool = False
    until: int = 0

    @property
    def who(self) -> str:
        """The target's name, for sentences."""
        return str(membership.account(self.world, self.target)["first_name"])

    @property
    def own(self) -> bool:
        """Whether the actor does it to themselves."""
        return self.target == self.actor.id

    def needs(self, right: str) -> None:
        """PageError unless the actor is an administrator with this right."""
        if not self.group.member(self.actor.id).may(right):
            raise PageError(409, f"{self.actor.first_name} may not do this in {self.group.title!r} ({right})", "by")

    def on_another(self) -> Member:
        """The target's place; PageError when it is the creator's or the actor's own."""
        there = self.group.member(self.target)
        if there.status == "creator" or self.own:
            raise PageError(409, f"nobody can do this to {self.who}", "user_id")
        return there


def _join(deed: Deed) -> None:
    if not deed.own:
        raise PageError(400, "people join by themselves; to bring somebody else is to add them", "user_id")
    if deed.group.member(deed.target).status == "kicked":
        raise PageError(409, f"{deed.who} is banned from {deed.group.title!r}", "user_id")
    membership.join(deed.world, deed.group, deed.target)


def _add(deed: Deed) -> None:
    here = deed.group.member(deed.actor.id)
    if not (here.may("can_invite_users") or deed.group.may(deed.actor.id, "can_invite_users")):
        raise PageError(409, f"{deed.actor.first_name} may not add people to {deed.group.title!r}", "by")
    if deed.group.type == "channel" and deed.target == deed.world.bot.id:
        raise PageError(409, "a bot comes into a channel as an administrator only: promote it", "user_id")
    membership.join(deed.world, deed.group, deed.target, deed.actor.id)


def _leave(deed: Deed) -> None:
    if not deed.own:
        raise PageError(400, "people leave by themselves; remove them instead", "user_id")
    membership.leave(deed.world, deed.group, deed.target)


def _remove(deed: Deed) -> None:
    deed.needs("can_restrict_members")
    deed.on_another()
    membership.leave(deed.world, deed.group, deed.target, deed.actor.id)


def _ban(deed: Deed) -> None:
    deed.needs("can_restrict_members")
    deed.on_another()
    membership.leave(deed.world, deed.group, deed.target, deed.actor.id, banned=True)


def _unban(deed: Deed) -> None:
    deed.needs("can_restrict_members")
    if deed.group.member(deed.target).status != "kicked":
        raise PageError(409, f"{deed.who} is not banned", "user_id")
    membership.change(deed.world, deed.group, Member(deed.target, "left"), deed.actor.id)


def _promote(deed: Deed) -> None:
    deed.needs("can_promote_members")
    deed.on_another()
    rights = None if deed.rights is None else chosen(deed.rights, deed.group.type)
    membership.promote(
        deed.world, deed.group, deed.target, deed.actor.id, rights=rights, anonymous=deed.anonymous
    )  # fmt: skip


def _demote(deed: Deed) -> None:
    deed.needs("can_promote_members")
    if not deed.on_another().administers:
        raise PageError(409, f"{deed.who} is no administrator", "user_id")
    membership.promote(deed.world, deed.group, deed.target, deed.actor.id, rights=frozenset())


def _restrict(deed: Deed) -> None:
    deed.needs("can_restrict_members")
    there = deed.on_another()
    if deed.group.type != "supergroup":
        raise PageError(409, f"nobody can be restricted in a {deed.group.type}; make it a supergroup", "do")
    if there.administers:
        raise PageError(409, f"{deed.who} is an administrator; demote them first", "user_id")
    allowed = (deed.rights or frozenset()) & permissions_of_members()
    new = Member(deed.target, "restricted", allowed, until=deed.until, is_member=there.present)
    membership.change(deed.world, deed.group, new, deed.actor.id)


def _free(deed: Deed) -> None:
    deed.needs("can_restrict_members")
    there = deed.group.member(deed.target)
    if there.status != "restricted":
        raise PageError(409, f"{deed.who} is not restricted", "user_id")
    new = Member(deed.target, "member" if there.is_member else "left")
    membership.change(deed.world, deed.group, new, deed.actor.id)


def _hide(deed: Deed) -> None:
    """Speak as the group, or as oneself again: an administrator's own choice."""
    here = deed.group.member(deed.target)
    if not deed.own or not here.administers:
        raise PageError(409, "only an administrator can be anonymous, by their own choice", "user_id")
    membership.change(deed.world, deed.group, replace(here, anonymous=deed.anonymous), deed.actor.id)


DEEDS: dict[str, Callable[[Deed], None]] = {
    "join": _join, "add": _add, "leave": _leave, "remove": _remove, "ban": _ban, "unban": _unban,
    "promote": _promote, "demote": _demote, "restrict": _restrict, "free": _free, "anonymous": _hide,
}  # fmt: skip
"""Each deed by the name that the page gives it."""
