"""A basic group becomes a supergroup: new id, same people, and the old chat is closed."""

from __future__ import annotations

from dataclasses import replace

from .errors import PageError
from .groups import Group, Member
from .membership import add_group, change, check_alive, service
from .records import User
from .state import World


def upgrade(world: World, group: Group, owner: User) -> Group:
    """Turn a basic group into a supergroup, as its owner does; the new one. Raises PageError.

    The bot learns of it by my_chat_member of the new chat, migrate_to_chat_id in the old one and
    migrate_from_chat_id in the new one; nothing says that it has left the old one.
    """
    check_alive(group)
    if group.type != "group":
        raise PageError(409, f"{group.title!r} is a {group.type}; only a basic group becomes a supergroup")
    if group.member(owner.id).status != "creator":
        raise PageError(409, f"{owner.first_name} does not own {group.title!r}; only its owner can upgrade it")
    new = add_group(world, group.title, owner)
    new.description, new.photo, new.permissions = group.description, group.photo, group.permissions
    _move_members(world, group, new, owner)
    service(world, group, owner.id, {"migrate_to_chat_id": new.id})
    group.migrated_to = new.id
    world.changed(group)
    service(world, new, owner.id, {"migrate_from_chat_id": group.id}, sender_chat=new.id)
    return new


def _move_members(world: World, old: Group, new: Group, owner: User) -> None:
    for member in old.present():
        if member.user_id not in (owner.id, world.bot.id):
            new.put(replace(member))
    new.put(replace(old.member(owner.id)))
    own = old.member(world.bot.id)
    if own.present:
        change(world, new, Member(world.bot.id, own.status, own.rights, own.title), owner.id)
