"""What people type for a date, a time or coordinates, in Russian and English, to values.

Nothing here raises on any text: every function returns `Parsed` or `Refused`, and the wizard words the refusal.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from astral_profile.birth import EARLIEST, LATEST

T = TypeVar("T")
_MAX_TEXT = 80


class ParseProblem(StrEnum):
    """Why a text was refused."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    """Not a date, time or coordinates at all."""
    AMBIGUOUS = "ambiguous"
    """Two readings: both are suggested."""
    NO_YEAR = "no_year"
    NO_SUCH_DAY = "no_such_day"
    """31 February, month 13: the nearest days, or day and month the other way round, are suggested."""
    FUTURE = "future"
    TOO_EARLY = "too_early"
    """Before `birth.EARLIEST`, where the ephemeris begins."""
    TOO_LATE = "too_late"
    """After `birth.LATEST`, where the ephemeris ends."""
    NO_SUCH_TIME = "no_such_time"
    OUT_OF_RANGE = "out_of_range"
    """Latitude beyond 90 or longitude beyond 180 degrees; the other order is suggested where it fits."""


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """The text was understood."""

    value: T


@dataclass(frozen=True, slots=True)
class Refused(Generic[T]):
    """The text was not understood or not accepted; `suggestions` are values that may have been meant."""

    problem: ParseProblem
    suggestions: tuple[T, ...] = ()


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A point of the Earth in degrees: `latitude` north positive, `longitude` east positive."""

    latitude: float
    longitude: float


_MONTHS = (
    "январь января january",
    "февраль февраля february",
    "март марта march",
    "апрель апреля april",
    "май мая may",
    "июнь июня june",
    "июль июля july",
    "август августа august",
    "сентябрь сентября september",
    "октябрь октября october",
    "ноябрь ноября november",
    "декабрь декабря december",
)
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_FILLER_WORDS = """
    г год года числа го ого е ое of the on st nd rd th y
    понедельник вторник среда среду четверг пятница пятницу суббота субботу воскресенье пн вт ср чт пт сб вс
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun
"""
_FILLER = frozenset(_FILLER_WORDS.split())
_PIECE = re.compile(r"[0-9]+|[^\W\d_]+")
_NUMERIC = re.compile(r"([0-9]{1,4})([./\- ])([0-9]{1,2})\2([0-9]{1,4})")
_NO_YEAR = re.compile(r"[0-9]{1,2}[./\- ][0-9]{1,2}")
_COMPACT = re.compile(r"[0-9]{8}")
_TWO_DIGIT_PIVOT = 30


def parse_date(text: str, today: date, language: str = "en") -> Parsed[date] | Refused[date]:
    """Read a date of birth.

    Understood: 15.06.1990, 15/6/90, 15-06-1990, 15 06 1990, 15061990, 1990-06-15, 15.VI.1990, "15 июня 1990 г.",
    "June 15, 1990". Years of two digits: 30-99 are 19.., 00-29 are 20... Numbers with slashes or hyphens are day
    and month in Russian; in English (any other `language`) they are ambiguous unless one is above 12.

    `today` is the latest date accepted, as the person's clock has it.
    """
    plain = _plain(text)
    if not plain:
        return Refused(ParseProblem.EMPTY)
    if len(plain) > _MAX_TEXT:
        return Refused(ParseProblem.UNREADABLE)
    bare = re.sub(r"\s*[./\-]\s*", lambda match: match[0].strip(), plain.rstrip(" .,!г").strip())
    if match := _NUMERIC.fullmatch(bare):
        return _numeric(match, today, russian=language.lower().startswith("ru"))
    if _COMPACT.fullmatch(bare):
        return _compact(bare, today)
    if _NO_YEAR.fullmatch(bare):
        return Refused(ParseProblem.NO_YEAR)
    return _worded(plain, today)


def _plain(text: str) -> str:
    """Return the text with ordinary digits and spaces, in lower case."""
    return " ".join(unicodedata.normalize("NFKC", text[: 4 * _MAX_TEXT]).casefold().split())


