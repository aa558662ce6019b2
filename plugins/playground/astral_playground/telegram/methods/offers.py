"""What a result of an inline query sends: content and buttons out of the Bot API's InlineQueryResult."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from astral_playground.telegram.errors import ApiError, bad_request
from astral_playground.telegram.files import StoredFile
from astral_playground.telegram.inline import Offer
from astral_playground.telegram.keyboards import checked_markup
from astral_playground.telegram.media import media_fields
from astral_playground.telegram.params import Params, Upload
from astral_playground.telegram.state import World

from .common import caption_content, text_content
from .places import contact_content, location_content, venue_content
from .rich import rich_content

# The Bot API's type of a result, and the kind of its file.
_FILES = {
    "audio": "audio", "document": "document", "gif": "animation", "mpeg4_gif": "animation", "photo": "photo",
    "sticker": "sticker", "video": "video", "voice": "voice",
}  # fmt: skip
_TITLED = frozenset({"article", "document", "video", "voice", "location", "venue"})


def _broken(message: str) -> ApiError:
    return bad_request(f"Can't parse inline query result: {message}")


def _required(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if value is None:
        raise _broken(f'Can\'t find field "{name}"')
    if not isinstance(value, str):
        raise _broken(f'Field "{name}" must be of type String')
    return value


def offer_of(world: World, item: object) -> Offer:
    """What an InlineQueryResult sends; ApiError in Telegram's words where it cannot be one."""
    if not isinstance(item, dict):
        raise _broken("Inline query result must be an object")
    kind = _required(item, "type").lower()
    _required(item, "id")
    if kind not in {*_FILES, "article", "contact", "game", "location", "venue"}:
        raise _broken(f'type "{kind}" is unsupported for the inline query result')
    if kind in _TITLED and f"{kind}_file_id" not in item:
        _required(item, "title")
    given = item.get("input_message_content")
    if given is not None:
        content = _input_content(world, given)
    elif kind == "article":
        raise _broken('Can\'t find field "message_text"')
    else:
        content = _own_content(world, kind, item)
    return Offer(content, _markup(item))


def _markup(item: dict[str, Any]) -> dict[str, Any] | None:
    given = item.get("reply_markup")
    if given is None:
        return None
    markup = checked_markup(given)
    if markup is None or "inline_keyboard" not in markup:
        raise bad_request("Inline keyboard expected")
    return markup if markup["inline_keyboard"] else None


def _inner(item: dict[str, Any]) -> Params:
    inner = Params()
    inner.add_json(item)
    return inner


def _input_content(world: World, given: object) -> dict[str, Any]:
    """The content of an InputMessageContent, which tells its kind by its members."""
    if not isinstance(given, dict):
        raise _broken('Field "input_message_content" must be of type Object')
    inner = _inner(given)
    ways: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("message_text", lambda: text_content(world, _inner({**given, "text": given.get("message_text")}))),
        ("rich_message", lambda: rich_content(world, inner)),
        ("address", lambda: venue_content(inner)),
        ("latitude", lambda: location_content(inner)),
        ("phone_number", lambda: contact_content(inner)),
        ("payload", lambda: _invoice(inner)),
    )
    for name, way in ways:
        if name in given:
            return way()
    raise _broken("Input message content is not specified")


def _invoice(inner: Params) -> dict[str, Any]:
    """An invoice as it is shown; the emulator takes no payment for it."""
    names = ("title", "description", "currency")
    prices = inner.json("prices", "prices")
    if not isinstance(prices, list) or not prices:
        raise bad_request("There must be at least one price")
    total = sum(price["amount"] for price in prices if isinstance(price, dict) and "amount" in price)
    shown = {name: inner.required(name) for name in names}
    return {"invoice": {**shown, "start_parameter": "", "total_amount": total}}


def _own_content(world: World, kind: str, item: dict[str, Any]) -> dict[str, Any]:
    inner = _inner(item)
    if kind == "contact":
        return contact_content(inner)
    if kind == "location":
        return location_content(inner)
    if kind == "venue":
        return venue_content(inner)
    if kind == "game":
        name = _required(item, "game_short_name")
        return {"game": {"title": name, "description": name, "photo": []}}
    file = _file(world, kind, item)
    caption = caption_content(world, inner) if kind != "sticker" else {}
    return {**media_fields(file), **caption}


def _file(world: World, kind: str, item: dict[str, Any]) -> StoredFile:
    """The file of a cached result, or a stand-in for an address: the emulator fetches nothing from the internet."""
    stem = kind.removesuffix("_gif") if kind == "mpeg4_gif" else kind
    url = item.get(f"{stem}_url")
    if not url:
        return world.files.sent_before(_required(item, f"{stem}_file_id"), _FILES[kind])
    text = str(url)
    known = world.inline.addresses.get((kind, text))
    if known is None:
        name = text.rpartition("/")[2] or kind
        upload = Upload(text.encode(), name, str(item.get("mime_type") or "application/octet-stream"))
        facts: dict[str, Any] = {
            side: value for side in ("width", "height", "duration") if (value := item.get(f"{stem}_{side}"))
        }
        known = world.files.stand_in(_FILES[kind], upload, **facts)
        world.inline.addresses[kind, text] = known
    return known
