"""What both markup parsers stand on: a cursor over UTF-8 bytes, and text that counts its UTF-16 units.

Telegram names places in its errors by byte offset, and places of entities by UTF-16 offset.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet


class MarkupError(ValueError):
    """The markup cannot be parsed; the message is Telegram's, without its `can't parse entities: `."""


class Source:
    """A cursor over the bytes of a markup. Reading behind the end gives 0."""

    def __init__(self, markup: str) -> None:
        self._data = markup.encode("utf-8", errors="surrogatepass")
        self.position = 0

    @property
    def at_end(self) -> bool:
        """Is the cursor behind the last byte?"""
        return self.position >= len(self._data)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self._data)

    def byte(self, place: int) -> int:
        """The byte at `place`, 0 behind the end."""
        return self._data[place] if place < len(self._data) else 0

    def peek(self, ahead: int = 0) -> int:
        """The byte `ahead` of the cursor, 0 behind the end."""
        return self.byte(self.position + ahead)

    def slice(self, begin: int, end: int) -> str:
        """The text between two byte offsets that stand at characters' edges."""
        return self._data[begin:end].decode("utf-8", errors="surrogatepass")

    def take_char(self) -> str:
        """The character at the cursor, which then stands behind it."""
        begin = self.position
        self.position += 1
        while self.byte(self.position) & 0xC0 == 0x80:
            self.position += 1
        return self.slice(begin, self.position)

    def skip_while(self, allowed: AbstractSet[int]) -> None:
        """Move the cursor over bytes in `allowed`."""
        while not self.at_end and self.peek() in allowed:
            self.position += 1

    def skip_until(self, stops: AbstractSet[int]) -> None:
        """Move the cursor to the next byte in `stops` or to the end."""
        while not self.at_end and self.peek() not in stops:
            self.position += 1


class Output:
    """Text under construction."""

    def __init__(self) -> None:
        self._chars: list[str] = []
        self.utf16 = 0

    @property
    def size(self) -> int:
        """Characters so far: a place for `text`."""
        return len(self._chars)

    def add(self, char: str) -> None:
        """Append one character."""
        self._chars.append(char)
        self.utf16 += 2 if ord(char) > 0xFFFF else 1

    def text(self, begin: int = 0) -> str:
        """The text from the character at `begin`."""
        return "".join(self._chars[begin:])

    def last(self) -> str:
        """The last character, empty at the beginning."""
        return self._chars[-1] if self._chars else ""
