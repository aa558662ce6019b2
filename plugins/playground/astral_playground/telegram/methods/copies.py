"""forwardMessage, forwardMessages, copyMessage, copyMessages."""

from __future__ import annotations

from collections import Counter
from typing import Any

from astral_playground.telegram.copying import (
    after_copy,
    after_forward,
    can_copy,
    can_forward,
    copied,
    forward_facts,
    taken,
)
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.groups import Room
from astral_playground.telegram.media import CAPTIONED
from astral_playground.telegram.params import Params
from astral_playground.telegram.permits import refusal
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World

from .common import caption_content, flags, place, target
from .media import album_id
from .messages import message_ids, post
from .registry import method

_CAPTION = ("caption", "caption_entities", "show_caption_above_media")


def _source(world: World, params: Params, what: str) -> Message:
    """The one message that the call takes over."""
    room = world.chat_for_bot(params.required("from_chat_id"), write=False)
    message = world.find(room.id, params.integer("message_id"))
    if message is None:
        raise bad_request(f"{what} not found")
    return message


@method("forwardMessage")
def forward_message(world: World, params: Params) -> dict[str, Any]:
    """A message as it is, with where it comes from."""
    room = target(world, params)
    message = _source(world, params, "message to forward")
    content = taken(message)
    if not can_forward(message) or refusal(world, room, content) is not None:
        raise bad_request("The message can't be forwarded")
    sent = post(world, params, content, **forward_facts(world, message))
    after_forward(world, message, sent)
    return world.message_json(sent)


@method("copyMessage")
def copy_message(world: World, params: Params) -> dict[str, Any]:
    """A message again, as the bot's own; perhaps with another caption."""
    room = target(world, params)
    message = _source(world, params, "message to copy")
    if not can_copy(world, message) or refusal(world, room, taken(message)) is not None:
        raise bad_request("The message can't be copied")
    content = taken(message)
    if params.has("caption") and CAPTIONED & content.keys():
        content = {name: value for name, value in content.items() if name not in _CAPTION}
        content |= caption_content(world, params)
    if "poll" in content:
        content = copied(world, message)
    sent = post(world, params, content)
    after_copy(world, sent)
    return {"message_id": sent.message_id}


def _several(world: World, params: Params) -> tuple[Room, list[Message]]:
    """The chat to write to, and the messages that are there, in the order of their numbers."""
    room = target(world, params)
    source = world.chat_for_bot(params.required("from_chat_id"), write=False)
    ids = message_ids(params)
    found = [message for one in ids if (message := world.find(source.id, one)) is not None]
    if not found:
        raise bad_request("There are no messages to forward")
    numbers = [message.message_id for message in found]
    if numbers != sorted(set(numbers)):
        raise bad_request("Message identifiers must be in a strictly increasing order")
    return room, found


def _albums(world: World, messages: list[Message]) -> dict[str, dict[str, str]]:
    """Albums stay together under new ids, by the old ones; a piece that goes alone is in none."""
    counts = Counter(message.content.get("media_group_id") for message in messages)
    return {old: {"media_group_id": album_id(world)} for old, count in counts.items() if old and count > 1}


@method("forwardMessages")
def forward_messages(world: World, params: Params) -> list[dict[str, Any]]:
    """Several messages; those that are not there or cannot be forwarded are passed over."""
    room, found = _several(world, params)
    where, albums = place(world, params, room), _albums(world, found)
    sent: list[dict[str, Any]] = []
    for source in found:
        content = taken(source)
        if not can_forward(source) or refusal(world, room, content) is not None:
            continue
        content |= {**albums.get(source.content.get("media_group_id", ""), {}), **flags(params)}
        message = world.post(room, "bot", content, facts=forward_facts(world, source), **where)
        after_forward(world, source, message)
        sent.append({"message_id": message.message_id})
    return _some(sent)


@method("copyMessages")
def copy_messages(world: World, params: Params) -> list[dict[str, Any]]:
    """Several messages as the bot's own; those that are not there or cannot be copied are passed over."""
    room, found = _several(world, params)
    where, albums = place(world, params, room), _albums(world, found)
    sent: list[dict[str, Any]] = []
    dropped = _CAPTION if params.flag("remove_caption") else ()
    for source in found:
        if not can_copy(world, source) or refusal(world, room, taken(source)) is not None:
            continue
        content = {name: value for name, value in copied(world, source).items() if name not in dropped}
        message = world.post(
            room,
            "bot",
            {**content, **albums.get(source.content.get("media_group_id", ""), {}), **flags(params)},
            **where,
        )
        after_copy(world, message)
        sent.append({"message_id": message.message_id})
    return _some(sent)


def _some(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not sent:
        raise bad_request("Messages can't be forwarded")
    return sent
