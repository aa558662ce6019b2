"""sendMessage, sendMessageDraft, sendChatAction, deleteMessage, deleteMessages."""

from __future__ import annotations

import re
from typing import Any

from astral_playground.telegram.entities import utf16_length
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.groups import Group, Room
from astral_playground.telegram.keyboards import parse_markup
from astral_playground.telegram.params import Params
from astral_playground.telegram.permits import permit
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World
from astral_playground.telegram.texts import MAX_TEXT, parse_text, text_fields

from .common import flags, place, previewed, replying, target, text_content
from .registry import method

DELETE_WITHIN = 48 * 3600  # s
_DICE_STAYS = 24 * 3600  # s in a private chat
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
    return world.message_json(post(world, params, content))


def post(world: World, params: Params, content: dict[str, Any], **facts: Any) -> Message:
    """Post `content` with the call's keyboard and reply; `facts` as in Message."""
    room = target(world, params)
    where = {**place(world, params, room), **replying(world, params, room)}
    markup = parse_markup(params)
    permit(world, room, content)
    if facts:
        where["facts"] = {**where.get("facts", {}), **facts}
    return world.post(room, "bot", {**content, **flags(params)}, markup=markup, **where)


@method("sendMessage")
def send_message(world: World, params: Params) -> dict[str, Any]:
    """A text message."""
    target(world, params)
    return send(world, params, previewed(params, text_content(world, params)))


@method("sendChatAction")
def send_chat_action(world: World, params: Params) -> bool:
    """Show that the bot is typing."""
    action = params.text("action").lower()
    if action not in ACTIONS:
        raise bad_request("Wrong parameter action in request")
    user = target(world, params)
    world.emit("typing", user_id=user.id, action=action)
    return True


@method("sendMessageDraft")
def send_message_draft(world: World, params: Params) -> bool:
    """Show a text that is still being written; nothing is kept of it."""
    room = target(world, params)
    if not params.integer("draft_id", low=-(1 << 62), high=1 << 62):
        raise bad_request("RANDOM_ID_INVALID")
    text, entities = parse_text(*(params.text(name) for name in ("text", "parse_mode", "entities")))
    if utf16_length(text) > MAX_TEXT:
        raise bad_request("Message is too long")
    shown = text_fields(text, entities, world.known_users())
    world.emit("draft", user_id=room.id, draft_id=params.text("draft_id"), **shown)
    return True


@method("deleteMessage")
def delete_message(world: World, params: Params) -> bool:
    """Delete one message."""
    if not params.has("chat_id"):
        raise bad_request("Chat identifier is not specified")
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("Message identifier is not specified")
    room = world.chat_for_bot(params.text("chat_id"), write=not _is_channel(world, params))
    message = world.find(room.id, message_id)
    if message is None:
        raise bad_request("Message to delete not found")
    _check_deletable(world, room, message)
    world.delete([message])
    return True


@method("deleteMessages")
def delete_messages(world: World, params: Params) -> bool:
    """Delete up to 100 messages of a chat; those that are not there are passed over."""
    ids = message_ids(params)
    room = world.chat_for_bot(params.text("chat_id"), write=not _is_channel(world, params))
    found = [message for one in dict.fromkeys(ids) if (message := world.find(room.id, one)) is not None]
    for message in found:
        _check_deletable(world, room, message)
    world.delete(found)
    return True


def message_ids(params: Params, most: int = MAX_DELETE) -> list[int]:
    """The numbers of parameter message_ids."""
    ids = params.json("message_ids", "message_ids")
    if ids is None:
        raise bad_request("Message identifiers are not specified")
    if not isinstance(ids, list):
        raise bad_request("Expected an Array of message identifiers")
    if len(ids) > most:
        raise bad_request("Too many message identifiers specified")
    found: list[int] = []
    for one in ids:
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise bad_request("Message identifier must be a Number")
        if isinstance(one, str) and not re.fullmatch(r"-?[0-9]{1,10}", one):
            raise bad_request("Can't parse message identifier as a Number")
        if int(one) <= 0:
            raise bad_request("Invalid message identifier specified")
        found.append(int(one))
    if not found:
        raise bad_request("Message identifiers are not specified")
    return found


def _is_channel(world: World, params: Params) -> bool:
    """In a channel a bot may delete without the right to post."""
    room = world.chat_for_bot(params.text("chat_id"), write=False)
    return isinstance(room, Group) and room.type == "channel"


def _check_deletable(world: World, room: Room, message: Message) -> None:
    """TDLib's can_delete_message and can_revoke_message."""
    age = world.now - message.date
    own = message.sender == "bot"
    if not isinstance(room, Group):
        dice = "dice" in message.content and age < _DICE_STAYS
        if dice or age >= DELETE_WITHIN:
            raise bad_request("Message can't be deleted for everyone")
        return
    member = room.member(world.bot.id)
    if room.type == "group":
        if not (own or member.administers) or age >= DELETE_WITHIN:
            raise bad_request("Message can't be deleted for everyone")
        return
    if age >= DELETE_WITHIN or "forum_topic_created" in message.content:
        raise bad_request("Message can't be deleted")
    posts = room.type != "channel" or member.may("can_post_messages")
    if not member.may("can_delete_messages") and not (own and posts):
        raise bad_request("Message can't be deleted")
