"""Moments and days as people write them, by Babel and the CLDR."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

from astral_core.errors import HandlerError

Style = Literal["short", "medium", "long", "full"]
_YEARLESS = {"short": "Md", "medium": "MMMd", "long": "MMMMd", "full": "MMMMEEEEd"}  # CLDR's skeletons
_SPACES = str.maketrans("\u00a0\u202f", "  ")


def shown_date(
    plugin: str,
    moment: datetime | date,
    zone: str | tzinfo,
    language: str,
    style: Style,
    *,
    year: bool,
    skeleton: str | None = None,
) -> str:
    """`moment` in `zone` and `language`. HandlerError if it is naive, or the zone or the style is unknown."""
    from babel import Locale, UnknownLocaleError, dates  # 50 ms that most processes never need

    if style not in _YEARLESS:
        raise HandlerError(f"plugin {plugin!r}: ctx.date: style={style!r}. Fix: one of {', '.join(_YEARLESS)}.")
    try:
        locale = Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):  # a language that only the bot's owner knows
        locale = Locale("en")
    local = _local(plugin, moment, zone) if isinstance(moment, datetime) else moment
    if skeleton is not None:
        return _by_skeleton(plugin, local, skeleton, locale)
    if year:
        day = dates.format_date(local, style, locale)
    else:
        midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001  # only its day is shown
        day = dates.format_skeleton(_YEARLESS[style], midnight, locale=locale)
    if isinstance(local, datetime):
        clock = dates.format_time(local.timetz(), "short", locale=locale)
        both = str(dates.get_datetime_format(style, locale=locale)).replace("'", "")
        day = both.replace("{1}", day).replace("{0}", clock)
    return day.translate(_SPACES)  # tests and people search for plain spaces


def _by_skeleton(plugin: str, local: datetime | date, skeleton: str, locale: Any) -> str:
    """The parts that a skeleton of the CLDR names, in the language's own order."""
    from babel.dates import format_skeleton

    whole = local if isinstance(local, datetime) else datetime(local.year, local.month, local.day)  # noqa: DTZ001
    try:
        return format_skeleton(skeleton, whole.replace(tzinfo=None), locale=locale).translate(_SPACES)
    except (KeyError, AttributeError, ValueError, TypeError) as error:
        raise HandlerError(f"plugin {plugin!r}: ctx.date: {skeleton!r} is no skeleton, such as yMMMM.") from error


def _local(plugin: str, moment: datetime, zone: str | tzinfo) -> datetime:
    if moment.tzinfo is None:
        raise HandlerError(f"plugin {plugin!r}: ctx.date: {moment} has no time zone. Fix: take astral_core.now().")
    if isinstance(zone, str):
        try:
            zone = ZoneInfo(zone)
        except (LookupError, ValueError, OSError) as error:
            raise HandlerError(
                f"plugin {plugin!r}: ctx.date: there is no time zone {zone!r}. Fix: write one such as Europe/Berlin."
            ) from error
    return moment.astimezone(zone)
