"""What several methods share: the addressed chat, replies, texts and captions out of parameters."""

from __future__ import annotations

import re
from typing import Any

from astral_playground.telegram.errors import ApiError, bad_request
from astral_playground.telegram.groups import Group, Room
from astral_playground.telegram.origins import QUOTED, external_reply, text_quote
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message, User
from astral_playground.telegram.state import World
from astral_playground.telegram.texts import caption_fields, message_caption, message_text, parse_text, text_fields

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,12})?([eE][+-]?\d{1,2})?")


def target(world: World, params: Params) -> Room:
    """The chat that the call writes to."""
    return world.chat_for_bot(params.text("chat_id"))


def place(world: World, params: Params, room: Room) -> dict[str, Any]:
    """The fields of Message that say where in the chat, and as whom, the bot writes."""
    thread = world.thread_for_bot(room, params.integer("message_thread_id"))
    found: dict[str, Any] = {"author": world.bot.id}
    if thread is not None:
        found["thread"] = thread
    if isinstance(room, Group) and room.type == "channel":
        found["sender_chat"] = room.id
    return found


def text_content(world: World, params: Params) -> dict[str, Any]:
    """`text` and `entities` of the call, checked."""
    text, entities = message_text(params.text("text"), params.text("parse_mode"), params.text("entities"))
    return text_fields(text, entities, world.known_users())


def caption_content(world: World, params: Params) -> dict[str, Any]:
    """`caption` and its fellows of the call, checked."""
    names = ("caption", "parse_mode", "caption_entities")
    text, entities = message_caption(*(params.text(name) for name in names))
    content = caption_fields(text, entities, world.known_users())
    if content and params.flag("show_caption_above_media"):
        content["show_caption_above_media"] = True
    return content


def previewed(params: Params, content: dict[str, Any]) -> dict[str, Any]:
    """A text's content with what the call says of the preview of its link."""
    preview = params.json("link_preview_options", "link preview options")
    if preview is not None and not isinstance(preview, dict):
        raise bad_request("Object expected as link preview options")
    if params.flag("disable_web_page_preview"):
        preview = {"is_disabled": True}
    return {**content, "link_preview_options": preview} if preview else content


def replying(world: World, params: Params, room: Room) -> dict[str, Any]:
    """The fields of Message that say what the call answers: reply_to, or facts about a message elsewhere; a quote."""
    given = params.json("reply_parameters", "reply parameters")
    elsewhere = given.get("chat_id") if isinstance(given, dict) else None
    source = room if elsewhere in (None, "") else world.chat_for_bot(str(elsewhere), write=False)
    message_id = reply_target(world, params, source)
    replied = None if message_id is None else world.find(source.id, message_id)
    if replied is None:
        return {}
    thread = params.integer("message_thread_id")
    if source.id == room.id and (not thread or replied.thread in (None, thread)):
        found: dict[str, Any] = {"reply_to": replied.message_id}
        if not thread and isinstance(room, Group) and replied.thread in room.topics:
            found["thread"] = world.thread_for_bot(room, replied.thread)
    else:
        found = {"facts": {"external_reply": external_reply(world, replied)}}
    if isinstance(given, dict) and given.get("quote"):
        found["facts"] = {**found.get("facts", {}), "quote": _quote(given, replied)}
    return found


def _quote(given: dict[str, Any], replied: Message) -> dict[str, Any]:
    inner = Params()
    inner.add_json({name: given.get(name) for name in ("quote", "quote_parse_mode", "quote_entities")})
    text, entities = parse_text(*(inner.text(name) for name in ("quote", "quote_parse_mode", "quote_entities")))
    quote = text_quote(replied, text, inner_number(given.get("quote_position")))
    if quote is None:
        raise bad_request("QUOTE_TEXT_INVALID")
    kept = [entity.to_dict() for entity in entities if entity.type in QUOTED]
    return {**quote, "entities": kept} if kept else quote


def inner_number(value: object) -> int:
    """A whole number inside of a JSON object, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def reply_target(world: World, params: Params, room: Room) -> int | None:
    """The message of `room` that the call answers, by reply_parameters or the older reply_to_message_id."""
    given = params.json("reply_parameters", "reply parameters")
    if given is None:
        message_id = params.integer("reply_to_message_id")
        lenient = params.flag("allow_sending_without_reply")
    elif not isinstance(given, dict):
        raise bad_request("Object expected as reply parameters")
    elif not given:
        return None
    else:
        number = given.get("message_id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise bad_request('Can\'t find field "message_id"')
        message_id, lenient = number, given.get("allow_sending_without_reply") is True
    if not message_id:
        return None
    if world.find(room.id, message_id) is None:
        if lenient:
            return None
        raise bad_request("Message to be replied not found")
    return message_id


def flags(params: Params) -> dict[str, Any]:
    """Fields that any sent message repeats."""
    found: dict[str, Any] = {"has_protected_content": True} if params.flag("protect_content") else {}
    if params.has("message_effect_id"):
        found["effect_id"] = params.text("message_effect_id")
    if params.has("business_connection_id"):
        found["business_connection_id"] = params.text("business_connection_id")
    return found


def editable(world: World, params: Params, what: str = "message to edit") -> Message:
    """The bot's own message that the call edits, or the one that was sent through it; `what` it is in errors."""
    if params.has("inline_message_id") and not params.integer("message_id"):
        inline = world.inline.messages.get(params.text("inline_message_id"))
        if inline is None or inline.deleted:
            raise bad_request("MESSAGE_ID_INVALID")
        return inline
    room = world.chat_for_bot(params.text("chat_id"), write=False)
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("Message identifier is not specified")
    message = world.find(room.id, message_id)
    if message is None:
        raise bad_request(f"{what} not found")
    if message.sender != "bot" and not _may_edit_posts(world, room, message):
        raise bad_request("Message can't be edited")
    if isinstance(room, User) and room.blocked:
        raise ApiError(403, "Forbidden: bot was blocked by the user")
    return message


def _may_edit_posts(world: World, room: Room, message: Message) -> bool:
    """In a channel an administrator may edit what others posted."""
    posted = isinstance(room, Group) and room.type == "channel" and message.sender == "user"
    return posted and isinstance(room, Group) and room.member(world.bot.id).may("can_edit_messages")


def edited(
    world: World, message: Message, content: dict[str, Any], markup: dict[str, Any] | None
) -> dict[str, Any] | bool:
    """Give a message new content and buttons: what the call answers, True for one that was sent through the bot."""
    if markup is not None and not markup["inline_keyboard"]:
        markup = None
    world.edit(message, content, markup)
    return True if message.inline_message_id else world.message_json(message)


def coordinate(params: Params, name: str, limit: float) -> float:
    """A latitude or longitude in degrees."""
    value = params.text(name).strip()
    if not value:
        raise bad_request(f"{name.capitalize()} is empty")
    number = float(value) if _NUMBER.fullmatch(value) else 0.0
    if abs(number) > limit:
        raise bad_request("Wrong latitude/longitude specified")
    return number
