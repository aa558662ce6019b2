"""What people do who run a group or channel. PageError says who may not do what, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .entities import trim
from .errors import ApiError, PageError
from .groups import Group, Member, permissions_of_members, rights_of_administrators
from .media import photo_sizes
from .membership import change, check_alive, join, leave, named, promote, restrict, service
from .params import Upload
from .records import User
from .state import World

_LONGEST_TITLE, _LONGEST_DESCRIPTION, _LONGEST_ROLE = 128, 255, 16
_SLOW_MODES = (0, 5, 10, 30, 60, 300, 900, 3600)


def entitled(world: World, group: Group, actor: User, right: str, permission: str = "") -> None:
    """PageError unless the person administers with this right, or all members have this permission."""
    check_alive(group)
    group.expire(world.clock.time())
    member = group.member(actor.id)
    if member.may(right) or (permission and group.may(actor.id, permission) and not member.administers):
        return
    if not member.present:
        raise PageError(409, f"{actor.first_name} is not in {group.title!r}; let them join first")
    raise PageError(
        409, f"{actor.first_name} may not do this in {group.title!r}; let its owner promote them with {right}"
    )


def _target(world: World, group: Group, actor: User, who: int, *, present: bool = True) -> Member:
    """Somebody whom `actor` may promote, restrict or remove: not the owner, and no administrator of another."""
    member, name = group.member(who), named(world, who)
    if member.status == "creator":
        raise PageError(409, f"{name} owns {group.title!r}; nobody can restrict, remove or promote an owner")
    if present and not member.present:
        raise PageError(409, f"{name} is not in {group.title!r}; add them first")
    if member.administers and group.member(actor.id).status != "creator":
        raise PageError(409, f"{name} administers {group.title!r}; let the owner do this")
    return member


def _no_basic_group(group: Group, what: str) -> None:
    if group.type == "group":
        raise PageError(
            409, f"{group.title!r} is a basic group, which has no {what}; upgrade it to a supergroup first"
        )


# People and the bot come and go


def add_member(world: World, group: Group, actor: User, who: int) -> None:
    """Somebody adds a person, or the bot by its id."""
    entitled(world, group, actor, "can_invite_users", "can_invite_users")
    if group.member(who).present:
        raise PageError(409, f"{named(world, who)} is in {group.title!r} already")
    if who == world.bot.id and group.member(who).status == "kicked":  # removed once; people add it anew
        change(world, group, Member(who, "left"), actor.id)
    join(world, group, who, actor.id)


def remove_member(world: World, group: Group, actor: User, who: int) -> None:
    """An administrator removes somebody, who may come back."""
    entitled(world, group, actor, "can_restrict_members")
    _target(world, group, actor, who)
    # The bot's own place in a group that it was removed from is "kicked": it cannot come back by itself.
    leave(world, group, who, actor.id, banned=who == world.bot.id)


def ban_member(world: World, group: Group, actor: User, who: int, *, until: int = 0) -> None:
    """An administrator removes somebody until a Unix time (0: for ever); they may not come back before."""
    entitled(world, group, actor, "can_restrict_members")
    _target(world, group, actor, who, present=False)
    leave(world, group, who, actor.id, banned=True, until=until)


def unban_member(world: World, group: Group, actor: User, who: int) -> None:
    """An administrator lets a banned person come back, who is not in the chat by that."""
    entitled(world, group, actor, "can_restrict_members")
    if group.member(who).status != "kicked":
        raise PageError(409, f"{named(world, who)} is not banned from {group.title!r}")
    change(world, group, Member(who, "left"), actor.id)


def restrict_member(
    world: World, group: Group, actor: User, who: int, permissions: Iterable[str] = (), *, until: int = 0
) -> None:
    """An administrator leaves somebody these permissions only, until a Unix time (0: for ever)."""
    entitled(world, group, actor, "can_restrict_members")
    _no_basic_group(group, "restrictions of one person")
    if group.type == "channel":
        raise PageError(409, f"{group.title!r} is a channel: its subscribers have no permissions to take away")
    _target(world, group, actor, who)
    restrict(world, group, who, actor.id, _known(permissions, permissions_of_members(), "permission"), until=until)


def promote_member(
    world: World, group: Group, actor: User, who: int, *, rights: Iterable[str] | None = None,
    anonymous: bool = False, title: str = "",
) -> None:  # fmt: skip
    """Make a person or the bot an administrator, with all rights unless told; `title` is what members see."""
    entitled(world, group, actor, "can_promote_members")
    _target(world, group, actor, who, present=who != world.bot.id)
    known = rights_of_administrators(group.type)
    given = known if rights is None else _known(rights, known, "right of an administrator")
    if len(title) > _LONGEST_ROLE:
        raise PageError(400, f"a title of an administrator has at most {_LONGEST_ROLE} characters", "title")
    promote(
        world, group, who, actor.id, rights=frozenset(given) or frozenset({"can_manage_chat"}), anonymous=anonymous
    )
    if title:
        group.put(replace(group.member(who), title=title))
        world.changed(group)


def demote_member(world: World, group: Group, actor: User, who: int) -> None:
    """Make an administrator a member again."""
    entitled(world, group, actor, "can_promote_members")
    if not _target(world, group, actor, who).administers:
        raise PageError(
            409, f"{named(world, who)} does not administer {group.title!r}; there is nothing to take away"
        )
    promote(world, group, who, actor.id, rights=frozenset())


def set_anonymous(world: World, group: Group, actor: User, who: int, *, anonymous: bool = True) -> None:
    """An administrator, or the owner, writes as the group from now on, or under their own name again."""
    check_alive(group)
    if actor.id != who:
        entitled(world, group, actor, "can_promote_members")
    member = group.member(who)
    if not member.administers:
        raise PageError(409, f"{named(world, who)} does not administer {group.title!r}; promote them first")
    if group.type != "supergroup":
        raise PageError(409, f"nobody is anonymous in a {group.type}; {group.title!r} would have to be a supergroup")
    change(world, group, replace(member, anonymous=anonymous), actor.id)


def leave_chat(world: World, group: Group, user: User) -> None:
    """A person leaves; an owner gives the chat to somebody else before."""
    member = group.member(user.id)
    if not member.present:
        raise PageError(409, f"{user.first_name} is not in {group.title!r}")
    if member.status == "creator":
        raise PageError(409, f"{user.first_name} owns {group.title!r}; give it to another member before leaving")
    leave(world, group, user.id)


def give_away(world: World, group: Group, owner: User, heir: User) -> None:
    """The owner makes another member the owner, and is an administrator with all rights from then on."""
    check_alive(group)
    if group.member(owner.id).status != "creator":
        raise PageError(409, f"{owner.first_name} does not own {group.title!r}; only its owner gives it away")
    if owner.id == heir.id or not group.member(heir.id).present:
        raise PageError(409, f"{heir.first_name} must be another member of {group.title!r} to become its owner")
    change(world, group, Member(owner.id, "administrator", rights_of_administrators(group.type)), owner.id)
    change(world, group, Member(heir.id, "creator"), owner.id)
    service(world, group, owner.id, {"chat_owner_changed": {"new_owner": heir.to_dict()}})


def _known(names: Iterable[str], known: frozenset[str], what: str) -> frozenset[str]:
    given = frozenset(names)
    if given - known:
        raise PageError(400, f"{min(given - known)!r} is no {what}; there are {', '.join(sorted(known))}")
    return given


def send_as(world: World, group: Group, user: User, channel: Group | None) -> None:
    """A person writes in a supergroup as a channel of theirs from now on, or (None) as themselves again."""
    check_alive(group)
    if channel is None:
        group.send_as.pop(user.id, None)
        return
    if group.type != "supergroup" or channel.type != "channel":
        raise PageError(409, f"{group.title!r} must be a supergroup and {channel.title!r} a channel to write as it")
    if channel.member(user.id).status != "creator":
        raise PageError(409, f"{user.first_name} does not own {channel.title!r}; only its owner writes as it")
    group.send_as[user.id] = channel.id
    world.changed(group)


# The chat itself


def rename(world: World, group: Group, actor: User, title: str) -> None:
    """Give the chat another title of 1-128 characters."""
    entitled(world, group, actor, "can_change_info", "can_change_info")
    clean = trim(title, [])[0]
    if not 0 < len(clean) <= _LONGEST_TITLE:
        raise PageError(400, f"a title has 1 to {_LONGEST_TITLE} characters", "title")
    set_title(world, group, actor.id, clean)


def set_title(world: World, group: Group, actor_id: int, title: str) -> None:
    """The new title, and the message about it."""
    if title != group.title:
        group.title = title
        world.changed(group)
        service(world, group, actor_id, {"new_chat_title": title})


def describe(world: World, group: Group, actor: User, description: str) -> None:
    """Give the chat another description of up to 255 characters; Telegram tells nobody of that."""
    entitled(world, group, actor, "can_change_info", "can_change_info")
    if len(description) > _LONGEST_DESCRIPTION:
        raise PageError(400, f"a description has at most {_LONGEST_DESCRIPTION} characters", "description")
    group.description = description.strip()
    world.changed(group)


def set_photo(world: World, group: Group, actor: User, upload: Upload | None) -> None:
    """Give the chat another photo, or none."""
    entitled(world, group, actor, "can_change_info", "can_change_info")
    if upload is None and not group.photo:
        raise PageError(409, f"{group.title!r} has no photo")
    try:
        put_photo(world, group, actor.id, upload)
    except ApiError as error:
        raise PageError(400, f"the photo of {group.title!r}: {error.description}", "photo") from None


def put_photo(world: World, group: Group, actor_id: int, upload: Upload | None) -> None:
    """The new photo, or none, and the message about it; ApiError when it is no picture."""
    content: dict[str, Any] = {"delete_chat_photo": True}
    file = None if upload is None else world.files.add("photo", upload)
    if file is not None:
        content = {"new_chat_photo": photo_sizes(file)}
    group.photo = "" if file is None else file.unique()
    world.changed(group)
    service(world, group, actor_id, content)


def set_permissions(world: World, group: Group, actor: User, permissions: Iterable[str]) -> None:
    """What all members may do from now on."""
    entitled(world, group, actor, "can_restrict_members")
    if group.type == "channel":
        raise PageError(409, f"{group.title!r} is a channel: only administrators write there")
    group.permissions = _known(permissions, permissions_of_members(), "permission")
    world.changed(group)


def set_slow_mode(world: World, group: Group, actor: User, seconds: int) -> None:
    """Seconds between two messages of a member, 0 for none."""
    entitled(world, group, actor, "can_restrict_members")
    _no_basic_group(group, "slow mode")
    if group.type == "channel" or seconds not in _SLOW_MODES:
        raise PageError(400, f"slow mode of a supergroup is one of {', '.join(map(str, _SLOW_MODES))} seconds")
    group.slow_mode = seconds
    world.changed(group)


def set_privacy(world: World, *, privacy: bool) -> None:
    """Privacy mode of the bot, as @BotFather sets it; here it holds at once, without adding the bot anew."""
    world.bot.privacy = privacy
    world.emit("bot")
