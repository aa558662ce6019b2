"""Dates, times and births in words, for cards and buttons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from astral_core import Markup, html
from astral_profile.birth import Birth, Place
from astral_profile.clock import moment_of, offset_label
from astral_profile.labels import coordinates_label, place_name

Translate = Callable[..., Markup]
_MAX_ECHO = 40


def date_words(day: dt.date, language: str) -> str:
    """Return "15 июня 1990, пятница" or "Friday, 15 June 1990"."""
    pattern = "d MMMM y, EEEE" if _is_russian(language) else "EEEE, d MMMM y"
    return _format(day, pattern, language)


def date_short(day: dt.date, language: str) -> str:
    """Return "15 июня 1990" or "15 June 1990"."""
    return _format(day, "d MMMM y", language)


def time_words(time: dt.time, language: str) -> str:
    """Return "14:30", in English with the twelve-hour clock beside it: "14:30 (2:30 pm)"."""
    told = time_short(time)
    if _is_russian(language):
        return told
    twelve = f"{time.hour % 12 or 12}{told[2:]} {'am' if time.hour < 12 else 'pm'}"
    return f"{told} ({twelve})"


def time_short(time: dt.time) -> str:
    """Return "14:30", or "14:30:15" where seconds are known."""
    return time.isoformat("seconds" if time.second else "minutes")


def gap_words(t: Translate, gap: dt.timedelta) -> Markup:
    """Return "1 h", "30 min" or both."""
    hours, minutes = divmod(round(gap.total_seconds() / 60), 60)
    if not minutes:
        return t("{n} h", n=hours)
    return t("{hours} h {minutes} min", hours=hours, minutes=minutes) if hours else t("{n} min", n=minutes)


def echo(text: str) -> str:
    """Return what a person typed, cut to what a card can show."""
    plain = " ".join(text.split())
    return plain if len(plain) <= _MAX_ECHO else plain[: _MAX_ECHO - 1] + "…"


def place_lines(place: Place, language: str) -> str:
    """Return the name of a place, and its coordinates in a second line."""
    degrees = coordinates_label(place.latitude, place.longitude, language)
    name = place_name(place, language)
    return f"{name}\n      {degrees}" if name else degrees


def clock_words(t: Translate, birth: Birth) -> Markup:
    """Return the offset from UTC at a birth and its reason: "UTC+4, summer time"."""
    moment = moment_of(birth)
    offset = offset_label(moment.offset_seconds)
    if birth.offset_seconds is not None:
        return t("{offset}, as you told me", offset=offset)
    if moment.is_lmt:
        return t("{offset}, local mean time by the Sun", offset=offset)
    return t("{offset}, summer time", offset=offset) if moment.dst else t("{offset}, standard time", offset=offset)


def birth_lines(t: Translate, birth: Birth, language: str) -> list[Markup]:
    """Return the lines of a card that tell a whole birth."""
    lines = told_lines(t, birth.date, birth.time, birth.place, language, time_told=True)
    return [*lines, html("🌐 {clock}", clock=clock_words(t, birth))]


def told_lines(
    t: Translate, date: dt.date | None, time: dt.time | None, place: Place | None, language: str, *, time_told: bool
) -> list[Markup]:
    """Return one line for each answer given so far."""
    lines = []
    if date is not None:
        lines.append(html("📅 {date}", date=date_words(date, language)))
    if time_told:
        lines.append(html("🕑 {time}", time=t("time unknown") if time is None else time_words(time, language)))
    if place is not None:
        lines.append(html("📍 {place}", place=place_lines(place, language)))
    return lines


def _format(day: dt.date, pattern: str, language: str) -> str:
    # Babel reads its tables at import: only who shows a date pays for them.
    from babel.dates import format_date

    return str(format_date(day, pattern, locale="ru" if _is_russian(language) else "en"))


def _is_russian(language: str) -> bool:
    return language.lower().startswith("ru")
