"""Offsets from UTC: what people type for one, and what a zone's history says of a birth."""

from __future__ import annotations

import re

from astral_profile.birth import Birth
from astral_profile.zones import Ambiguous, Moment, Nonexistent, resolve

_OFFSET = re.compile(
    r"(?:utc|gmt)? ?(?P<sign>[+-])? ?(?P<hours>[0-9]{1,2})(?:[:.]?(?P<minutes>[0-5][0-9]))?(?: ?(?:ч|h)\.?)?"
)
_MOST = 15 * 3600
_MINUS = str.maketrans({"−": "-", "–": "-", "—": "-"})


def parse_offset(text: str) -> int | None:
    """Return seconds east of UTC for "UTC+4", "+3:30", "-5" or "4"; None where it is no offset on Earth."""
    plain = " ".join(text[:40].casefold().translate(_MINUS).split())
    match = _OFFSET.fullmatch(plain)
    if match is None:
        return None
    seconds = int(match["hours"]) * 3600 + int(match["minutes"] or 0) * 60
    if seconds > _MOST:
        return None
    return -seconds if match["sign"] == "-" else seconds


def offset_label(seconds: float) -> str:
    """Return "UTC+4", "UTC−3:30" or, for local mean time, "UTC+2:30:17"."""
    whole = round(abs(seconds))
    if not whole:
        return "UTC"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    tail = f":{minutes:02}:{left:02}" if left else f":{minutes:02}" if minutes else ""
    return f"UTC{'−' if seconds < 0 else '+'}{hours}{tail}"


def moment_of(birth: Birth) -> Moment:
    """Return the moment of a birth: the first where two are possible, what the clock showed instead where none is."""
    found = resolve(birth)
    match found:
        case Ambiguous():
            return found.first
        case Nonexistent():
            return moment_of(found.suggestion)
    return found
