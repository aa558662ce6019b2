"""editMessageText, editMessageCaption, editMessageMedia, editMessageReplyMarkup."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.keyboards import parse_inline
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World

from .common import caption_content, editable, text_content
from .media import media_content
from .registry import method

_CAPTION_FIELDS = frozenset({"caption", "caption_entities", "show_caption_above_media"})


def _apply(world: World, params: Params, message: Message, content: dict[str, Any]) -> dict[str, Any]:
    markup = parse_inline(params, invoice=message.invoice is not None)
    if markup is not None and not markup["inline_keyboard"]:
        markup = None
    kept = {"has_protected_content": True} if message.content.get("has_protected_content") else {}
    group = message.content.get("media_group_id")
    if group is not None:
        kept["media_group_id"] = group
    world.edit(message, {**content, **kept}, markup)
    return world.message_json(message)


@method("editMessageText")
def edit_message_text(world: World, params: Params) -> dict[str, Any]:
    """New text; an absent reply_markup takes the buttons away."""
    content = text_content(world, params)
    message = editable(world, params)
    if "text" not in message.content:
        raise bad_request("There is no text in the message to edit")
    return _apply(world, params, message, content)


@method("editMessageCaption")
def edit_message_caption(world: World, params: Params) -> dict[str, Any]:
    """New caption of a photo or document."""
    caption = caption_content(world, params)
    message = editable(world, params)
    if not {"photo", "document"} & message.content.keys():
        raise bad_request("There is no caption in the message to edit")
    rest = {name: value for name, value in message.content.items() if name not in _CAPTION_FIELDS}
    return _apply(world, params, message, {**rest, **caption})


@method("editMessageMedia")
def edit_message_media(world: World, params: Params) -> dict[str, Any]:
    """Another photo or document with its caption; also in place of a text."""
    item = params.json("media", "input media")
    if item is None:
        raise bad_request("Media is empty")
    message = editable(world, params)
    if not {"photo", "document", "text"} & message.content.keys():
        raise bad_request("Message can't be edited")
    content = media_content(world, params, item)
    if "media_group_id" in message.content and ("photo" in content) != ("photo" in message.content):
        raise bad_request("Can't use the media of the specified type in the album")
    return _apply(world, params, message, content)


@method("editMessageReplyMarkup")
def edit_message_reply_markup(world: World, params: Params) -> dict[str, Any]:
    """New buttons, or none."""
    message = editable(world, params)
    return _apply(world, params, message, message.content)