def _numeric(match: re.Match[str], today: date, *, russian: bool) -> Parsed[date] | Refused[date]:
    """Read three numbers with one separator."""
    first, separator, middle, last = match.groups()
    if len(first) == 4:
        if len(last) > 2:
            return Refused(ParseProblem.UNREADABLE)
        return _checked(first, int(middle), int(last), today)
    if len(first) > 2 or len(last) not in {2, 4}:
        return Refused(ParseProblem.UNREADABLE)
    day, month = int(first), int(middle)
    if russian or separator in ". " or day == month:
        return _checked(last, month, day, today)
    if day <= 12 < month:
        return _checked(last, day, month, today)
    if month > 12 or day > 12:
        return _checked(last, month, day, today)
    readings = (_checked(last, month, day, today), _checked(last, day, month, today))
    values = tuple(reading.value for reading in readings if isinstance(reading, Parsed))
    if len(values) == 2:
        return Refused(ParseProblem.AMBIGUOUS, values)
    # Only one reading is in the past, or none is: then the first one's reason holds.
    return Parsed(values[0]) if values else readings[0]


def _compact(digits: str, today: date) -> Parsed[date] | Refused[date]:
    """Read eight digits: day first, or year first where only that is a date."""
    day_first = _checked(digits[4:], int(digits[2:4]), int(digits[:2]), today)
    year_first = _checked(digits[:4], int(digits[4:6]), int(digits[6:]), today)
    return year_first if isinstance(year_first, Parsed) else day_first


def _worded(plain: str, today: date) -> Parsed[date] | Refused[date]:
    """Read a date whose month is a word or a Roman number."""
    months: list[int] = []
    numbers: list[str] = []
    for piece in _PIECE.findall(plain):
        if piece[0] in "0123456789":
            numbers.append(piece)
        elif month := _month(piece):
            months.append(month)
        elif piece not in _FILLER:
            return Refused(ParseProblem.UNREADABLE)
    if len(months) != 1 or not 1 <= len(numbers) <= 2:
        return Refused(ParseProblem.UNREADABLE)
    if len(numbers) == 1:
        return Refused(ParseProblem.NO_YEAR if len(numbers[0]) <= 2 else ParseProblem.UNREADABLE)
    year_first = len(numbers[0]) == 4
    day, year = (numbers[1], numbers[0]) if year_first else (numbers[0], numbers[1])
    if len(day) > 2 or len(year) not in {2, 4}:
        return Refused(ParseProblem.UNREADABLE)
    return _checked(year, months[0], int(day), today)


def _month(word: str) -> int | None:
    """Return the month a word or its beginning (three letters at least) names."""
    if word in _ROMAN:
        return _ROMAN.index(word) + 1
    if len(word) < 3:
        return None
    for number, names in enumerate(_MONTHS, 1):
        if any(name.startswith(word) for name in names.split()):
            return number
    return None


def _checked(year_text: str, month: int, day: int, today: date) -> Parsed[date] | Refused[date]:
    """Return the day if it exists and is within the range, else the reason."""
    year = int(year_text)
    short = len(year_text) == 2
    if short:
        year += 1900 if year >= _TWO_DIGIT_PIVOT else 2000
    if year < 1:
        return Refused(ParseProblem.TOO_EARLY)
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        return Refused(ParseProblem.NO_SUCH_DAY, _alternatives(year, month, day, today))
    value = date(year, month, day)
    if value < EARLIEST:
        return Refused(ParseProblem.TOO_EARLY)
    if value > today:
        return Refused(ParseProblem.FUTURE, _if_real(year - 100, month, day, today) if short else ())
    return Refused(ParseProblem.TOO_LATE) if value > LATEST else Parsed(value)


def _alternatives(year: int, month: int, day: int, today: date) -> tuple[date, ...]:
    """Return what was meant by a day that does not exist: swapped day and month, or the month's end."""
    if month > 12:
        return _if_real(year, day, month, today)
    if month < 1 or not 28 < day <= 31:
        return ()
    last = monthrange(year, month)[1]
    ends = _if_real(year, month, last, today)
    return ends + tuple(_accepted(end + timedelta(days=1), today) for end in ends if end < min(today, LATEST))


def _accepted(value: date, today: date) -> date:
    return min(value, today, LATEST)


def _if_real(year: int, month: int, day: int, today: date) -> tuple[date, ...]:
    """Return the date alone if it would be accepted, else nothing."""
    if not 1 <= month <= 12 or not EARLIEST.year <= year <= LATEST.year or not 1 <= day <= monthrange(year, month)[1]:
        return ()
    value = date(year, month, day)
    return (value,) if EARLIEST <= value <= min(today, LATEST) else ()


