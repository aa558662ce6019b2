"""Downloads of what people send: from Telegram's servers, or from the disk of a Bot API server of one's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, TypeVar

from astral_core.bot.transport import Transport
from astral_core.botapi.views import View, type_name
from astral_core.errors import FileGone, FileTooLarge, HandlerError, TelegramRefused
from astral_core.i18n import N_, Texts

T = TypeVar("T")
CHUNK = 256 * 1024
# Members of a message that hold its file. A GIF has a document of the same file, for old clients.
_MEDIA = (
    "photo", "video", "animation", "document", "audio", "voice", "video_note", "sticker", "live_photo",
    "new_chat_photo",
)  # fmt: skip
_GONE = ("wrong file", "invalid file", "file not found", "temporarily unavailable", "file_id", "file reference")
TOO_LARGE = N_("That file is too large for me: I can take up to {size}. Please send a smaller one.")
GONE = N_("I cannot get that file from Telegram any more. Please send it once again.")
MB, KB = N_("{n} MB"), N_("{n} KB")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of Telegram's. `size` is in bytes, None if nobody has told."""

    file_id: str
    size: int | None = None


def wanted(file: object) -> Wanted:
    """The file that is meant: by a file_id, by an object that has one, by a message, or by the sizes of a photo.

    HandlerError if there is none.
    """
    if isinstance(file, str) and file:
        return Wanted(file)
    if isinstance(file, View):
        return _of_view(file)
    if isinstance(file, Sequence) and not isinstance(file, (str, bytes)) and file:
        return wanted(max(file, key=_area))
    number, size = getattr(file, "file_id", None), getattr(file, "file_size", None)  # python-telegram-bot's objects
    if isinstance(number, str):
        return Wanted(number, size if isinstance(size, int) else None)
    raise HandlerError(
        f"ctx.download: {type(file).__name__} is no file. Fix: give a file_id, or a part of a message such as "
        "ctx.message.document."
    )


def _of_view(view: View) -> Wanted:
    for name in ("file_id", "big_file_id"):
        if isinstance(number := getattr(view, name) if name in view else None, str):
            return Wanted(number, view.file_size if "file_size" in view else None)
    for name in _MEDIA:
        if name in view and (part := getattr(view, name)):
            return wanted(part)
    raise HandlerError(
        f"ctx.download: this {type_name(view)} has no file. Fix: ask for kinds that have one, such as "
        '@routes.message("document", "photo").'
    )


def _area(size: object) -> int:
    """How large a photo is; the last one of several that do not tell, as Telegram lists them by size."""
    width, height = getattr(size, "width", None), getattr(size, "height", None)
    return width * height if isinstance(width, int) and isinstance(height, int) else 0


@dataclass(frozen=True, slots=True)
class Downloads:
    """Downloads for one handler: `limit` is in bytes, `texts` are the core's in the person's language.

    `local`: the Bot API server is the owner's own, and puts files on its disk.
    """

    transport: Transport
    texts: Texts
    limit: int
    local: bool = False

    async def content(self, file: Wanted) -> bytes:
        """The content of a file."""
        found = bytearray()
        async with self._open(file) as (chunks, _):
            async for chunk in chunks:
                found += chunk
        return bytes(found)

    async def save(self, file: Wanted, to: Path) -> Path:
        """Write a file to the path `to`, or into the folder `to`; nobody sees a half of it. Return its path."""
        async with self._open(file) as (chunks, name):
            part = _Part(await _in_thread(_target, to, name))
            try:
                async for chunk in chunks:
                    await _in_thread(part.write, chunk)
                return await _in_thread(part.finish)
            finally:
                part.drop()

    @contextlib.asynccontextmanager
    async def _open(self, file: Wanted) -> AsyncIterator[tuple[AsyncIterator[bytes], str]]:
        """The file piece by piece, never more than `limit` bytes; and a name for it that can be no path."""
        self._check(file.size)
        try:
            told = await self.transport.call("getFile", {"file_id": file.file_id})
            path = told.get("file_path") if isinstance(told, dict) else None
            if not isinstance(path, str):
                raise self._gone()
            self._check(told.get("file_size"))
            unique = told.get("file_unique_id")
            name = _name(unique if isinstance(unique, str) else "file", path)
            if _is_absolute(path):
                if not self.local:
                    raise HandlerError(
                        "ctx.download: the Bot API server has put the file on its disk. Fix: set "
                        "telegram.local_server, if it is your own."
                    )
                async with contextlib.aclosing(_read(path)) as pieces:
                    yield self._limited(pieces), name
                return
            async with self.transport.file(path) as response:
                self._check(response.content_length)
                yield self._limited(response.content.iter_chunked(CHUNK)), name
        except TelegramRefused as error:
            text = error.description.lower()
            if "too big" in text:
                raise self._too_large() from error
            if any(word in text for word in _GONE):
                raise self._gone() from error
            raise

    async def _limited(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            self._check(size)
            yield chunk

    def _check(self, size: object) -> None:
        if isinstance(size, int) and size > self.limit:
            raise self._too_large()

    def _too_large(self) -> FileTooLarge:
        megabytes = self.limit // 2**20
        size = self.texts.t(MB, n=megabytes) if megabytes else self.texts.t(KB, n=max(self.limit // 2**10, 1))
        return FileTooLarge(self.texts.t(TOO_LARGE, size=size), self.limit)

    def _gone(self) -> FileGone:
        return FileGone(self.texts.t(GONE))


class _Part:
    """A file that is being written, beside its place; called in threads, one call at a time."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f".{uuid.uuid4().hex}.part")
        self._file: BinaryIO | None = None

    def write(self, chunk: bytes) -> None:
        """Write what comes next."""
        if self._file is None:
            self._file = self._path.open("xb")
        self._file.write(chunk)

    def finish(self) -> Path:
        """Put the whole file in its place."""
        self.write(b"")
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self._path.replace(self._target)
        return self._target

    def drop(self) -> None:
        """Leave nothing of a file that is not in its place."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def _target(to: Path, name: str) -> Path:
    """Where the file goes. HandlerError where nothing can be written."""
    target = to / name if to.is_dir() else to
    if not target.parent.is_dir():
        raise HandlerError(f"ctx.download: there is no folder {str(target.parent)!r}. Fix: make it first.")
    return target


def _name(unique: str, path: str) -> str:
    """A name for a file: Telegram's own for it, with the ending of its kind. Nothing of it is what a person wrote."""
    ending = re.sub(r"[^A-Za-z0-9]", "", PurePosixPath(path.replace("\\", "/")).suffix)[:16]
    return (re.sub(r"[^A-Za-z0-9_-]", "", unique)[:64] or "file") + (f".{ending}" if ending else "")


def _is_absolute(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


async def _read(path: str) -> AsyncGenerator[bytes]:
    """A file of the Bot API server on this machine. Its path holds the token, and so no error shows it."""
    try:
        file: BinaryIO = await _in_thread(Path(path).open, "rb")
    except (OSError, ValueError) as error:  # ValueError: a path with NUL
        raise HandlerError(
            f"ctx.download: the Bot API server has put the file on its disk, and it cannot be read here "
            f"({type(error).__name__}). Fix: run both on one machine, or share the server's folder, under the same "
            "path and readable for the bot."
        ) from None
    try:
        while chunk := await _in_thread(file.read, CHUNK):
            yield chunk
    finally:
        file.close()


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run `function` in a thread; if this is cancelled, it ends when the thread has."""
    task = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
