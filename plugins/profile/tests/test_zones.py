"""Local birth times to universal time: the history of clocks, repeated and skipped hours, whole days."""

from __future__ import annotations

import datetime as dt
import pickle
from importlib.metadata import version
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_profile import zones
from astral_profile.birth import EARLIEST, LATEST, Birth, Place
from astral_profile.zones import (
    Ambiguous,
    Moment,
    Nonexistent,
    local_day,
    resolve,
    tzdata_version,
    zone_info,
)

HOUR = 3600.0
ZONES = [
    "Europe/Moscow", "Asia/Almaty", "Europe/Stockholm", "Europe/Dublin", "America/New_York", "Pacific/Apia",
    "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Monrovia", "America/Toronto", "Asia/Yekaterinburg",
    "Antarctica/Troll", "Etc/GMT+3",
]  # fmt: skip


def birth(
    day: str,
    clock: str | None,
    zone: str,
    longitude: float = 37.61781,
    fold: int | None = None,
    offset_seconds: int | None = None,
) -> Birth:
    """A birth by strings, on the latitude of Moscow, which does not matter here."""
    place = Place("x", "", 55.75204, longitude, zone)
    time = None if clock is None else dt.time.fromisoformat(clock)
    return Birth(dt.date.fromisoformat(day), time, place, fold, offset_seconds)


def moment(of: Birth) -> Moment:
    """The moment of a birth that has exactly one."""
    found = resolve(of)
    assert isinstance(found, Moment)
    return found


@pytest.mark.parametrize(
    ("day", "clock", "zone", "fold", "longitude", "offset", "jd_ut"),
    [
        ("1900-01-01", "06:00", "Europe/Moscow", None, 37.61781, 9017.0, 2415020.64563657),
        ("1961-07-01", "19:45", "Europe/London", None, 0.5, 3600.0, 2437482.28125),
        ("1968-05-28", "11:00", "Australia/Melbourne", None, 144.9667, 36000.0, 2440004.54166667),
        ("1970-01-10", "15:20", "Europe/Moscow", None, 33.09251, 10800.0, 2440597.01388889),
        ("1985-09-29", "02:30", "Europe/Moscow", 0, 37.61781, 14400.0, 2446337.4375),
        ("1985-09-29", "02:30", "Europe/Moscow", 1, 37.61781, 10800.0, 2446337.47916667),
        ("1990-06-15", "14:30", "Europe/Moscow", None, 37.61781, 14400.0, 2448057.9375),
        ("2012-01-15", "03:33", "Europe/Moscow", None, 37.61781, 14400.0, 2455941.48125),
        ("2022-09-15", "12:00", "Europe/Moscow", None, 37.61781, 10800.0, 2459837.875),
        ("1934-03-09", None, "Europe/Moscow", None, 34.7, 10800.0, 2427505.875),
    ],
)
def test_julian_days_of_reference_charts(
    day: str, clock: str | None, zone: str, fold: int | None, longitude: float, offset: float, jd_ut: float
) -> None:
    """Ten charts computed with Swiss Ephemeris have the same Julian day, to a millisecond, and offset."""
    found = moment(birth(day, clock, zone, longitude, fold))
    assert found.jd_ut == pytest.approx(jd_ut, abs=1.2e-8)
    assert found.offset_seconds == offset


