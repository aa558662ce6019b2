"""sendPhoto, sendDocument, sendMediaGroup, getFile."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram.errors import ApiError, bad_request
from astral_playground.telegram.files import MAX_DOWNLOAD, document_object, photo_sizes
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World
from astral_playground.telegram.texts import caption_fields, message_caption

from .common import caption_content, flags, media_flags, place, reply_target, target
from .messages import send
from .registry import method

_MIN_ALBUM, _MAX_ALBUM = 2, 10


@method("sendPhoto")
def send_photo(world: World, params: Params) -> dict[str, Any]:
    """A picture: an upload or a file_id."""
    target(world, params)
    caption = caption_content(world, params)
    file = world.files.from_params(params, "photo", "photo")
    return send(world, params, {"photo": photo_sizes(file), **caption, **media_flags(params)})


@method("sendDocument")
def send_document(world: World, params: Params) -> dict[str, Any]:
    """A file: an upload or a file_id."""
    target(world, params)
    caption = caption_content(world, params)
    file = world.files.from_params(params, "document", "document")
    return send(world, params, {"document": document_object(file), **caption})


def media_content(world: World, params: Params, item: object) -> dict[str, Any]:
    """The message content of one InputMediaPhoto or InputMediaDocument."""
    if not isinstance(item, dict):
        raise bad_request("Can't parse InputMedia: expected an Object")
    kind = str(item.get("type", "")).lower()
    if kind not in {"photo", "document"}:
        raise bad_request(f'Can\'t parse InputMedia: type "{kind}" is unsupported by the playground')
    media = item.get("media")
    if not isinstance(media, str) or not media:
        raise bad_request("Can't parse InputMedia: media not found")
    inner = Params()
    inner.add_json({key: item.get(key) for key in ("caption", "parse_mode", "caption_entities")})
    text, entities = message_caption(*(inner.text(key) for key in ("caption", "parse_mode", "caption_entities")))
    content = caption_fields(text, entities, world.known_users())
    if content and item.get("show_caption_above_media") is True:
        content["show_caption_above_media"] = True
    file = world.files.resolve(params, media, kind)
    if kind == "document":
        return {"document": document_object(file), **content}
    spoiler = {"has_media_spoiler": True} if item.get("has_spoiler") is True else {}
    return {"photo": photo_sizes(file), **content, **spoiler}


@method("sendMediaGroup")
def send_media_group(world: World, params: Params) -> list[dict[str, Any]]:
    """An album of 2-10 photos, or of 2-10 documents."""
    room = target(world, params)
    items = params.json("media", "media")
    if not isinstance(items, list):
        raise bad_request("Expected an Array of InputMedia")
    if not items:
        raise bad_request("There are no messages to send")
    if len(items) > _MAX_ALBUM:
        raise bad_request("Too many messages to send as an album")
    if len(items) < _MIN_ALBUM:
        raise bad_request("Too few messages to send as an album")
    reply_to, where = reply_target(world, params, room), place(world, params, room)
    contents = [media_content(world, params, item) for item in items]
    if len({"photo" in content for content in contents}) > 1:
        raise bad_request("Document can't be mixed with other media types")
    group = f"{13_000_000_000_000_000 + world.call_id()}"
    sent = []
    for content in contents:
        whole = {"media_group_id": group, **content, **flags(params)}
        sent.append(world.message_json(world.post(room, "bot", whole, reply_to=reply_to, **where)))
    return sent


@method("getFile")
def get_file(world: World, params: Params) -> dict[str, Any]:
    """Where a file can be downloaded, up to 20 MB."""
    file_id = params.text("file_id")
    if not file_id:
        raise bad_request("File_id not specified")
    file = world.files.by_id(file_id)
    if file is None:
        raise bad_request("Invalid file_id")
    if len(file.data) > MAX_DOWNLOAD:
        raise ApiError(400, "Bad Request: file is too big")
    return {
        "file_id": file_id,
        "file_unique_id": file.unique(),
        "file_size": len(file.data),
        "file_path": file.path,
    }
