"""The two fonts of a picture: which characters they draw, how wide, and how to make any text drawable.

Both are files of installed packages, so that a picture is the same on every machine: Onest for text (Latin,
Cyrillic) and Astroglyphs 2K for the symbols of astrology. The reader below knows the tables `head`, `hhea`,
`hmtx` and `cmap` (formats 4 and 12) of the OpenType specification.
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import astroglyphs_2K  # type: ignore[import-untyped]  # ships no types
import fontpkg_onest  # type: ignore[import-untyped]  # ships no types

TEXT_FAMILY = "Onest"
GLYPH_FAMILY = astroglyphs_2K.FAMILY_NAME
TEXT_FILE = Path(fontpkg_onest.ROOT) / "files" / "Onest[wght].ttf"
GLYPH_FILE = Path(astroglyphs_2K.__file__).parent / "fonts" / "Astroglyphs2K.ttf"

# Onest grows by about 1 % for each 100 of weight above the 400 of its `hmtx` table.
_GROWTH_PER_WEIGHT = 0.00012


@dataclass(frozen=True, slots=True)
class Face:
    """Advance widths of one font by code point, in em."""

    advances: dict[int, float]


def _tables(data: bytes) -> dict[str, int]:
    (count,) = struct.unpack_from(">H", data, 4)
    records = (struct.unpack_from(">4sIII", data, 12 + 16 * index) for index in range(count))
    return {tag.decode("ascii"): offset for tag, _, offset, _ in records}


def _format4(data: bytes, at: int) -> dict[int, int]:
    segments = struct.unpack_from(">H", data, at + 6)[0] // 2
    ends = struct.unpack_from(f">{segments}H", data, at + 14)
    starts = struct.unpack_from(f">{segments}H", data, at + 16 + 2 * segments)
    deltas = struct.unpack_from(f">{segments}H", data, at + 16 + 4 * segments)
    ranges = at + 16 + 6 * segments
    glyphs: dict[int, int] = {}
    for index, (start, end, delta) in enumerate(zip(starts, ends, deltas, strict=True)):
        (offset,) = struct.unpack_from(">H", data, ranges + 2 * index)
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if offset:
                (glyph,) = struct.unpack_from(">H", data, ranges + 2 * index + offset + 2 * (code - start))
            if glyph or not offset:
                glyphs[code] = (glyph + delta) & 0xFFFF
    return {code: glyph for code, glyph in glyphs.items() if glyph}


def _format12(data: bytes, at: int) -> dict[int, int]:
    (groups,) = struct.unpack_from(">I", data, at + 12)
    glyphs: dict[int, int] = {}
    for index in range(groups):
        start, end, first = struct.unpack_from(">III", data, at + 16 + 12 * index)
        glyphs.update((code, first + code - start) for code in range(start, end + 1))
    return glyphs


def _characters(data: bytes, cmap: int) -> dict[int, int]:
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    glyphs: dict[int, int] = {}
    for index in range(count):
        _, _, offset = struct.unpack_from(">HHI", data, cmap + 4 + 8 * index)
        (form,) = struct.unpack_from(">H", data, cmap + offset)
        if form == 4:
            glyphs.update(_format4(data, cmap + offset))
        elif form == 12:
            glyphs.update(_format12(data, cmap + offset))
    return glyphs


def read_face(path: Path) -> Face:
    """Read a TrueType file.

    Raises:
        OSError: the file cannot be read.
        struct.error: it is cut short.
    """
    data = path.read_bytes()
    tables = _tables(data)
    (units,) = struct.unpack_from(">H", data, tables["head"] + 18)
    (measured,) = struct.unpack_from(">H", data, tables["hhea"] + 34)
    widths = [struct.unpack_from(">H", data, tables["hmtx"] + 4 * index)[0] for index in range(measured)]
    glyphs = _characters(data, tables["cmap"])
    return Face({code: widths[min(glyph, measured - 1)] / units for code, glyph in glyphs.items()})


@cache
def text_face() -> Face:
    """The face of texts."""
    return read_face(TEXT_FILE)


@cache
def glyph_face() -> Face:
    """The face of astrological symbols, which also fills what `text_face` lacks."""
    return read_face(GLYPH_FILE)


def covered(char: str) -> bool:
    """Whether one of the fonts draws the character."""
    return ord(char) in text_face().advances or ord(char) in glyph_face().advances


def width(text: str, size: float, weight: int = 400) -> float:
    """Width in pixels of a line at `size` pixels an em; kerning, which only narrows it, is left out."""
    growth = 1 + _GROWTH_PER_WEIGHT * (weight - 400)
    first, second = text_face().advances, glyph_face().advances
    return (
        sum(first[ord(char)] * growth if ord(char) in first else second.get(ord(char), 1.0) for char in text) * size
    )


def runs(text: str) -> list[tuple[str, str]]:
    """The text cut where the font changes: (family, piece), at least one."""
    known = text_face().advances
    pieces = groupby(text, key=lambda char: TEXT_FAMILY if ord(char) in known else GLYPH_FAMILY)
    return [(family, "".join(chars)) for family, chars in pieces] or [(TEXT_FAMILY, "")]


def fit(text: str, size: float, room: float, weight: int = 400) -> float:
    """The size, at most `size`, at which the line is no wider than `room` pixels."""
    taken = width(text, size, weight)
    return size if taken <= room else size * room / taken


def drawable(text: str, limit: int | None = None) -> str:
    """The text as the fonts can draw it.

    Composed (NFC), characters that no font has (emoji, control characters, foreign scripts) left out, white
    space collapsed, and cut to `limit` characters with an ellipsis.
    """
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(" " if char.isspace() else char for char in composed if char.isspace() or covered(char))
    line = " ".join(kept.split())
    if limit is not None and len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    return line


def ink(char: str) -> tuple[float, float, float, float]:
    """Box (left, bottom, right, top) of a symbol's outline in em, y upwards from the baseline.

    Raises:
        KeyError: the symbol font lacks the character.
    """
    _, bottom, top, left, right = astroglyphs_2K.GLYPH_METRICS[ord(char)]
    return left, bottom, right, top
