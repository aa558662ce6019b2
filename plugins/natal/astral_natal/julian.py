"""Julian days of civil time.

UTC is taken as UT1, as astrology programs do: the two differ by less than 0.9 s since 1972, and before that
year civil time was kept by the turning Earth itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from astral_natal.errors import InvalidChartRequest

UNIX_EPOCH_JD = 2440587.5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def julian_day(moment: datetime) -> float:
    """The Julian day (UT) of an aware `moment`; InvalidChartRequest if it has no UTC offset."""
    if moment.utcoffset() is None:
        raise InvalidChartRequest(
            "natal: a Julian day was asked for a local time without its UTC offset; "
            "resolve the time zone of the birthplace first"
        )
    return UNIX_EPOCH_JD + (moment - _EPOCH) / _DAY


def wall_time(jd_ut: float, utc_offset: float) -> str:
    """What a clock `utc_offset` seconds east of UTC shows at `jd_ut`: "14:20", the running minute."""
    seconds = round((jd_ut - UNIX_EPOCH_JD) * 86400 + utc_offset) % 86400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