@pytest.mark.parametrize(
    ("day", "zone", "offset"),
    [
        ("1916-01-01", "Europe/Moscow", 2.5 * HOUR + 17),
        ("1917-01-01", "Europe/Moscow", 2.5 * HOUR + 79),
        ("1918-06-15", "Europe/Moscow", 4.5 * HOUR + 79),
        ("1929-07-01", "Europe/Moscow", 2 * HOUR),
        ("1935-07-01", "Europe/Moscow", 3 * HOUR),
        ("1981-07-01", "Europe/Moscow", 4 * HOUR),
        ("1990-12-31", "Europe/Moscow", 3 * HOUR),
        ("1991-06-15", "Europe/Moscow", 3 * HOUR),
        ("1991-12-15", "Europe/Moscow", 2 * HOUR),
        ("1992-02-15", "Europe/Moscow", 3 * HOUR),
        ("2011-12-15", "Europe/Moscow", 4 * HOUR),
        ("2014-10-01", "Europe/Moscow", 4 * HOUR),
        ("2015-07-01", "Europe/Moscow", 3 * HOUR),
        ("1990-07-01", "Asia/Almaty", 7 * HOUR),
        ("1991-07-01", "Asia/Almaty", 6 * HOUR),
        ("2024-06-01", "Asia/Almaty", 5 * HOUR),
        ("1990-07-15", "Europe/Kyiv", 3 * HOUR),
        ("1991-06-15", "Europe/Samara", 3 * HOUR),
        ("1945-07-01", "Europe/Stockholm", 1 * HOUR),
        ("1945-07-01", "Europe/Berlin", 3 * HOUR),
        ("1935-07-01", "Europe/Amsterdam", HOUR + 20 * 60 - 28),
        ("1950-01-01", "Atlantic/Reykjavik", -HOUR),
        ("1945-07-01", "Europe/Oslo", 2 * HOUR),
        ("1980-07-01", "Europe/Stockholm", 2 * HOUR),
    ],
)
def test_offsets_through_history(day: str, zone: str, offset: float) -> None:
    """Decree time, the changes of 1991, 2011 and 2014, and neutral Sweden's own clock are known."""
    assert moment(birth(day, "12:00", zone)).offset_seconds == offset


@pytest.mark.parametrize(
    ("day", "zone", "abbreviation", "summer"),
    [
        ("1990-06-15", "Europe/Moscow", "MSD", True),
        ("1990-12-15", "Europe/Moscow", "MSK", False),
        ("2012-06-15", "Europe/Moscow", "MSK", False),
        ("2000-07-01", "America/New_York", "EDT", True),
        ("2000-01-01", "America/New_York", "EST", False),
        ("2000-01-01", "Europe/Dublin", "GMT", False),
    ],
)
def test_the_clock_is_named(day: str, zone: str, abbreviation: str, *, summer: bool) -> None:
    """The abbreviation and the summer flag let the confirmation say why this offset held."""
    found = moment(birth(day, "12:00", zone))
    assert (found.abbreviation, found.dst, found.is_lmt) == (abbreviation, summer, False)


@pytest.mark.parametrize(
    ("zone", "day", "longitude", "offset"),
    [
        ("Asia/Yekaterinburg", "1910-05-01", 60.6, 14_544.0),
        ("Asia/Yekaterinburg", "1910-05-01", 55.0, 13_200.0),
        ("Asia/Vladivostok", "1905-05-01", 131.9, 31_656.0),
        ("America/Argentina/Ushuaia", "1900-01-01", -68.3, None),
    ],
)
def test_local_mean_time_is_that_of_the_birthplace(
    zone: str, day: str, longitude: float, offset: float | None
) -> None:
    """Before common clocks the offset is the longitude in time, four minutes a degree, not the main city's."""
    found = moment(birth(day, "12:00", zone, longitude))
    assert found.is_lmt is (offset is not None)
    if offset is not None:
        assert found.offset_seconds == pytest.approx(offset, abs=1e-6)
        assert found.abbreviation == "LMT"


def test_local_mean_time_ten_degrees_east() -> None:
    """At 10 degrees east, as in Ulm, local mean time is 40 minutes ahead, not the 13 and a half of Lagos."""
    found = moment(birth("1900-03-14", "11:30", "Africa/Lagos", longitude=10.0))
    assert found.is_lmt
    assert found.utc == dt.datetime(1900, 3, 14, 10, 50, tzinfo=dt.UTC)


def test_a_repeated_hour_gives_both_moments() -> None:
    """Moscow, 29 September 1985, 02:30 came twice: without an answer both are returned, an hour apart."""
    found = resolve(birth("1985-09-29", "02:30", "Europe/Moscow"))
    assert isinstance(found, Ambiguous)
    assert (found.first.abbreviation, found.second.abbreviation) == ("MSD", "MSK")
    assert found.first.dst
    assert not found.second.dst
    assert found.second.utc - found.first.utc == dt.timedelta(hours=1)
    assert found.first.local == found.second.local == dt.datetime.fromisoformat("1985-09-29T02:30")


