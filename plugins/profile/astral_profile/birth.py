"""Birth data: what a person knows of a birth, as frozen values with a JSON form.

Importing this module is cheap: the gazetteer, tzfpy and rapidfuzz are not loaded.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, replace
from typing import Any

import msgspec

EARLIEST = dt.date(1900, 1, 1)
"""First birth date taken: the ephemeris DE421 begins in July 1899."""
LATEST = dt.date(2053, 10, 8)
"""Last birth date taken: the last whole day of the ephemeris DE421 in every time zone."""

_COUNTRY = re.compile(r"[A-Z]{2}|")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_MAX_NAME = 200
_MAX_OFFSET = 16 * 3600


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the Earth with the zone whose clocks it kept.

    `name` is in the language of who chose it, "" far from any town; `country` is ISO 3166-1 alpha-2, "" at sea;
    `latitude` (north positive) and `longitude` (east positive) are degrees; `zone` is an IANA time zone id;
    `population` is that of the named town, 0 where unknown.

    Raises:
        ValueError: a field is outside its range.
    """

    name: str
    country: str
    latitude: float
    longitude: float
    zone: str
    population: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.latitude) and -90 <= self.latitude <= 90):
            raise ValueError(f"Place: latitude {self.latitude} is not within -90..90 degrees")
        if not (math.isfinite(self.longitude) and -180 <= self.longitude <= 180):
            raise ValueError(f"Place: longitude {self.longitude} is not within -180..180 degrees")
        if len(self.name) > _MAX_NAME:
            raise ValueError(f"Place: the name has {len(self.name)} characters, at most {_MAX_NAME} are allowed")
        if not _COUNTRY.fullmatch(self.country):
            raise ValueError(f"Place: country {self.country!r} is not an ISO code of two capitals, nor empty")
        if not _ZONE.fullmatch(self.zone):
            raise ValueError(f"Place: zone {self.zone!r} is not an IANA id such as 'Europe/Moscow'")
        if self.population < 0:
            raise ValueError(f"Place: population {self.population} is negative")


@dataclass(frozen=True, slots=True)
class Birth:
    """When and where a person was born, by the clock and calendar (Gregorian) of the place.

    `time` is None where it is not known. `fold` says which passage of a repeated hour is meant when clocks were
    put back: 0 the first (as a rule summer time), 1 the second, None not asked yet. `offset_seconds`, east of UTC
    positive, overrules the zone's history where the person knows better: single districts kept other time than
    the tz database says.

    Raises:
        ValueError: a field is outside its range.
    """

    date: dt.date
    time: dt.time | None
    place: Place
    fold: int | None = None
    offset_seconds: int | None = None

    def __post_init__(self) -> None:
        if not EARLIEST <= self.date <= LATEST:
            raise ValueError(f"Birth: date {self.date} is not within {EARLIEST}..{LATEST}")
        if self.time is not None and self.time.tzinfo is not None:
            raise ValueError("Birth: the time carries a time zone; the place decides the zone, give a naive time")
        if self.fold not in {None, 0, 1}:
            raise ValueError(f"Birth: fold is {self.fold}, it must be 0, 1 or None")
        if self.offset_seconds is not None and abs(self.offset_seconds) > _MAX_OFFSET:
            raise ValueError(f"Birth: offset of {self.offset_seconds} s is more than 16 hours")

    def to_json(self) -> dict[str, Any]:
        """Return the birth as plain JSON data; `from_json` reads it back unchanged."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    @classmethod
    def from_json(cls, data: Any) -> Birth:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the data is not a birth; the message names the field.
        """
        return msgspec.convert(data, cls)

    def with_place(self, place: Place) -> Birth:
        """Return the birth at another place: answers about the clock there have to be asked anew."""
        return replace(self, place=place, fold=None, offset_seconds=None)


def from_julian(year: int, month: int, day: int) -> dt.date:
    """Return the Gregorian date of an old-style (Julian) one, in force in Russia until 31 January 1918.

    Holds for Julian dates from 1900-03-01 to 2100-02-28, thirteen days behind, and for 1900 before, twelve.

    Raises:
        ValueError: there is no such day, or it lies outside these years.
    """
    leap_day = (year, month, day) == (1900, 2, 29)
    if not 1900 <= year < 2100:
        raise ValueError(f"from_julian: year {year} is not within 1900..2099")
    written = dt.date(1900, 2, 28) if leap_day else dt.date(year, month, day)
    behind = 13 if leap_day or written >= dt.date(1900, 3, 1) else 12
    return written + dt.timedelta(days=behind)


_JULIAN_UNTIL = dt.date(1918, 2, 14)
_RUSSIAN_EMPIRE = frozenset(
    ("RU", "UA", "BY", "KZ", "UZ", "TM", "TJ", "KG", "AM", "AZ", "GE", "MD", "LT", "LV", "EE")
)


def may_be_old_style(day: dt.date, country: str) -> bool:
    """Whether a date of birth at that country may be written by the Julian calendar: worth a question."""
    return day < _JULIAN_UNTIL and country in _RUSSIAN_EMPIRE
