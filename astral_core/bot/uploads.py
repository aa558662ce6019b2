"""Files to be uploaded: what a handler may give for one, and how it is read.

A file on disk is opened and measured when the handler names it. A small one is read then, too; a large one in a
thread from then on, and the handler's commit waits for that. If it changes meanwhile, the handler fails: what is sent
is what was there when it was named. Afterwards the handler may delete it.
"""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astral_core import limits
from astral_core.errors import EffectError

AT_ONCE = 2**20  # bytes that are read at once: less than a millisecond


@dataclass(frozen=True, slots=True, repr=False)
class Upload:
    """A file with a name of its own, wherever a file is taken: `Upload(b"...", "report.pdf")`."""

    content: bytes | Path
    filename: str

    def __repr__(self) -> str:
        return f"Upload({self.filename!r})"


File = bytes | Path | str | Upload
"""A file: bytes or a path to upload, or as a str a file_id or an address."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How large a file may be. `kind` is what it is in errors; `local`: the Bot API server is the owner's own."""

    kind: str
    size: int
    local: bool = False

    def check(self, size: int) -> None:
        """EffectError where a file has no bytes, or too many."""
        most = self.most
        if 0 < size <= most:
            return
        if not size:
            raise EffectError(f"the {self.kind} is empty; Telegram takes 1 to {most} bytes.")
        if most == limits.STORED_BYTES:
            fix = "name it by its address on the Bot API server, 'file:///...'"
        elif self.size == limits.FILE_BYTES:
            fix = "send an address, or set telegram.local_server if you run a Bot API server of your own"
        else:
            fix = "make it smaller"
        raise EffectError(f"the {self.kind} has {size} bytes; Telegram takes 1 to {most}. Fix: {fix}.")

    def check_file(self, path: Path, found: os.stat_result) -> None:
        """EffectError where something on disk is no file, or none of this size."""
        if not stat.S_ISREG(found.st_mode):
            raise EffectError(f"the {self.kind} {str(path)!r} is no file. Fix: name a file.")
        self.check(found.st_size)

    @property
    def most(self) -> int:
        """Bytes. A server of the owner's own takes 2000 MB, of which the outbox can keep a part."""
        return limits.STORED_BYTES if self.local and self.size == limits.FILE_BYTES else self.size


class Reading:
    """A file that a thread reads, as it was when the handler named it."""

    def __init__(self, path: Path, handle: int, found: os.stat_result) -> None:
        self.size = found.st_size
        self._future = asyncio.get_running_loop().run_in_executor(None, _read, path, handle, found)

    async def content(self) -> bytes:
        """What was in it; EffectError where that could not be read."""
        found = await self._future
        if isinstance(found, EffectError):
            raise found
        return found


Content = bytes | Reading


class Attached:
    """The files of one message by the names under which they are uploaded. `local` as in `Limit`."""

    def __init__(self, *, local: bool) -> None:
        self.contents: dict[str, Content] = {}
        self.names: dict[str, str] = {}
        self._local = local

    def put(self, value: Any, kind: str, name: str | None = None, size: int = limits.FILE_BYTES) -> str:
        """Take a file and return what stands for it in the parameters; `name` is that of the upload."""
        where = name or f"file{len(self.contents)}"
        self.contents[where], self.names[where] = taken(value, Limit(kind, size, self._local))
        together = sum(one.size if isinstance(one, Reading) else len(one) for one in self.contents.values())
        if together > limits.STORED_BYTES:
            raise EffectError(
                f"the files of one message have {together} bytes; the outbox keeps {limits.STORED_BYTES}. Fix: send "
                "several messages."
            )
        return f"attach://{where}"

    async def read(self) -> dict[str, bytes]:
        """The contents; those that are being read are waited for. EffectError if one could not be read."""
        return {name: await one.content() if isinstance(one, Reading) else one for name, one in self.contents.items()}


def taken(value: Any, limit: Limit) -> tuple[Content, str]:
    """The content and the name of a file that is to be uploaded; EffectError where it cannot be."""
    name = None
    if isinstance(value, Upload):
        name, value = _checked_name(value.filename), value.content
    if isinstance(value, Path):
        return _opened(value, limit), name or _checked_name(value.name)
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise EffectError(
            f"{limit.kind} is of the type {type(value).__name__}. Fix: pass bytes, a pathlib.Path, a file_id or an "
            "address."
        )
    content = bytes(value)
    limit.check(len(content))
    return content, name or f"{limit.kind.rpartition('.')[2]}.{_extension(content, limit.kind)}"


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name or len(name) > 255 or any(sign in name for sign in '/\\\0\r\n"'):
        raise EffectError(f"{name!r:.80} is no name for a file. Fix: 1 to 255 characters, without / \\ and quotes.")
    return name


def _opened(path: Path, limit: Limit) -> Content:
    """The content of a small file; a large one is read from now on."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise EffectError(f"the {limit.kind} {str(path)!r} cannot be opened ({why}). Fix: check the path.") from error
    found = os.fstat(handle)
    try:
        limit.check_file(path, found)
        if found.st_size > AT_ONCE:
            return Reading(path, handle, found)
    except BaseException:
        os.close(handle)
        raise
    content = _read(path, handle, found)
    if isinstance(content, EffectError):
        raise content
    return content


def _read(path: Path, handle: int, found: os.stat_result) -> bytes | EffectError:
    """The content of an open file, or what is wrong with it. Closes it."""
    try:
        with os.fdopen(handle, "rb") as file:
            content = file.read(found.st_size + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        return EffectError(f"{str(path)!r} cannot be read ({error.strerror}). Fix: check the file.")
    if (after.st_mtime_ns, len(content)) != (found.st_mtime_ns, found.st_size):
        return EffectError(f"{str(path)!r} was changed while it was read. Fix: leave it as it is, or pass its bytes.")
    return content


_ENDINGS = (
    (b"GIF8", "gif"), (b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"), (b"RIFF", "webp"), (b"\x1aE\xdf\xa3", "webm"),
    (b"\x1f\x8b", "tgs"), (b"OggS", "ogg"), (b"ID3", "mp3"), (b"%PDF", "pdf"), (b"PK\x03\x04", "zip"),
)  # fmt: skip
_USUAL = {
    "photo": "png", "video": "mp4", "animation": "mp4", "audio": "mp3", "voice": "ogg", "video_note": "mp4",
    "sticker": "webp", "thumbnail": "jpg", "cover": "jpg",
}  # fmt: skip


def _extension(content: bytes, kind: str) -> str:
    """The ending of a file's name: Telegram takes it for the kind of a file in some places."""
    if content[4:8] == b"ftyp":
        return "m4a" if kind == "audio" else "mp4"
    found = next((ending for start, ending in _ENDINGS if content.startswith(start)), None)
    return found or _USUAL.get(kind, "bin")
