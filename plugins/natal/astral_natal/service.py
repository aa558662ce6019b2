"""From birth data to what is computed and drawn, and the keys under which the results are kept.

Everything here is cheap and pure, and runs in the main process; the work itself is in `worker`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import time
from typing import Any

import msgspec

from astral_natal.encode import SCHEMA
from astral_natal.model import ChartRequest, HouseSystem
from astral_natal.worker import PictureWords
from astral_profile.api import Ambiguous, Birth, LocalDay, Moment, Nonexistent, local_day, place_name, resolve

ENGINE = "skyfield-de421"
"""The engine's name, repeated here because the engine itself is imported in the worker only."""
RENDERER_VERSION = 1
"""Raise it when the drawing changes: pictures that Telegram keeps are then drawn anew."""
THEMES = ("night", "paper")
"""The themes that a user may choose; the first is the one to begin with."""

_DAY_SECONDS = 86400
_ONE_LINE = 64  # characters that stand in one line of the footer at full size


def request_of(birth: Birth, system: HouseSystem = HouseSystem.PLACIDUS) -> ChartRequest | Ambiguous | Nonexistent:
    """Return what to compute for a birth, or why its local time names no moment or two.

    Raises:
        ValueError: the place's zone is not in the tz database.
    """
    moment = resolve(birth)
    if not isinstance(moment, Moment):
        return moment
    place = birth.place
    request = ChartRequest(moment.jd_ut, place.latitude, place.longitude, system)
    if birth.time is not None:
        return request
    day = local_day(birth)
    return replace(
        request,
        time_known=False,
        day_start_jd=day.start.jd_ut,
        day_end_jd=day.end.jd_ut,
        utc_offset=day.start.offset_seconds,
        offset_change=_offset_change(birth, day),
    )


def _offset_change(birth: Birth, day: LocalDay) -> tuple[float, float] | None:
    """Return when the clocks changed on a local day (Julian day, UT) and the offset from then on."""
    before, after = day.start.offset_seconds, day.end.offset_seconds
    if before == after:
        return None
    low, high = 0, _DAY_SECONDS  # seconds of the local day: the clock still goes by the old offset alone at `low`
    while high - low > 1:
        middle = (low + high) // 2
        if _is_plain(birth, middle, before):
            low = middle
        else:
            high = middle
    first = 0 if not _is_plain(birth, 0, before) else high
    # Put forward, the clock jumps where it first skips; put back, it shows the repeated hour once before it jumps.
    elapsed = first + max(before - after, 0.0)
    return day.start.jd_ut + elapsed / _DAY_SECONDS, after


def _is_plain(birth: Birth, second: int, offset: float) -> bool:
    """Whether a local time of the day is shown once, by a clock with this offset."""
    hours, rest = divmod(second, 3600)
    at = resolve(replace(birth, time=time(hours, *divmod(rest, 60)), fold=None))
    return isinstance(at, Moment) and at.offset_seconds == offset


def chart_key(request: ChartRequest) -> str:
    """Return the name of a chart: the same request to the same engine gives the same chart."""
    return _digest([ENGINE, SCHEMA, msgspec.to_builtins(request)])


def picture_key(chart: str, words: PictureWords) -> str:
    """Return the name of a picture: that of its chart, with the words, theme and renderer."""
    return _digest([RENDERER_VERSION, chart, msgspec.to_builtins(words)])


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def subtitle(birth: Birth, language: str) -> tuple[str, ...]:
    """Return the lines under a picture: date, time and offset, then the place in words if it has a name.

    Raises:
        ValueError: the place's zone is not in the tz database.
    """
    # Babel reads its tables at import: only who draws a chart pays for them.
    from babel.dates import format_date

    when = str(format_date(birth.date, "d MMMM y", locale=language))
    if birth.time is not None:
        when = f"{when}, {birth.time:%H:%M}"
        moment = resolve(birth)
        if isinstance(moment, Moment):
            when = f"{when} ({offset_label(moment.offset_seconds)})"
    lines = tuple(filter(None, (when, place_name(birth.place, language))))
    joined = " · ".join(lines)
    return (joined,) if len(joined) <= _ONE_LINE else lines


def offset_label(offset_seconds: float) -> str:
    """Return an offset from UTC in seconds, east positive, as people write it: "UTC+4", "UTC−3:30", "UTC+2:30:17"."""
    total = round(abs(offset_seconds))
    hours, minutes, seconds = total // 3600, total // 60 % 60, total % 60
    label = f"UTC{'−' if offset_seconds < 0 else '+'}{hours}"
    if minutes or seconds:
        label += f":{minutes:02d}"
    return f"{label}:{seconds:02d}" if seconds else label
