"""Files of the emulated world: identifiers, real image sizes, Telegram's limits."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from typing import Any

from .errors import bad_request
from .params import Params, Upload

MAX_UPLOAD = 50 * 1024 * 1024
MAX_PHOTO = 10 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024
MAX_PHOTO_SIDES = 10_000
MAX_PHOTO_RATIO = 20
# Boxes of Telegram's scaled copies. The emulator scales nothing: each copy has the original's bytes.
_BOXES = (90, 320, 800, 1280, 2560)


@dataclass(slots=True)
class StoredFile:
    """One file: `kind` is photo or document; width and height are pixels of a photo."""

    number: int
    kind: str
    data: bytes
    file_name: str
    mime_type: str
    width: int = 0
    height: int = 0

    def identifier(self, size: int = 0) -> str:
        """file_id of the copy `size`."""
        return _encode(b"P" if self.kind == "photo" else b"D", self.number, size, "BQAC")

    def unique(self, size: int = 0) -> str:
        """file_unique_id of the copy `size`."""
        return _encode(b"p" if self.kind == "photo" else b"d", self.number, size, "AQAD")

    @property
    def path(self) -> str:
        """file_path of getFile."""
        suffix = f".{self.file_name.rpartition('.')[2]}" if "." in self.file_name else ""
        return f"{self.kind}s/file_{self.number}{suffix}"


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

    def add(self, kind: str, upload: Upload) -> StoredFile:
        """Keep an uploaded file; 400 in Telegram's words when it cannot be of that kind."""
        if not upload.data:
            raise bad_request("File must be non-empty")
        width, height = _checked_photo(upload.data) if kind == "photo" else (0, 0)
        mime_type = upload.mime_type
        if kind == "photo":
            mime_type = image_type(upload.data)
        file = StoredFile(len(self._files) + 1, kind, upload.data, upload.file_name, mime_type, width, height)
        self._files.append(file)
        for size in range(len(_BOXES) + 1):
            self._by_id[file.identifier(size)] = file
            self._by_unique[file.unique(size)] = file
        return file

    def by_id(self, file_id: str) -> StoredFile | None:
        """The file with this file_id."""
        return self._by_id.get(file_id)

    def by_unique(self, unique_id: str) -> StoredFile | None:
        """The file with this file_unique_id."""
        return self._by_unique.get(unique_id)

    def by_path(self, path: str) -> StoredFile | None:
        """The file with this file_path."""
        return next((file for file in self._files if file.path == path), None)

    def from_params(self, params: Params, name: str, kind: str) -> StoredFile:
        """The file of parameter `name`: an upload, `attach://part`, or a file_id."""
        direct = params.files.get(name)
        if direct is not None:
            return self.add(kind, direct)
        return self.resolve(params, params.text(name), kind)

    def resolve(self, params: Params, value: str, kind: str) -> StoredFile:
        """The file that `value` names; the emulator fetches nothing from the internet."""
        if not value:
            raise bad_request(f"There is no {kind} in the request")
        if value.startswith("attach://"):
            upload = params.files.get(value.removeprefix("attach://"))
            if upload is None:
                raise bad_request(f"There is no {kind} in the request")
            return self.add(kind, upload)
        if value.startswith(("http://", "https://")):
            raise bad_request("Failed to get HTTP URL content")
        file = self.by_id(value)
        if file is None:
            raise bad_request("Wrong file identifier/HTTP URL specified")
        if file.kind != kind:
            raise bad_request(f"Can't use file of type {file.kind.title()} as {kind.title()}")
        return file


def photo_sizes(file: StoredFile) -> list[dict[str, Any]]:
    """PhotoSize objects, smallest first, with real proportions."""
    sizes: list[dict[str, Any]] = []
    longest = max(file.width, file.height)
    for number, box in enumerate(_BOXES):
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


def document_object(file: StoredFile) -> dict[str, Any]:
    """The Bot API's Document."""
    return {
        "file_name": file.file_name,
        "mime_type": file.mime_type,
        "file_id": file.identifier(),
        "file_unique_id": file.unique(),
        "file_size": len(file.data),
    }


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


def image_type(data: bytes) -> str:
    """The media type by the first bytes."""
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"GIF8"):
        return "image/gif"
    if data[8:12] == b"WEBP":
        return "image/webp"
    return "image/jpeg"


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels out of the header of a PNG, JPEG, GIF or WebP; None for anything else."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return struct.unpack(">II", data[16:24])
        if data.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack("<HH", data[6:10])
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp_size(data)
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data)
    except (struct.error, IndexError):
        return None
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walk over the segments to the frame header (ITU-T T.81, B.2.2)."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            place += 2
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return width, height
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """RFC 9649: lossy, lossless and extended containers."""
    kind = data[12:16]
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return None
