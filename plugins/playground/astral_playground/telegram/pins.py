"""Pinned messages of private chats, groups, topics and channels."""

from __future__ import annotations

from .administration import entitled
from .errors import PageError
from .groups import Group, Room
from .membership import service
from .records import Message, User
from .state import World


def pinned(world: World, room: Room) -> list[Message]:
    """All pinned messages that are still there, newest first."""
    found = [message for number in set(room.pinned) if (message := world.find(room.id, number)) is not None]
    return sorted(found, key=lambda message: message.message_id, reverse=True)


def pin(world: World, room: Room, message: Message, actor_id: int) -> bool:
    """Pin a message and tell of it; False when it is pinned already."""
    if message.message_id in room.pinned:
        return False
    room.pinned.append(message.message_id)
    world.changed(room)
    content = {"pinned_message": world.message_json(message, nested=True)}
    service(world, room, actor_id, content, thread=message.thread)
    return True


def unpin(world: World, room: Room, messages: list[Message]) -> None:
    """Take messages from the pinned ones; Telegram tells nobody of that."""
    gone = {message.message_id for message in messages}
    room.pinned[:] = [number for number in room.pinned if number not in gone]
    world.changed(room)


def pin_by(world: World, room: Room, actor: User, message: Message) -> None:
    """A person pins a message. Raises PageError."""
    _check(world, room, actor)
    if message.sender == "service":
        raise PageError(409, f"message {message.message_id} only tells of something; such a one cannot be pinned")
    if not pin(world, room, message, actor.id):
        raise PageError(409, f"message {message.message_id} is pinned already")


def unpin_by(world: World, room: Room, actor: User, message: Message) -> None:
    """A person unpins a message. Raises PageError."""
    _check(world, room, actor)
    if message.message_id not in room.pinned:
        raise PageError(409, f"message {message.message_id} is not pinned")
    unpin(world, room, [message])


def _check(world: World, room: Room, actor: User) -> None:
    if isinstance(room, Group):
        channel = room.type == "channel"
        entitled(
            world, room, actor, "can_edit_messages" if channel else "can_pin_messages",
            "" if channel else "can_pin_messages",
        )  # fmt: skip