@pytest.mark.parametrize(("fold", "which"), [(0, "first"), (1, "second")])
def test_the_answer_settles_a_repeated_hour(fold: int, which: str) -> None:
    """Once it is known which passage was meant, the birth has one moment."""
    both = resolve(birth("1985-09-29", "02:30", "Europe/Moscow"))
    assert moment(birth("1985-09-29", "02:30", "Europe/Moscow", fold=fold)) == getattr(both, which)


def test_an_idle_fold_changes_nothing() -> None:
    """An answer kept from another date does not move a time that came once."""
    plain = moment(birth("1990-06-15", "14:30", "Europe/Moscow"))
    assert moment(birth("1990-06-15", "14:30", "Europe/Moscow", fold=1)) == plain


@pytest.mark.parametrize(
    ("day", "clock", "zone", "gap", "day_then", "clock_then"),
    [
        ("1981-04-01", "00:30", "Europe/Moscow", dt.timedelta(hours=1), "1981-04-01", "01:30"),
        ("1986-01-01", "00:07", "Asia/Kathmandu", dt.timedelta(minutes=15), "1986-01-01", "00:22"),
        ("2011-12-30", "10:00", "Pacific/Apia", dt.timedelta(days=1), "2011-12-31", "10:00"),
        ("2024-03-31", "02:30", "Europe/Berlin", dt.timedelta(hours=1), "2024-03-31", "03:30"),
        ("1984-04-01", "00:00", "Europe/Moscow", dt.timedelta(hours=1), "1984-04-01", "01:00"),
    ],
)
def test_a_skipped_time_is_told_with_a_suggestion(
    day: str, clock: str, zone: str, gap: dt.timedelta, day_then: str, clock_then: str
) -> None:
    """A time that no clock showed is not guessed: the result says by how much clocks jumped and what they showed."""
    found = resolve(birth(day, clock, zone))
    assert found == Nonexistent(birth(day_then, clock_then, zone), gap, date_only=False)
    assert isinstance(resolve(birth(day_then, clock_then, zone)), Moment)


def test_a_skipped_day_with_unknown_time() -> None:
    """The day that Samoa skipped is refused even when the time is unknown, and stays without time."""
    found = resolve(birth("2011-12-30", None, "Pacific/Apia"))
    assert found == Nonexistent(birth("2011-12-31", None, "Pacific/Apia"), dt.timedelta(days=1), date_only=True)


def test_a_given_offset_overrules_the_zone() -> None:
    """Who knows that the district kept other time is believed, even within a gap of the zone."""
    found = moment(birth("1981-04-01", "00:30", "Europe/Moscow", offset_seconds=10_800))
    assert found.utc == dt.datetime(1981, 3, 31, 21, 30, tzinfo=dt.UTC)
    assert (found.offset_seconds, found.abbreviation) == (10_800.0, "")


def test_an_unknown_time_is_noon() -> None:
    """Without a time the moment is local noon."""
    assert moment(birth("1990-06-15", None, "Europe/Moscow")).local == dt.datetime.fromisoformat("1990-06-15T12:00")


@pytest.mark.parametrize(
    ("day", "zone", "start", "end"),
    [
        ("1990-06-15", "Europe/Moscow", "1990-06-14T20:00", "1990-06-15T20:00"),
        ("1981-04-01", "Europe/Moscow", "1981-03-31T21:00", "1981-04-01T20:00"),
        ("1985-09-29", "Europe/Moscow", "1985-09-28T20:00", "1985-09-29T21:00"),
        ("1919-03-30", "America/Toronto", "1919-03-30T05:00", "1919-03-31T04:30"),
        ("1919-03-31", "America/Toronto", "1919-03-31T04:30", "1919-04-01T04:00"),
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"),
        ("1969-12-31", "Europe/Stockholm", "1969-12-30T23:00", "1969-12-31T23:00"),
    ],
)
def test_bounds_of_the_local_day(day: str, zone: str, start: str, end: str) -> None:
    """A local day has the hours that its clocks had: 23 or 25 on changes, none where it was skipped."""
    bounds = local_day(birth(day, None, zone))
    assert bounds.start.utc == dt.datetime.fromisoformat(start).replace(tzinfo=dt.UTC)
    assert bounds.end.utc == dt.datetime.fromisoformat(end).replace(tzinfo=dt.UTC)