_UNKNOWN_RU = "не знаю|незнаю|неизвестно|не известно|не помню|непомню|без времени|время неизвестно|не знаем|хз|нет"
_UNKNOWN_EN = "unknown|i dont know|dont know|idk|no idea|not known|not sure|none|no|n/a|na"
_UNKNOWN = frozenset((*_UNKNOWN_RU.split("|"), *_UNKNOWN_EN.split("|"), "?", "-", "—", "–"))
_NAMED = {"полдень": time(12), "в полдень": time(12), "noon": time(12), "midday": time(12)} | dict.fromkeys(
    ("полночь", "в полночь", "midnight"), time(0)
)
_CLOCK = re.compile(
    r"(?:в |at |около |примерно |about |ок\.? |~ ?)?"
    r"(?:(?P<compact>[0-9]{3,4})"
    r"|(?P<hour>[0-9]{1,2})(?: ?(?:[:.,\-;]|ч(?:ас(?:а|ов)?)?\.?,?|h| ) ?(?P<minute>[0-9]{2}))?"
    r"(?: ?[:.] ?(?P<second>[0-9]{2}))?)"
    r"(?: ?(?:ч(?:ас(?:а|ов)?)?|м(?:ин(?:ут[аы]?)?)?|h|o'?clock))?\.?"
    r"(?: ?(?P<part>am|pm|a\.m|p\.m|a|p|ночи|утра|дня|вечера|in the morning|in the afternoon|in the evening|"
    r"at night))?\.?"
)
# Hours of the twelve-hour clock that a part of the day may follow, and what they become.
_PARTS: dict[str, dict[int, int]] = {
    "am": {12: 0, **{hour: hour for hour in range(12)}},
    "pm": {12: 12, **{hour: hour + 12 for hour in range(1, 12)}},
    "ночи": {12: 0, 0: 0, **{hour: hour for hour in range(1, 6)}, **{hour: hour + 12 for hour in range(9, 12)}},
    "утра": {hour: hour for hour in range(1, 12)},
    "дня": {12: 12, 11: 11, 10: 10, **{hour: hour + 12 for hour in range(1, 8)}},
    "вечера": {hour: hour + 12 for hour in range(3, 12)},
}
_SAME_PART = {
    "a": "am",
    "p": "pm",
    "a.m": "am",
    "p.m": "pm",
    "in the morning": "am",
    "in the afternoon": "pm",
    "in the evening": "pm",
    "at night": "ночи",
}


def parse_time(text: str) -> Parsed[time | None] | Refused[time]:
    """Read a time of birth; "не знаю", "unknown" and the like give `Parsed(None)`.

    Understood: 14:30, 14.30, 14-30, 14 30, 1430, 14:30:15, 14ч30, "14 часов 30 минут", 14, 2:30 pm, "2 часа ночи",
    "7 вечера", noon, полночь. Without a part of the day the clock has 24 hours.
    """
    plain = _plain(text)
    if not plain:
        return Refused(ParseProblem.EMPTY)
    bare = plain.replace("’", "'")
    if bare.replace("'", "").rstrip(" .!") in _UNKNOWN or bare in _UNKNOWN:
        return Parsed(None)
    if bare in _NAMED:
        return Parsed(_NAMED[bare])
    match = _CLOCK.fullmatch(bare) if len(bare) <= _MAX_TEXT else None
    if match is None:
        return Refused(ParseProblem.UNREADABLE)
    compact = match["compact"]
    hour = int(compact[:-2] if compact else match["hour"])
    minute = int(compact[-2:] if compact else match["minute"] or 0)
    return _clock(hour, minute, int(match["second"] or 0), match["part"])


def _clock(hour: int, minute: int, second: int, part: str | None) -> Parsed[time | None] | Refused[time]:
    """Return the time of the numbers, the twelve-hour clock turned into that of 24 hours."""
    if minute > 59 or second > 59:
        return Refused(ParseProblem.NO_SUCH_TIME)
    if hour > 23:
        return Refused(ParseProblem.NO_SUCH_TIME, (time(0, minute, second),) if hour == 24 else ())
    if part is None:
        return Parsed(time(hour, minute, second))
    name = _SAME_PART.get(part, part)
    hours = _PARTS[name]
    if hour in hours:
        return Parsed(time(hours[hour], minute, second))
    if hour in hours.values():
        return Parsed(time(hour, minute, second))  # "14:30 pm" says the same twice
    both = sorted({hour, (hour + 12) % 24}) if hour <= 12 else [hour]
    return Refused(ParseProblem.NO_SUCH_TIME, tuple(time(each, minute, second) for each in both))


