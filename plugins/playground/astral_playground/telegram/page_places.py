"""Reading of the places that requests of the page name: people, chats, topics, messages."""

from __future__ import annotations

import re

from aiohttp import web

from .errors import PageError
from .fields import Fields
from .groups import Group, Room
from .records import Message, User
from .state import World

LOWEST = -(1 << 53)
_NUMBER = re.compile(r"-?[0-9]{1,16}", re.ASCII)


def number(request: web.Request, name: str = "id") -> int:
    """The number in a request's path; PageError 404 when it is none."""
    value = request.match_info[name]
    if not _NUMBER.fullmatch(value):
        raise PageError(404, f"{value[:40]!r} is no id", name)
    return int(value)


def user_of(world: World, request: web.Request) -> User:
    """The person in a request's path."""
    return world.user(number(request))


def group_of(world: World, request: web.Request) -> Group:
    """The group or channel in a request's path."""
    return known_group(world, number(request), "id")


def known_group(world: World, group_id: int, field: str) -> Group:
    """The group or channel with this id; PageError 404 when there is none."""
    group = world.groups.get(group_id)
    if group is None:
        raise PageError(404, f"there is no group {group_id}", field)
    return group


def room_of(world: World, user: User, fields: Fields) -> Room:
    """The chat that `chat_id` names, the person's private one unless told."""
    chat_id = fields.integer("chat_id", low=LOWEST)
    if chat_id is None or chat_id == user.id:
        return user
    return known_group(world, chat_id, "chat_id")


def message_of(world: World, room: Room, fields: Fields) -> Message:
    """The message of `room` that `message_id` names; PageError 404 when there is none."""
    message_id = fields.integer("message_id", required=True)
    message = world.find(room.id, message_id or 0)
    if message is None:
        raise PageError(404, f"there is no message {message_id}", "message_id")
    return message
