"""Files of the emulated world: identifiers, kinds, Telegram's limits."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .errors import bad_request
from .images import image_size, image_type
from .params import Params, Upload

MAX_UPLOAD = 50 * 1024 * 1024
MAX_PHOTO = 10 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024
MAX_PHOTO_SIDES = 10_000
MAX_PHOTO_RATIO = 20
_STICKER_SIDE = 512
# Boxes of Telegram's scaled copies. The emulator scales nothing: each copy has the original's bytes.
BOXES = (90, 320, 800, 1280, 2560)


@dataclass(slots=True, frozen=True)
class FileKind:
    """How Telegram names files of a kind: the head of a file_id, the folder of file_path, the name in errors."""

    prefix: str
    folder: str
    name: str
    mime_type: str = "application/octet-stream"


KINDS = {
    "photo": FileKind("AgAC", "photos", "Photo", "image/jpeg"),
    "document": FileKind("BQAC", "documents", "Document"),
    "video": FileKind("BAAC", "videos", "Video", "video/mp4"),
    "animation": FileKind("CgAC", "animations", "Animation", "video/mp4"),
    "audio": FileKind("CQAC", "music", "Audio", "audio/mpeg"),
    "voice": FileKind("AwAC", "voice", "VoiceNote", "audio/ogg"),
    "video_note": FileKind("DQAC", "video_notes", "VideoNote", "video/mp4"),
    "sticker": FileKind("CAAC", "stickers", "Sticker", "image/webp"),
    "live_photo": FileKind("BAAC", "videos", "Video", "video/mp4"),
    "thumbnail": FileKind("AAMC", "thumbnails", "Thumbnail", "image/jpeg"),
}
_PICTURES = frozenset({"photo", "thumbnail"})
_GREY_SIDES = (640, 480)


def _grey(width: int, height: int) -> bytes:
    """A PNG file of one grey, http://www.libpng.org/pub/png/spec/1.2/PNG-Structure.html ."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits, greyscale
    rows = zlib.compress(height * (b"\0" + width * b"\xb8"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


_GREY = _grey(*_GREY_SIDES)


@dataclass(slots=True)
class StoredFile:
    """One file: `kind` is one of KINDS; width and height are pixels, `duration` seconds.

    `facts` are the other fields of the Bot API's object, such as title, performer, emoji, thumbnail and cover.
    """

    number: int
    kind: str
    data: bytes
    file_name: str
    mime_type: str
    width: int = 0
    height: int = 0
    duration: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    def identifier(self, size: int = 0) -> str:
        """file_id of the copy `size`."""
        return _encode(self.kind[:2].upper().encode(), self.number, size, KINDS[self.kind].prefix)

    def unique(self, size: int = 0) -> str:
        """file_unique_id of the copy `size`."""
        return _encode(self.kind[:2].encode(), self.number, size, "AQAD" if self.kind == "photo" else "AgAD")

    @property
    def path(self) -> str:
        """file_path of getFile."""
        suffix = f".{self.file_name.rpartition('.')[2]}" if "." in self.file_name else ""
        return f"{KINDS[self.kind].folder}/file_{self.number}{suffix}"


def _encode(mark: bytes, number: int, size: int, prefix: str) -> str:
    return prefix + base64.urlsafe_b64encode(mark + struct.pack(">QB", number, size)).decode().rstrip("=")


class FileStore:
    """All files by file_id, file_unique_id and path."""

    def __init__(self) -> None:
        self._files: list[StoredFile] = []
        self._by_id: dict[str, StoredFile] = {}
        self._by_unique: dict[str, StoredFile] = {}

    def clear(self) -> None:
        """Forget all files."""
        self._files.clear()
        self._by_id.clear()
        self._by_unique.clear()

    def add(self, kind: str, upload: Upload, **facts: Any) -> StoredFile:
        """Keep an uploaded file; 400 in Telegram's words when it cannot be of that kind.

        `facts` are width, height, duration, and what else the Bot API's object of this kind has.
        """
        if not upload.data:
            raise bad_request("File must be non-empty")
        sides, mime_type = (facts.pop("width", 0), facts.pop("height", 0)), upload.mime_type
        if kind == "photo":
            sides, mime_type = _checked_photo(upload.data), image_type(upload.data)
        elif kind == "sticker":
            sides, mime_type = _checked_sticker(upload.data)
        elif kind != "document" and not mime_type.startswith(("video/", "audio/", "image/")):
            mime_type = KINDS[kind].mime_type
        return self._keep(kind, upload, mime_type, sides, facts)

    def stand_in(self, kind: str, upload: Upload, **facts: Any) -> StoredFile:
        """Keep something unchecked in place of a file of which an address is known; 640 x 480 unless told."""
        sides = facts.pop("width", 640), facts.pop("height", 480)
        return self._keep(kind, upload, KINDS[kind].mime_type, sides, facts)

    def _at_address(self, address: str, kind: str, facts: dict[str, Any]) -> StoredFile:
        parts = urlsplit(address)
        if not parts.hostname or any(char.isspace() for char in address):
            raise bad_request("Wrong HTTP URL specified")
        name = parts.path.rpartition("/")[2] or kind
        if kind == "photo":
            return self._keep(kind, Upload(_GREY, name, "image/png"), "image/png", _GREY_SIDES, facts)
        return self.stand_in(kind, Upload(address.encode(), name, KINDS[kind].mime_type), **facts)

    def _keep(
        self, kind: str, upload: Upload, mime_type: str, sides: tuple[int, int], facts: dict[str, Any]
    ) -> StoredFile:
        duration = facts.pop("duration", 0)
        number = len(self._files) + 1
        file = StoredFile(number, kind, upload.data, upload.file_name, mime_type, *sides, duration, facts)
        self._put(file)
        return file

    def _put(self, file: StoredFile) -> None:
        self._files.append(file)
        for size in range(len(BOXES) + 1):
            self._by_id[file.identifier(size)] = file
            self._by_unique[file.unique(size)] = file

    def all(self) -> list[StoredFile]:
        """All files, oldest first."""
        return list(self._files)

    def refill(self, files: list[StoredFile]) -> None:
        """Have these files and no others."""
        self.clear()
        for file in files:
            self._put(file)

    def by_id(self, file_id: str) -> StoredFile | None:
        """The file with this file_id."""
        return self._by_id.get(file_id)

    def by_unique(self, unique_id: str) -> StoredFile | None:
        """The file with this file_unique_id."""
        return self._by_unique.get(unique_id)

    def by_path(self, path: str) -> StoredFile | None:
        """The file with this file_path."""
        return next((file for file in self._files if file.path == path), None)

    def from_params(self, params: Params, name: str, kind: str, **facts: Any) -> StoredFile:
        """The file of parameter `name`: an upload, `attach://part`, or a file_id; `facts` as in `add`."""
        direct = params.files.get(name)
        if direct is not None:
            return self.add(kind, direct, **facts)
        return self.resolve(params, params.text(name), kind, **facts)

    def resolve(self, params: Params, value: str, kind: str, **facts: Any) -> StoredFile:
        """The file that `value` names: a part of the request, an address, or a file_id.

        The emulator fetches nothing from the internet: an address gets a stand-in, of which each picture is grey. A
        file that was sent before keeps the facts that it had.
        """
        nothing = bad_request(f"There is no {kind.replace('_', ' ')} in the request")
        if not value:
            raise nothing
        if value.startswith("attach://"):
            upload = params.files.get(value.removeprefix("attach://"))
            if upload is None:
                raise nothing
            return self.add(kind, upload, **facts)
        if value.startswith(("http://", "https://")):
            return self._at_address(value, kind, facts)
        return self.sent_before(value, kind)

    def sent_before(self, file_id: str, kind: str) -> StoredFile:
        """The file with this file_id as what it is, however it is sent: Telegram changes no kind.

        It refuses a picture for another file and another file for a picture (TDLib's check_input_file_id).
        """
        file = self.by_id(file_id)
        if file is None:
            raise bad_request("Wrong file identifier/HTTP URL specified")
        if file.kind != kind and not _PICTURES.isdisjoint({file.kind, kind}):
            raise bad_request(f"Can't use file of type {KINDS[file.kind].name} as {KINDS[kind].name}")
        return file


def _checked_photo(data: bytes) -> tuple[int, int]:
    if len(data) > MAX_PHOTO:
        raise bad_request(
            f"File of size {len(data)} bytes is too big for a photo; the maximum size is {MAX_PHOTO} bytes"
        )
    size = image_size(data)
    if size is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    width, height = size
    if not width or not height:
        raise bad_request("IMAGE_PROCESS_FAILED")
    if width + height > MAX_PHOTO_SIDES or max(width, height) > MAX_PHOTO_RATIO * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return width, height


def _checked_sticker(data: bytes) -> tuple[tuple[int, int], str]:
    """Sides and media type: a picture, an animation (TGS is gzipped Lottie) or a video (WebM is Matroska)."""
    if data.startswith(b"\x1f\x8b"):
        return (_STICKER_SIDE, _STICKER_SIDE), "application/x-tgsticker"
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return (_STICKER_SIDE, _STICKER_SIDE), "video/webm"
    size = image_size(data)
    if size is None or not all(size):
        raise bad_request("STICKER_FILE_INVALID")
    return size, "image/webp"
