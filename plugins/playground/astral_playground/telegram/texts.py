"""From a bot's text, parse_mode and entities to what a message holds, with Telegram's limits."""

from __future__ import annotations

import json
from typing import Any

from . import html, markdown
from .entities import MAX_ENTITIES, Entity, detect, from_json, sort_entities, trim, utf16_length
from .errors import bad_request
from .scanner import MarkupError

MAX_TEXT = 4096  # UTF-16 units after entity parsing
MAX_CAPTION = 1024  # the same
_MAX_MARKUP_BYTES = 1 << 15
_PARSERS = {"html": html.parse, "markdownv2": markdown.parse}


def parse_text(text: str, parse_mode: str, entities: str) -> tuple[str, list[Entity]]:
    """Apply `parse_mode` (or the JSON `entities` when there is none), trim, detect links and commands."""
    if len(text.encode("utf-8")) > _MAX_MARKUP_BYTES:
        raise bad_request("Text is too long")
    mode = parse_mode.lower()
    if text and mode and mode != "none":
        parser = _PARSERS.get(mode)
        if parser is None:
            raise bad_request("Unsupported parse_mode")
        try:
            plain, found = parser(text)
        except MarkupError as error:
            raise bad_request(f"Can't parse entities: {error}") from None
    else:
        plain, found = text, from_json(_decode(entities), text)
    plain, found = trim(plain, found)
    return plain, sort_entities(detect(plain, found))[:MAX_ENTITIES]


def _decode(entities: str) -> object:
    if not entities:
        return None
    try:
        return json.loads(entities)
    except ValueError:
        raise bad_request("Can't parse entities JSON object") from None


def message_text(text: str, parse_mode: str = "", entities: str = "") -> tuple[str, list[Entity]]:
    """The checked text of a message: 1-4096 UTF-16 units after parsing."""
    if not text:
        raise bad_request("Message text is empty")
    plain, found = parse_text(text, parse_mode, entities)
    if not plain:
        raise bad_request("Text must be non-empty")
    if utf16_length(plain) > MAX_TEXT:
        raise bad_request("Message is too long")
    return plain, found


def message_caption(text: str, parse_mode: str = "", entities: str = "") -> tuple[str, list[Entity]]:
    """The checked caption of a message: at most 1024 UTF-16 units after parsing, possibly none."""
    plain, found = parse_text(text, parse_mode, entities)
    if utf16_length(plain) > MAX_CAPTION:
        raise bad_request("Message caption is too long")
    return plain, found


def text_fields(text: str, entities: list[Entity], users: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """`text` and `entities` of a Bot API message; `users` turn mentions into whole users."""
    return _fields("text", "entities", text, entities, users)


def caption_fields(text: str, entities: list[Entity], users: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """`caption` and `caption_entities` of a Bot API message, nothing for an empty caption."""
    return _fields("caption", "caption_entities", text, entities, users) if text else {}


def _fields(
    name: str, entities_name: str, text: str, entities: list[Entity], users: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    fields: dict[str, Any] = {name: text}
    known = [found for entity in entities if (found := _entity(entity, users)) is not None]
    if known:
        fields[entities_name] = known
    return fields


def _entity(entity: Entity, users: dict[int, dict[str, Any]]) -> dict[str, Any] | None:
    """A mention of a user whom the bot does not know loses its entity, as at Telegram."""
    if entity.type != "text_mention":
        return entity.to_dict()
    user = users.get(entity.extra["user_id"])
    if user is None:
        return None
    return {"type": entity.type, "offset": entity.offset, "length": entity.length, "user": user}
