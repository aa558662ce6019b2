"""The Bot API's objects of files: PhotoSize, Document, Video, Animation, Audio, Voice, VideoNote, Sticker."""

from __future__ import annotations

from typing import Any

from .files import BOXES, StoredFile

MEDIA = ("photo", "video", "animation", "audio", "document", "voice", "video_note", "sticker", "live_photo")
CAPTIONED = frozenset({"photo", "video", "animation", "audio", "document", "voice", "paid_media", "live_photo"})
_SIDED = ("video", "animation", "sticker", "live_photo")
_TIMED = ("video", "animation", "audio", "voice", "video_note", "live_photo")
_NAMED = ("video", "animation", "audio", "document")


def photo_sizes(file: StoredFile) -> list[dict[str, Any]]:
    """PhotoSize objects, smallest first, with real proportions."""
    sizes: list[dict[str, Any]] = []
    longest = max(file.width, file.height, 1)
    for number, box in enumerate(BOXES):
        scale = min(1.0, box / longest)
        sizes.append(
            {
                "file_id": file.identifier(number),
                "file_unique_id": file.unique(number),
                "width": max(1, round(file.width * scale)),
                "height": max(1, round(file.height * scale)),
                "file_size": len(file.data),
            }
        )
        if scale >= 1.0:
            break
    return sizes


def media_object(file: StoredFile) -> Any:
    """The Bot API's object of a file; a list of PhotoSize for a photo."""
    if file.kind == "photo":
        return photo_sizes(file)
    found: dict[str, Any] = {}
    if file.kind in _NAMED and file.file_name:
        found["file_name"] = file.file_name
    if file.kind != "video_note" and file.kind != "sticker":
        found["mime_type"] = file.mime_type
    if file.kind in _SIDED:
        found |= {"width": file.width, "height": file.height}
    if file.kind in _TIMED:
        found["duration"] = file.duration
    if file.kind == "video_note":
        found["length"] = file.width
    if file.kind == "sticker":
        found |= {
            "type": "regular",
            "is_animated": file.mime_type == "application/x-tgsticker",
            "is_video": file.mime_type == "video/webm",
        }
    own = {"file_id": file.identifier(), "file_unique_id": file.unique(), "file_size": len(file.data)}
    return {**found, **file.facts, **own}


def media_fields(file: StoredFile, still: StoredFile | None = None) -> dict[str, Any]:
    """The fields of Message that show a file; `still` is the picture of a live photo."""
    found = {file.kind: media_object(file)}
    if file.kind == "animation":
        found["document"] = document_object(file)  # for bots older than animations
    if file.kind == "live_photo" and still is not None:
        found["live_photo"]["photo"] = photo_sizes(still)
        found["photo"] = photo_sizes(still)
    return found


def document_object(file: StoredFile) -> dict[str, Any]:
    """The Bot API's Document."""
    return {
        "file_name": file.file_name,
        "mime_type": file.mime_type,
        "file_id": file.identifier(),
        "file_unique_id": file.unique(),
        "file_size": len(file.data),
    }
