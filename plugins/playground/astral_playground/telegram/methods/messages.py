"""sendMessage, sendLocation, sendContact, sendChatAction, deleteMessage, deleteMessages."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.keyboards import parse_markup
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World

from .common import coordinate, flags, place, reply_target, target, text_content
from .registry import method

DELETE_WITHIN = 48 * 3600  # s
MAX_DELETE = 100
ACTIONS = frozenset(
    {
        "cancel",
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def send(world: World, params: Params, content: dict[str, Any]) -> dict[str, Any]:
    """Post `content` with the call's keyboard and reply; the Bot API's Message."""
    room = target(world, params)
    reply_to, where = reply_target(world, params, room), place(world, params, room)
    markup = parse_markup(params)
    message = world.post(room, "bot", {**content, **flags(params)}, markup=markup, reply_to=reply_to, **where)
    return world.message_json(message)


@method("sendMessage")
def send_message(world: World, params: Params) -> dict[str, Any]:
    """A text message."""
    target(world, params)
    return send(world, params, text_content(world, params))


@method("sendLocation")
def send_location(world: World, params: Params) -> dict[str, Any]:
    """A point on the map."""
    target(world, params)
    point = {"latitude": coordinate(params, "latitude", 90), "longitude": coordinate(params, "longitude", 180)}
    return send(world, params, {"location": point})


@method("sendContact")
def send_contact(world: World, params: Params) -> dict[str, Any]:
    """A phone contact."""
    target(world, params)
    contact = {"phone_number": params.required("phone_number"), "first_name": params.required("first_name")}
    if params.has("last_name"):
        contact["last_name"] = params.text("last_name")
    return send(world, params, {"contact": contact})


@method("sendChatAction")
def send_chat_action(world: World, params: Params) -> bool:
    """Show that the bot is typing."""
    action = params.text("action").lower()
    if action not in ACTIONS:
        raise bad_request("Wrong parameter action in request")
    user = target(world, params)
    world.emit("typing", user_id=user.id, action=action)
    return True


@method("deleteMessage")
def delete_message(world: World, params: Params) -> bool:
    """Delete one message."""
    if not params.has("chat_id"):
        raise bad_request("Chat identifier is not specified")
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("Message identifier is not specified")
    user = world.chat_for_bot(params.text("chat_id"))
    message = world.find(user.id, message_id)
    if message is None:
        raise bad_request("Message to delete not found")
    _check_age(world, message)
    world.delete([message])
    return True


@method("deleteMessages")
def delete_messages(world: World, params: Params) -> bool:
    """Delete up to 100 messages of a chat; those that are not there are passed over."""
    ids = params.json("message_ids", "message_ids")
    if ids is None:
        raise bad_request("Message identifiers are not specified")
    if not isinstance(ids, list):
        raise bad_request("Expected an Array of message identifiers")
    if len(ids) > MAX_DELETE:
        raise bad_request("Too many message identifiers specified")
    if any(isinstance(one, bool) or not isinstance(one, int) for one in ids):
        raise bad_request("Message identifier must be a Number")
    if not ids:
        raise bad_request("Message identifiers are not specified")
    user = world.chat_for_bot(params.text("chat_id"))
    found = [message for one in dict.fromkeys(ids) if (message := world.find(user.id, one)) is not None]
    for message in found:
        _check_age(world, message)
    world.delete(found)
    return True


def _check_age(world: World, message: Message) -> None:
    if world.now - message.date >= DELETE_WITHIN:
        raise bad_request("Message can't be deleted for everyone")
