"""pinChatMessage, unpinChatMessage, unpinAllChatMessages and those of topics."""

from __future__ import annotations

from astral_playground.telegram import pins
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.groups import GENERAL, Group, Room
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World

from .access import inside
from .registry import method
from .topics import forum_of, topic_of


def _check(world: World, room: Room) -> None:
    if isinstance(room, Group):
        right = "can_edit_messages" if room.type == "channel" else "can_pin_messages"
        if not room.member(world.bot.id).may(right):
            raise bad_request("Not enough rights to manage pinned messages in the chat")


def _named(world: World, params: Params, room: Room, what: str) -> Message:
    number = params.integer("message_id")
    if not number:
        raise bad_request("Message identifier is not specified")
    message = world.find(room.id, number)
    if message is None:
        raise bad_request(f"{what} not found")
    return message


@method("pinChatMessage")
def pin_chat_message(world: World, params: Params) -> bool:
    """Pin a message and tell of it."""
    room = inside(world, params)
    message = _named(world, params, room, "Message to pin")
    _check(world, room)
    if message.sender == "service":
        raise bad_request("Service messages can't be pinned")
    if not pins.pin(world, room, message, world.bot.id):
        raise bad_request("CHAT_NOT_MODIFIED")
    return True


@method("unpinChatMessage")
def unpin_chat_message(world: World, params: Params) -> bool:
    """Unpin a message, or the newest of the pinned ones."""
    room = inside(world, params)
    if params.integer("message_id"):
        message = _named(world, params, room, "Message to unpin")
    else:
        found = pins.pinned(world, room)
        if not found:
            raise bad_request("Message to unpin not found")
        message = found[0]
    _check(world, room)
    if message.message_id not in room.pinned:
        raise bad_request("CHAT_NOT_MODIFIED")
    pins.unpin(world, room, [message])
    return True


@method("unpinAllChatMessages")
def unpin_all_chat_messages(world: World, params: Params) -> bool:
    """Unpin all messages of a chat."""
    room = inside(world, params)
    _check(world, room)
    pins.unpin(world, room, pins.pinned(world, room))
    return True


@method("unpinAllForumTopicMessages")
def unpin_all_forum_topic_messages(world: World, params: Params) -> bool:
    """Unpin all messages of one topic."""
    group = forum_of(world, params)
    return _unpin_thread(world, group, topic_of(group, params).id)


@method("unpinAllGeneralForumTopicMessages")
def unpin_all_general_forum_topic_messages(world: World, params: Params) -> bool:
    """Unpin all messages of the General topic."""
    return _unpin_thread(world, forum_of(world, params), GENERAL)


def _unpin_thread(world: World, group: Group, topic_id: int) -> bool:
    _check(world, group)
    found = [one for one in pins.pinned(world, group) if (one.thread or GENERAL) == topic_id]
    pins.unpin(world, group, found)
    return True
