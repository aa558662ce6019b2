"""sendPhoto and its fellows, sendMediaGroup, sendPaidMedia, getFile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from astral_playground.telegram.errors import ApiError, bad_request
from astral_playground.telegram.files import MAX_DOWNLOAD, StoredFile
from astral_playground.telegram.media import CAPTIONED, media_fields, photo_sizes
from astral_playground.telegram.params import Params
from astral_playground.telegram.permits import permit
from astral_playground.telegram.state import World

from .common import caption_content, flags, place, replying, target
from .messages import send
from .registry import method

MAX_ALBUM = 10
MAX_PAID = 10
MAX_STARS = 25_000  # of one paid media message
_MAX_SIDE, _MAX_DURATION = 10_000, 86_400
_SENT = ("photo", "video", "animation", "audio", "document", "voice", "video_note", "sticker", "live_photo")
_ALBUM = ("photo", "video", "audio", "document", "live_photo")
_SPOILERS = frozenset({"photo", "video", "animation", "live_photo"})
_ALONE = {"document": "Document", "audio": "Audio"}  # kinds that share an album with no other
_THUMBNAILED = frozenset({"video", "animation", "audio", "document", "video_note"})
_TITLED = {"audio": ("title", "performer"), "sticker": ("emoji",)}


@dataclass(slots=True, frozen=True)
class _Piece:
    """The parameters of one file: those of a call, which may upload under their own names, or those of an InputMedia.

    The latter names its uploads by attach:// only.
    """

    world: World
    params: Params
    is_call: bool

    def file(self, name: str, kind: str, **facts: Any) -> StoredFile:
        """The file of parameter `name`."""
        if self.is_call:
            return self.world.files.from_params(self.params, name, kind, **facts)
        return self.world.files.resolve(self.params, self.params.text(name), kind, **facts)

    def thumbnail(self) -> StoredFile | None:
        """The uploaded thumbnail; one that is named in any other way Telegram passes over."""
        files, value = self.params.files, self.params.text("thumbnail")
        upload = files.get(value.removeprefix("attach://")) if value else None
        if upload is None and self.is_call:
            upload = files.get("thumbnail")
        return None if upload is None else self.world.files.add("photo", upload)

    def facts(self, kind: str) -> dict[str, Any]:
        """What is said of an upload: sides, duration, title, thumbnail, cover."""
        params = self.params
        side = params.integer("length", high=_MAX_SIDE)
        found: dict[str, Any] = {
            "width": side or params.integer("width", high=_MAX_SIDE),
            "height": side or params.integer("height", high=_MAX_SIDE),
            "duration": params.integer("duration", high=_MAX_DURATION),
        }
        found |= {name: params.text(name) for name in _TITLED.get(kind, ()) if params.has(name)}
        thumbnail = self.thumbnail() if kind in _THUMBNAILED else None
        if thumbnail is not None:
            found["thumbnail"] = photo_sizes(thumbnail)[0]
        if kind == "video" and (params.has("cover") or (self.is_call and "cover" in params.files)):
            found["cover"] = photo_sizes(self.file("cover", "photo"))
        if kind == "video" and params.integer("start_timestamp"):
            found["start_timestamp"] = params.integer("start_timestamp", high=_MAX_DURATION)
        return found

    def content(self, kind: str, name: str) -> dict[str, Any]:
        """The fields of Message: the file of parameter `name`, its caption and flags."""
        caption = caption_content(self.world, self.params) if kind in CAPTIONED else {}
        if kind in {"audio", "document", "voice"}:
            caption.pop("show_caption_above_media", None)
        file = self.file(name, kind, **self.facts(kind))
        still = self.file("photo", "photo") if kind == "live_photo" else None
        if still is not None:
            file.width, file.height = still.width, still.height
        spoiler = {"has_media_spoiler": True} if kind in _SPOILERS and self.params.flag("has_spoiler") else {}
        return {**media_fields(file, still), **caption, **spoiler}


def _sender(kind: str) -> Callable[[World, Params], dict[str, Any]]:
    """The method that sends this kind of file: an upload or a file_id."""

    def run(world: World, params: Params) -> dict[str, Any]:
        target(world, params)
        return send(world, params, _Piece(world, params, is_call=True).content(kind, kind))

    return run


for _kind in _SENT:
    method("send" + "".join(part.title() for part in _kind.split("_")))(_sender(_kind))


def input_media(world: World, params: Params, item: object, *, album: bool = False) -> dict[str, Any]:
    """The message content of one InputMedia; `album`: of those that sendMediaGroup takes."""
    if not isinstance(item, dict):
        raise bad_request("Can't parse InputMedia: expected an Object")
    kind = str(item.get("type", "")).lower()
    inner = Params(files=params.files)
    inner.add_json(item)
    if not inner.text("media"):
        raise bad_request("Can't parse InputMedia: media not found")
    if kind == "animation" and album:
        raise bad_request("Can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup")
    if kind not in {*_ALBUM, "animation"}:
        raise bad_request(f'Can\'t parse InputMedia: type "{kind}" is unsupported')
    for name in ("media", "photo") if kind == "live_photo" else ("media",):
        value = inner.text(name)
        if not value or (value.startswith("attach://") and value.removeprefix("attach://") not in params.files):
            raise bad_request(f"Can't parse InputMedia: {name} not found")
    return _Piece(world, inner, is_call=False).content(kind, "media")


def check_album(contents: list[dict[str, Any]]) -> None:
    """400 unless these may stand in one album."""
    if len({bool(content.get("show_caption_above_media")) for content in contents if "caption" in content}) > 1:
        raise bad_request("Parameter show_caption_above_media must be the same for all messages")
    for kind, name in _ALONE.items():
        if len({kind in content for content in contents}) > 1:
            raise bad_request(f"{name} can't be mixed with other media types")


def album_id(world: World) -> str:
    """The next media_group_id."""
    return f"{13_000_000_000_000_000 + world.call_id()}"


@method("sendMediaGroup")
def send_media_group(world: World, params: Params) -> list[dict[str, Any]]:
    """An album of up to 10 photos and videos, or documents, or audio files; a single one is an ordinary message."""
    room = target(world, params)
    items = params.json("media", "media") if params.required("media") else None
    if not isinstance(items, list):
        raise bad_request("Expected an Array of InputMedia")
    if not items:
        raise bad_request("There are no messages to send")
    if len(items) > MAX_ALBUM:
        raise bad_request("Too many messages to send as an album")
    where = {**place(world, params, room), **replying(world, params, room)}
    contents = [input_media(world, params, item, album=True) for item in items]
    check_album(contents)
    for content in contents:
        permit(world, room, content)
    group = {"media_group_id": album_id(world)} if len(contents) > 1 else {}
    sent = [world.post(room, "bot", {**group, **content, **flags(params)}, **where) for content in contents]
    return [world.message_json(message) for message in sent]


@method("sendPaidMedia")
def send_paid_media(world: World, params: Params) -> dict[str, Any]:
    """Photos and videos for Stars; the bot sees them as bought."""
    target(world, params)
    stars = params.integer("star_count", high=10**9)
    items = params.json("media", "paid media") if params.required("media") else None
    if not isinstance(items, list):
        raise bad_request("Expected an Array of InputPaidMedia")
    if not items:
        raise bad_request("Paid media must be non-empty")
    if len(items) > MAX_PAID:
        raise bad_request("Invalid number of paid media specified")
    if not 1 <= stars <= MAX_STARS:
        raise bad_request("STARS_INVOICE_INVALID")
    pieces = [_paid_piece(world, params, item) for item in items]
    content: dict[str, Any] = {"paid_media": {"star_count": stars, "paid_media": pieces}}
    return send(world, params, {**content, **caption_content(world, params)})


def _paid_piece(world: World, params: Params, item: object) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise bad_request("Can't parse InputPaidMedia: expected an Object")
    kind = str(item.get("type", ""))
    if not item.get("media"):
        raise bad_request("Can't parse InputPaidMedia: media not found")
    if kind not in {"photo", "video", "live_photo"}:
        raise bad_request(f'Can\'t parse InputPaidMedia: type "{kind}" is unsupported')
    shown = input_media(world, params, {key: value for key, value in item.items() if key != "caption"})
    return {"type": kind, kind: shown[kind]}


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
