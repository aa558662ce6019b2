"""Message entities: UTF-16 arithmetic, automatic detection, checks, and spans for the page.

Offsets and lengths are in UTF-16 code units, as in https://core.telegram.org/bots/api#messageentity .
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any

from .errors import bad_request

MAX_ENTITIES = 100
DETECTED = ("mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number")
FORMATTING = (
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
)
_ORDER = {name: place for place, name in enumerate(("blockquote", "expandable_blockquote", *DETECTED, *FORMATTING))}
# Inside these Telegram looks for no links, commands or hashtags.
_OPAQUE = frozenset({"code", "pre", "text_link", "text_mention", "custom_emoji"})
_USER_LINK = re.compile(r"tg:(?://)?user\?(?:[^#]*&)?id=(\d{1,18})(?:[&#]|$)")
_URL = re.compile(r"^(?:(?:https?|ftp|tg|ton|tonsite)://|tg:|mailto:|tel:)\S+$", re.IGNORECASE)
_HOST = re.compile(r"^[^\s/?#:.][^\s/?#:]*\.[^\s/?#:]+(?::\d{1,5})?(?:[/?#]\S*)?$")
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("url", re.compile(r"(?:https?|ftp)://[^\s<>\"«»]+[^\s<>\"«»'.,:;!?)\]}…]", re.IGNORECASE)),
    ("email", re.compile(r"(?<![\w.+-])[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?![\w@])")),
    ("bot_command", re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>@])")),
    ("mention", re.compile(r"(?<!\w)@[A-Za-z0-9_]{3,32}(?!\w)")),
    ("hashtag", re.compile(r"(?<!\w)#(?=\w*[^\W\d])\w{1,255}(?!\w)")),
    ("cashtag", re.compile(r"(?<!\w)\$[A-Z]{1,8}(?!\w)")),
)


@dataclass(slots=True, frozen=True)
class Entity:
    """One entity; `extra` holds url, language, user or custom_emoji_id."""

    type: str
    offset: int
    length: int
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The offset after the last unit."""
        return self.offset + self.length

    def to_dict(self) -> dict[str, Any]:
        """The Bot API's MessageEntity."""
        return {"type": self.type, "offset": self.offset, "length": self.length, **self.extra}


def utf16_length(text: str) -> int:
    """Length of `text` in UTF-16 code units."""
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def link_entity(offset: int, length: int, url: str) -> Entity | None:
    """The entity of a link: a mention for tg://user?id=..., a text link for a good address, None for a bad one."""
    user = _USER_LINK.match(url)
    if user is not None:
        return Entity("text_mention", offset, length, {"user_id": int(user[1])})
    checked = checked_link(url)
    return None if checked is None else Entity("text_link", offset, length, {"url": checked})


def checked_link(url: str) -> str | None:
    """The address in Telegram's form (a scheme is added, a bare host gets its slash), None when it is no address."""
    url = url.strip()
    if not _URL.match(url):
        if "://" in url or not _HOST.match(url):
            return None
        url = f"http://{url}"
    scheme, separator, rest = url.partition("://")
    if scheme.lower() in {"http", "https"}:
        host = re.split(r"[/?#]", rest, maxsplit=1)[0]
        name = host.rsplit("@", 1)[-1]
        if not _HOST.match(name) and not name.startswith("["):
            return None
        if host == rest:
            url += "/"
    return url if separator or ":" in url else None


def sort_entities(entities: list[Entity]) -> list[Entity]:
    """By offset, longer first, then by kind: outer entities come before the ones that they hold."""
    return sorted(entities, key=lambda e: (e.offset, -e.length, _ORDER.get(e.type, len(_ORDER))))


def detect(text: str, entities: list[Entity]) -> list[Entity]:
    """`entities` plus the links, commands, mentions and tags that Telegram finds by itself in `text`."""
    offsets = _utf16_offsets(text)
    taken = [(entity.offset, entity.end) for entity in entities if entity.type in _OPAQUE]
    found: list[Entity] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = offsets[match.start()], offsets[match.end()]
            if all(end <= left or start >= right for left, right in taken):
                found.append(Entity(kind, start, end - start))
                taken.append((start, end))
    return sort_entities([*entities, *found])


def trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Cut white space at both ends, as Telegram does, and move or cut the entities with it."""
    left = text.lstrip(" \t\n\r\v\f\x00")
    cut = utf16_length(text) - utf16_length(left)
    result = left.rstrip(" \t\n\r\v\f\x00")
    size = utf16_length(result)
    kept: list[Entity] = []
    for entity in entities:
        start, end = max(0, entity.offset - cut), min(size, entity.end - cut)
        if end > start:
            kept.append(Entity(entity.type, start, end - start, entity.extra))
    return result, kept


def from_json(value: object, text: str) -> list[Entity]:
    """Entities that the bot sent as JSON, checked against the text; unknown kinds are dropped as Telegram does."""
    if not isinstance(value, list):
        return []
    size = utf16_length(text)
    entities: list[Entity] = []
    for item in value:
        if not isinstance(item, dict):
            raise bad_request("Can't parse MessageEntity: expected an Object")
        entity = _entity_from_json(item)
        if entity is None:
            continue
        if entity.offset < 0 or entity.length <= 0 or entity.offset >= size:
            raise bad_request("Entity beyond the end of the message text")
        length = min(entity.length, size - entity.offset)
        entities.append(Entity(entity.type, entity.offset, length, entity.extra))
    return sort_entities(entities[:MAX_ENTITIES])


def _entity_from_json(item: dict[str, Any]) -> Entity | None:
    kind, offset, length = item.get("type"), item.get("offset"), item.get("length")
    if not isinstance(kind, str):
        raise bad_request("Can't parse MessageEntity: Type is not specified")
    for name, number in (("offset", offset), ("length", length)):
        if isinstance(number, bool) or not isinstance(number, int):
            raise bad_request(f"Can't parse MessageEntity: Can't find field \"{name}\"")
    if kind not in FORMATTING:
        return None
    place: tuple[int, int] = (item["offset"], item["length"])
    match kind:
        case "text_link":
            return link_entity(*place, str(item.get("url", "")))
        case "text_mention":
            user = item.get("user")
            user_id = user.get("id") if isinstance(user, dict) else None
            return Entity(kind, *place, {"user_id": user_id}) if isinstance(user_id, int) else None
        case "pre" if item.get("language"):
            return Entity(kind, *place, {"language": str(item["language"])})
        case "custom_emoji":
            return Entity(kind, *place, {"custom_emoji_id": str(item.get("custom_emoji_id", ""))})
        case _:
            return Entity(kind, *place)


def spans(text: str, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cut `text` where any entity begins or ends: `{text, styles, url?, language?}`, in order, for a page.

    The page then needs no arithmetic and no markup: each span's text goes to the screen as plain text.
    """
    if not text:
        return []
    offsets = _utf16_offsets(text)
    index = {unit: place for place, unit in enumerate(offsets)}
    edges = {0, offsets[-1]}
    for entity in entities:
        edges |= {edge for edge in (entity["offset"], entity["offset"] + entity["length"]) if edge in index}
    cuts = sorted(edges)
    result: list[dict[str, Any]] = []
    for start, end in itertools.pairwise(cuts):
        held = [e for e in entities if e["offset"] <= start and e["offset"] + e["length"] >= end]
        piece = text[index[start] : index[end]]
        span: dict[str, Any] = {"text": piece, "styles": [entity["type"] for entity in held]}
        for entity in held:
            if entity["type"] == "url":
                whole = text[index[entity["offset"]] : index[entity["offset"] + entity["length"]]]
                span["url"] = whole if "://" in whole else f"https://{whole}"
            span.update({key: entity[key] for key in ("url", "language") if key in entity})
        result.append(span)
    return result


def _utf16_offsets(text: str) -> list[int]:
    """UTF-16 offset of each character of `text`, and of its end."""
    offsets = [0]
    for char in text:
        offsets.append(offsets[-1] + (2 if ord(char) > 0xFFFF else 1))
    return offsets
