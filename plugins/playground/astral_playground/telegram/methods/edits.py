"""editMessageText, editMessageCaption, editMessageMedia, editMessageReplyMarkup."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.keyboards import parse_inline
from astral_playground.telegram.media import CAPTIONED
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World

from .common import caption_content, editable, edited, previewed, text_content
from .media import input_media
from .registry import method
from .rich import rich_content

_KEPT = ("has_protected_content", "media_group_id", "effect_id", "business_connection_id")
_REPLACEABLE = frozenset({"photo", "video", "animation", "audio", "document", "live_photo", "text"})
_CAPTION_FIELDS = frozenset({"caption", "caption_entities", "show_caption_above_media"})


def _apply(world: World, params: Params, message: Message, content: dict[str, Any]) -> dict[str, Any] | bool:
    markup = parse_inline(params, invoice=message.invoice is not None)
    kept = {name: message.content[name] for name in _KEPT if name in message.content}
    return edited(world, message, {**content, **kept}, markup)


@method("editMessageText")
def edit_message_text(world: World, params: Params) -> dict[str, Any] | bool:
    """New text; an absent reply_markup takes the buttons away."""
    content = (
        rich_content(world, params) if params.has("rich_message") else previewed(params, text_content(world, params))
    )
    message = editable(world, params)
    if not {"text", "rich_message"} & message.content.keys():
        raise bad_request("There is no text in the message to edit")
    return _apply(world, params, message, content)


@method("editMessageCaption")
def edit_message_caption(world: World, params: Params) -> dict[str, Any] | bool:
    """New caption of a file."""
    caption = caption_content(world, params)
    message = editable(world, params)
    if not CAPTIONED & message.content.keys():
        raise bad_request("There is no caption in the message to edit")
    rest = {name: value for name, value in message.content.items() if name not in _CAPTION_FIELDS}
    return _apply(world, params, message, {**rest, **caption})


@method("editMessageMedia")
def edit_message_media(world: World, params: Params) -> dict[str, Any] | bool:
    """Another file with its caption; also in place of a text."""
    item = params.json("media", "input media")
    if item is None:
        raise bad_request("Media is empty")
    message = editable(world, params)
    if not _REPLACEABLE & message.content.keys():
        raise bad_request("Message can't be edited")
    content = input_media(world, params, item)
    if "media_group_id" in message.content:
        _check_album(message.content, content)
    return _apply(world, params, message, content)


def _check_album(old: dict[str, Any], new: dict[str, Any]) -> None:
    """A piece of an album stays of its kind, but for photos and videos, which may change places."""
    if "animation" in new:
        raise bad_request("Message content type can't be used in an album")
    for kind in ("document", "audio"):
        if (kind in old) != (kind in new):
            raise bad_request("Can't change media type in the album")


@method("editMessageReplyMarkup")
def edit_message_reply_markup(world: World, params: Params) -> dict[str, Any] | bool:
    """New buttons, or none."""
    message = editable(world, params)
    return _apply(world, params, message, message.content)