def test_bounds_of_a_day_with_a_given_offset() -> None:
    """A given offset holds all day long."""
    bounds = local_day(birth("1981-04-01", None, "Europe/Moscow", offset_seconds=10_800))
    assert bounds.end.jd_ut - bounds.start.jd_ut == 1.0


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "Factory/x", "zones"])
def test_an_unknown_zone_is_named(zone: str) -> None:
    """A zone that the tz database lacks raises ValueError with the id and the version looked into."""
    with pytest.raises(ValueError, match=f"{zone}.*{tzdata_version()}"):
        resolve(birth("1990-06-15", "12:00", zone))


def test_zone_rules_come_from_the_distribution_not_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without zone files, or with others, changes nothing: replicas agree."""
    import zoneinfo

    zones._load.cache_clear()
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    zoneinfo.reset_tzpath(to=[])
    try:
        assert moment(birth("1991-12-15", "12:00", "Europe/Moscow")).offset_seconds == 2 * HOUR
    finally:
        zoneinfo.reset_tzpath()
    assert tzdata_version() == version("tzdata")


def test_restored_zones_agree_with_the_distribution_from_1970_on() -> None:
    """The files of the folder backzone are needed before 1970 only: at its start both clocks show the same."""
    restored = files("astral_profile").joinpath("backzone")
    found = 0
    for region in restored.iterdir():
        for file in region.iterdir() if region.is_dir() else ():
            name = f"{region.name}/{file.name}"
            new_year = dt.datetime.fromisoformat("1970-01-01T00:00")
            old = zone_info(name, dt.date(1969, 12, 31)).utcoffset(new_year)
            assert old == zone_info(name, dt.date(1970, 1, 1)).utcoffset(new_year), name
            found += 1
    assert found > 80


@given(
    st.dates(EARLIEST, LATEST - dt.timedelta(days=1)),
    st.times().map(lambda clock: clock.replace(microsecond=0)),
    st.sampled_from(ZONES),
    st.floats(-180, 180),
    st.sampled_from([None, 0, 1]),
)
def test_every_moment_shows_the_time_it_was_made_from(
    day: dt.date, clock: dt.time, zone: str, longitude: float, fold: int | None
) -> None:
    """Whatever the result, its moments read back as the birth's own date and time, or its suggestion exists."""
    asked = birth(day.isoformat(), clock.isoformat(), zone, longitude, fold)
    found = resolve(asked)
    if isinstance(found, Nonexistent):
        assert found.gap > dt.timedelta(0)
        assert not isinstance(resolve(found.suggestion), Nonexistent)
        return
    moments = (found.first, found.second) if isinstance(found, Ambiguous) else (found,)
    for each in moments:
        off = each.local - dt.datetime.combine(day, clock)
        assert abs(off) <= dt.timedelta(microseconds=1)
        assert abs(each.offset_seconds) <= 16 * HOUR
    if isinstance(found, Ambiguous):
        assert fold is None
        assert found.first.utc < found.second.utc


@given(st.dates(EARLIEST, LATEST - dt.timedelta(days=1)), st.sampled_from(ZONES))
def test_days_follow_each_other(day: dt.date, zone: str) -> None:
    """A local day has 0 to 26 hours, and a moment at noon lies within it."""
    asked = birth(day.isoformat(), None, zone)
    bounds = local_day(asked)
    assert dt.timedelta(0) <= bounds.end.utc - bounds.start.utc <= dt.timedelta(hours=26)
    noon = resolve(asked)
    if isinstance(noon, Moment):
        assert bounds.start.utc < noon.utc < bounds.end.utc
        assert bounds.start.jd_ut < noon.jd_ut < bounds.end.jd_ut


def test_results_can_be_pickled() -> None:
    """Moments travel to worker processes and back."""
    found = resolve(birth("1985-09-29", "02:30", "Europe/Moscow"))
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - our own bytes
