"""What people read about a day's Moon, in the chat and on the page."""

from datetime import date, datetime, timedelta

from astral_core import N_, Context, PluginContext

from astral_tides.moon import FIRST_DAY, LAST_DAY, MoonDay

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


def facts(ctx: Context | PluginContext, moon: MoonDay, language: str) -> dict[str, str]:
    """A day's Moon in words: day, sign, phase, lit, next_new, next_full."""
    sign, phase = PHASES[moon.phase]
    t = ctx.texts(language).t
    return {
        "day": format_day(moon.day, language),
        "sign": sign,
        "phase": t(phase),
        "lit": t("{percent} % of the disc is lit", percent=round(moon.lit * 100)),
        "next_new": t("Next new moon: {when} UTC", when=format_moment(moon.next_new, language)),
        "next_full": t("Next full moon: {when} UTC", when=format_moment(moon.next_full, language)),
    }


def format_day(day: date, language: str) -> str:
    """A date as people write it."""
    from babel.dates import format_date  # takes 50 ms to import: not at the start

    return str(format_date(day, "d MMMM yyyy", locale=language))


def format_moment(moment: datetime, language: str) -> str:
    """A date and time as people write them, to the nearest minute."""
    moment += timedelta(seconds=30)
    return f"{format_day(moment.date(), language)}, {moment:%H:%M}"


def read_day(text: str) -> date | None:
    """The date that somebody has typed as 2026-12-24 or 24.12.2026; None if `moon_on` does not take it."""
    parts = text.split("-") if "-" in text else text.split(".")[::-1]
    try:
        typed = date(*map(int, parts))
    except (ValueError, TypeError, OverflowError):  # no number, not three of them, or no day of the calendar
        return None
    return typed if FIRST_DAY <= typed <= LAST_DAY else None
