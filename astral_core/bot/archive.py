"""A zip that may grow large: written piece by piece into a temporary file, in a thread."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterable
from types import TracebackType
from typing import IO, Self

from astral_core.errors import ArchiveTooLarge

LARGEST = 48 * 2**20  # bytes; Telegram takes files of 50 MB
UNPACKED = 2**30  # bytes of one member


class Archive:
    """`async with Archive() as archive:` add members, then `read` the whole. Nothing is left on the disk."""

    def __init__(self, largest: int | None = None) -> None:
        self._largest = LARGEST if largest is None else largest

    async def __aenter__(self) -> Self:
        self._file = await asyncio.to_thread(tempfile.TemporaryFile)
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()

    async def add(self, name: str, content: bytes | AsyncIterable[bytes]) -> None:
        """Add a member. Raises ArchiveTooLarge as soon as the whole is."""
        if isinstance(content, bytes):
            await asyncio.to_thread(self._zip.writestr, name, content)
            self._check(len(content))
            return
        written = 0
        with self._zip.open(name, "w") as member:
            async for piece in content:
                await asyncio.to_thread(member.write, piece)
                written += len(piece)
                self._check(written)

    def _check(self, unpacked: int) -> None:
        if self._file.tell() > self._largest or unpacked > UNPACKED:
            raise ArchiveTooLarge(f"the archive has more than {self._largest} bytes.")

    async def read(self) -> bytes:
        """The whole zip; nothing can be added any more."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> bytes:
        self._zip.close()
        return _all_of(self._file)


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
