"""What people read about a day's Moon, in the chat and on the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from astral_tides.moon import FIRST_DAY, LAST_DAY, MoonDay

# (text, **values): `t` of a handler's context, or that of a plugin's context with its language.
Translate = Callable[..., str]


def N_(text: str) -> str:  # noqa: N802  # gettext's own name: marks a text that is translated later
    """Mark a source text."""
    return text


PHASES = (
    ("🌑", N_("New moon")),
    ("🌒", N_("Waxing crescent")),
    ("🌓", N_("First quarter")),
    ("🌔", N_("Waxing gibbous")),
    ("🌕", N_("Full moon")),
    ("🌖", N_("Waning gibbous")),
    ("🌗", N_("Last quarter")),
    ("🌘", N_("Waning crescent")),
)

_ISO, _DOTTED = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})"), re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


@dataclass(frozen=True)
class Facts:
    """A day's Moon in words."""

    day: str
    sign: str
    phase: str
    lit: str
    next_new: str
    next_full: str


def facts(moon: MoonDay, language: str, t: Translate) -> Facts:
    """Put a day's Moon into words."""
    sign, phase = PHASES[moon.phase]
    return Facts(
        day=format_day(moon.day, language),
        sign=sign,
        phase=t(phase),
        lit=t("{percent} % of the disc is lit", percent=round(moon.lit * 100)),
        next_new=t("Next new moon: {when} UTC", when=format_moment(moon.next_new, language)),
        next_full=t("Next full moon: {when} UTC", when=format_moment(moon.next_full, language)),
    )


def format_day(day: date, language: str) -> str:
    """A date as people write it."""
    from babel.dates import format_date  # takes 50 ms to import: not at the start

    return str(format_date(day, "d MMMM yyyy", locale=language))


def format_moment(moment: datetime, language: str) -> str:
    """A date and time as people write them, to the nearest minute."""
    moment += timedelta(seconds=30)
    return f"{format_day(moment.date(), language)}, {moment:%H:%M}"


def read_day(text: str) -> date | None:
    """The date that somebody has typed as 2026-12-24 or 24.12.2026; None where it is none that `moon_on` takes."""
    if found := _ISO.fullmatch(text.strip()):
        year, month, day = map(int, found.groups())
    elif found := _DOTTED.fullmatch(text.strip()):
        day, month, year = map(int, found.groups())
    else:
        return None
    try:
        typed = date(year, month, day)
    except ValueError:
        return None
    return typed if FIRST_DAY <= typed <= LAST_DAY else None
