"""Local birth time to a moment of universal time, through the zone's whole history.

Zone rules come from the PyPI distribution `tzdata` only, never from the system, so that replicas agree. Before 1970
that distribution merges zones with differing pasts (Stockholm follows Berlin); the package's folder `backzone`
restores those. Times before a zone kept a common clock are local mean time of the birthplace itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

from astral_profile.birth import Birth

_MERGED_UNTIL = date(1970, 1, 1)
_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_J2000_JD = 2451545.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of universal time and the clock by which it was told.

    `jd_ut` is the Julian day of civil UTC, taken as UT1 as astrology programs do (error below 0.9 s); `utc` is an
    aware datetime; `offset_seconds` is local minus UTC, east positive, with a fraction for local mean time only;
    `abbreviation` is the zone's name then ("MSD", "+04", "LMT"), "" for an offset given by the person; `dst` says
    that clocks ran ahead of standard time; `is_lmt` that local mean time of the birthplace was used.
    """

    jd_ut: float
    utc: datetime
    offset_seconds: float
    abbreviation: str
    dst: bool
    is_lmt: bool

    @property
    def local(self) -> datetime:
        """What the clock showed: a naive datetime."""
        return (self.utc + timedelta(seconds=self.offset_seconds)).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The clock showed this time twice because it was put back; `Birth.fold` 0 means `first`, 1 `second`."""

    first: Moment
    second: Moment


@dataclass(frozen=True, slots=True)
class Nonexistent:
    """The clock never showed this time because it was put forward by `gap`.

    `suggestion` is what it showed instead: the birth with date and time moved by the gap. `date_only` tells that
    the time is unknown and the whole day, or its noon, was skipped.
    """

    suggestion: Birth
    gap: timedelta
    date_only: bool


@dataclass(frozen=True, slots=True)
class LocalDay:
    """The universal time of a whole local day: from its first moment, included, to its last, excluded."""

    start: Moment
    end: Moment


Resolution = Moment | Ambiguous | Nonexistent


def resolve(birth: Birth) -> Resolution:
    """Return the moment of a birth, or why the clock's time names none or two.

    An unknown time counts as noon (see `local_day` for the bounds). `Ambiguous` comes only while `birth.fold` is
    None; with `birth.offset_seconds` set the zone is not asked at all.

    Raises:
        ValueError: the place's zone is not in the tz database.
    """
    local = datetime.combine(birth.date, birth.time or time(12), tzinfo=None).replace(fold=0)
    zone = _zone_of(birth)
    if birth.offset_seconds is not None:
        return _given(local, birth.offset_seconds)
    if gap := _gap(local, zone):
        shifted = local + gap
        time_then = None if birth.time is None else shifted.time()
        return Nonexistent(
            replace(birth, date=shifted.date(), time=time_then, fold=None), gap, date_only=birth.time is None
        )
    longitude = birth.place.longitude
    first, second = (_moment(local.replace(fold=fold), zone, longitude) for fold in (0, 1))
    if first == second or birth.fold == 0 or birth.time is None:
        return first
    return second if birth.fold == 1 else Ambiguous(first, second)


def local_day(birth: Birth) -> LocalDay:
    """Return the bounds of the birth's local date in universal time, whatever the clocks did that day.

    The bounds are equal for a date that the place skipped (Apia, 2011-12-30).

    Raises:
        ValueError: the place's zone is not in the tz database.
    """
    zone = _zone_of(birth)
    midnight = datetime.combine(birth.date, time())
    if birth.offset_seconds is not None:
        offset = birth.offset_seconds
        return LocalDay(_given(midnight, offset), _given(midnight + _DAY, offset))
    longitude = birth.place.longitude
    # A midnight shown twice: the day begins with the first and ends with the second.
    return LocalDay(
        _first_moment(midnight, zone, longitude), _first_moment((midnight + _DAY).replace(fold=1), zone, longitude)
    )


def tzdata_version() -> str:
    """Return the version of the distribution tzdata in use, such as "2026.1": store it beside what was computed."""
    return version("tzdata")


def zone_info(zone: str, day: date) -> ZoneInfo:
    """Return the rules of a zone that hold for a date.

    Raises:
        ValueError: the zone is not in the tz database.
    """
    return _load(zone, before_1970=day < _MERGED_UNTIL)


@lru_cache(maxsize=256)
def _load(zone: str, *, before_1970: bool) -> ZoneInfo:
    if zone not in _known():
        raise ValueError(
            f"zones: {zone!r} is not in the tz database {tzdata_version()}; give an id such as Europe/Moscow"
        )
    if before_1970:
        own = files("astral_profile").joinpath("backzone", *zone.split("/"))
        if own.is_file():
            with own.open("rb") as stream:
                return ZoneInfo.from_file(stream, key=zone)
    with files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as stream:
        return ZoneInfo.from_file(stream, key=zone)


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())


def _zone_of(birth: Birth) -> ZoneInfo:
    return zone_info(birth.place.zone, birth.date)


def _gap(local: datetime, zone: tzinfo) -> timedelta:
    """Return by how much the clock was put forward over this local time, zero where it was shown."""
    aware = local.replace(tzinfo=zone, fold=0)
    back = aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return back - local


def _moment(local: datetime, zone: ZoneInfo, longitude: float) -> Moment:
    """Return the moment of a local time that exists; `local.fold` chooses between two."""
    aware = local.replace(tzinfo=zone)
    abbreviation = aware.tzname() or ""
    if abbreviation == "LMT":
        # The zone's LMT is that of its main city; the mean Sun of the birthplace is 15 degrees an hour away.
        offset = timedelta(hours=longitude / 15)
        return _build(local, offset, abbreviation, dst=False, is_lmt=True)
    # Irish law calls winter time the exception: dst() is then negative, and no clock runs ahead.
    ahead = (aware.dst() or timedelta()) > timedelta()
    return _build(local, aware.utcoffset() or timedelta(), abbreviation, dst=ahead, is_lmt=False)


def _given(local: datetime, offset_seconds: int) -> Moment:
    return _build(local, timedelta(seconds=offset_seconds), "", dst=False, is_lmt=False)


def _build(local: datetime, offset: timedelta, abbreviation: str, *, dst: bool, is_lmt: bool) -> Moment:
    utc = (local - offset).replace(tzinfo=UTC, fold=0)
    jd_ut = _J2000_JD + (utc - _J2000) / _DAY
    return Moment(jd_ut, utc, offset.total_seconds(), abbreviation, dst, is_lmt)


def _first_moment(midnight: datetime, zone: ZoneInfo, longitude: float) -> Moment:
    """Return the first moment at or after a local midnight, which a gap may have swallowed."""
    gap = _gap(midnight.replace(fold=0), zone)
    if not gap:
        return _moment(midnight, zone, longitude)
    # The clock jumped over midnight: the day begins at the jump, somewhere between the two readings of midnight.
    # By PEP 495 fold 1 reads it with the offset after the jump, an earlier moment; fold 0 with the one before.
    low, high = sorted(midnight.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).replace(tzinfo=None) >= midnight:
            high = middle
        else:
            low = middle
    first = high.replace(microsecond=0)
    return _moment(first.astimezone(zone).replace(tzinfo=None), zone, longitude)