_HEMISPHERE = {
    "n": (1, 0),
    "s": (-1, 0),
    "e": (1, 1),
    "w": (-1, 1),
    "с": (1, 0),
    "ю": (-1, 0),
    "в": (1, 1),
    "з": (-1, 1),
}
_SIDE = r"(?:[nsew]|[сю]\.? ?ш\.?|[вз]\.? ?д\.?)"
_NUMBER = r"[0-9]{1,3}(?:[.,][0-9]{1,12})?"
_SINGLE = re.compile(r"[+-]?" + _NUMBER)  # "55,75" is one number with a decimal comma


def _angle_pattern(which: int) -> str:
    """Return the pattern of one angle; its groups end in its number."""
    return (
        rf"(?:(?P<before{which}>{_SIDE}) ?)?(?P<sign{which}>[+-])?(?P<degrees{which}>{_NUMBER})(?: ?°)?"
        rf"(?: ?(?P<minutes{which}>{_NUMBER}) ?['m])?"
        rf"(?: ?(?P<seconds{which}>{_NUMBER}) ?\")?(?: ?(?P<after{which}>{_SIDE}))?"
    )


_PAIR = re.compile(_angle_pattern(1) + r"(?: ?[,;/] ?| )" + _angle_pattern(2))
_QUOTES = str.maketrans({"′": "'", "’": "'", "ʹ": "'", "″": '"', "”": '"', "“": '"', "º": "°", "˚": "°", "−": "-"})


def parse_coordinates(text: str) -> Parsed[Coordinates] | Refused[Coordinates]:
    """Read latitude and longitude, in this order unless letters say otherwise.

    Understood: "55.75, 37.61", "55,75 37,61", "-33.86; 151.2", "55.75N 37.62E", "N55.75 E37.62",
    "55°45'07\\" с. ш., 37°36'56\\" в. д." and what map services copy.
    """
    # The signs of minutes and seconds are translated before NFKC would take them apart.
    plain = _plain(text.translate(_QUOTES)).replace("''", '"').strip(" .;()")
    if not plain:
        return Refused(ParseProblem.EMPTY)
    match = _PAIR.fullmatch(plain) if len(plain) <= _MAX_TEXT else None
    if match is None or _SINGLE.fullmatch(plain):
        return Refused(ParseProblem.UNREADABLE)
    angles = (_angle(match, 1), _angle(match, 2))
    if None in angles:
        return Refused(ParseProblem.UNREADABLE)
    (first, first_axis), (second, second_axis) = (angle for angle in angles if angle is not None)
    if first_axis is not None and first_axis == second_axis:
        return Refused(ParseProblem.UNREADABLE)
    if first_axis == 1 or second_axis == 0:
        first, second = second, first
    if _on_earth(first, second):
        return Parsed(Coordinates(first, second))
    unsaid = first_axis is None and second_axis is None
    swapped = (Coordinates(second, first),) if unsaid and _on_earth(second, first) else ()
    return Refused(ParseProblem.OUT_OF_RANGE, swapped)


def _angle(match: re.Match[str], which: int) -> tuple[float, int | None] | None:
    """Return one angle in degrees and its axis (0 latitude, 1 longitude, None unsaid), or None if it is senseless."""
    sides = [side for side in (match[f"before{which}"], match[f"after{which}"]) if side]
    degrees, minutes, seconds = (
        float((match[f"{part}{which}"] or "0").replace(",", ".")) for part in ("degrees", "minutes", "seconds")
    )
    if len(sides) > 1 or minutes >= 60 or seconds >= 60 or (sides and match[f"sign{which}"]):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not sides:
        return (-value if match[f"sign{which}"] == "-" else value), None
    sign, axis = _HEMISPHERE[sides[0][0]]
    return sign * value, axis


def _on_earth(latitude: float, longitude: float) -> bool:
    return abs(latitude) <= 90 and abs(longitude) <= 180
