"""From birth data to requests, keys and the words under a picture."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_natal.compute import compute_chart
from astral_natal.julian import wall_time
from astral_natal.model import ChartRequest, HouseSystem
from astral_natal.service import chart_key, offset_label, picture_key, request_of, subtitle
from astral_natal.worker import PictureWords
from astral_profile.api import Ambiguous, Birth, Nonexistent, Place, local_day

MOSCOW = Place("Москва", "RU", 55.75204, 37.61781, "Europe/Moscow")
BIRTH = Birth(dt.date(1990, 6, 15), dt.time(14, 30), MOSCOW)
WORDS = PictureWords("Анна", ("15 июня 1990",), "night", "ru")
MINUTE = 1 / 1440


def birth(day: str, zone: str, clock: str | None = None, longitude: float = 37.6) -> Birth:
    """A birth somewhere in that zone."""
    when = None if clock is None else dt.time.fromisoformat(clock)
    return Birth(dt.date.fromisoformat(day), when, Place("", "", 50.0, longitude, zone))


def test_a_known_time_becomes_its_julian_day():
    """14:30 of Moscow's summer time UTC+4 is 10:30 UT."""
    request = request_of(BIRTH)
    assert isinstance(request, ChartRequest)
    assert request.jd_ut == pytest.approx(2448057.9375, abs=1e-9)
    assert (request.latitude, request.longitude) == (55.75204, 37.61781)
    assert request.time_known
    assert request_of(BIRTH, HouseSystem.EQUAL).system is HouseSystem.EQUAL


def test_an_unknown_time_becomes_noon_and_the_local_day():
    """Noon between the midnights of the place, and nothing about a change of clocks where there is none."""
    request = request_of(replace(BIRTH, time=None))
    assert not request.time_known
    assert request.day_end_jd - request.day_start_jd == pytest.approx(1)
    assert request.jd_ut - request.day_start_jd == pytest.approx(0.5)
    assert request.utc_offset == 4 * 3600
    assert request.offset_change is None
    assert compute_chart(request).houses is None


@pytest.mark.parametrize(
    ("day", "zone", "last_clock", "first_clock"),
    [
        ("1985-03-31", "Europe/Moscow", "01:59", "03:00"),  # forward
        ("1985-09-29", "Europe/Moscow", "02:59", "02:00"),  # back
        ("2007-10-07", "America/Sao_Paulo", None, None),  # no change on this day
        ("1991-03-31", "Europe/Moscow", None, None),  # summer time and the new zone cancel out
        ("1988-04-03", "America/New_York", "01:59", "03:00"),
    ],
)
def test_the_change_of_clocks_on_the_day_is_found(day, zone, last_clock, first_clock):
    """The minute before shows the last of the old offset, the minute of the change the first of the new one."""
    request = request_of(birth(day, zone))
    if last_clock is None:
        assert request.offset_change is None
        return
    moment, offset = request.offset_change
    assert wall_time(moment - MINUTE, request.utc_offset) == last_clock
    assert wall_time(moment, offset) == first_clock


@given(
    day=st.dates(dt.date(1900, 1, 2), dt.date(2037, 12, 30)),
    zone=st.sampled_from(
        ["Europe/Moscow", "America/Havana", "Asia/Gaza", "Australia/Lord_Howe", "Pacific/Apia", "Europe/Dublin"]
    ),
)
def test_every_day_without_a_time_is_a_valid_request(day, zone):
    """Whatever the clocks did on the day: its noon lies in it, and the change between its midnights."""
    born = Birth(day, None, Place("", "", 50.0, 20.0, zone))
    request = request_of(born)
    if isinstance(request, Nonexistent):
        assert request.date_only
        return
    assert request.day_start_jd <= request.jd_ut <= request.day_end_jd
    bounds = local_day(born)
    if request.offset_change is None:
        assert bounds.start.offset_seconds == bounds.end.offset_seconds
    else:
        assert request.day_start_jd < request.offset_change[0] <= request.day_end_jd + 1e-6
        assert request.offset_change[1] == bounds.end.offset_seconds


def test_times_that_name_no_moment_are_told_apart():
    """A time that came twice and one that never came are returned as what they are."""
    assert isinstance(request_of(birth("1985-09-29", "Europe/Moscow", "02:30")), Ambiguous)
    assert isinstance(request_of(birth("1981-04-01", "Europe/Moscow", "00:30")), Nonexistent)
    assert isinstance(request_of(birth("2011-12-30", "Pacific/Apia")), Nonexistent)


def test_an_unknown_zone_is_an_error():
    """A zone that the tz database lacks is said, not guessed."""
    with pytest.raises(ValueError, match="Mars/Olympus"):
        request_of(birth("2000-01-01", "Mars/Olympus", "12:00"))


def test_the_key_of_a_chart_names_all_that_it_depends_on():
    """Equal requests share a key; another moment, place or house system has another one."""
    request = request_of(BIRTH)
    others = [
        replace(request, jd_ut=request.jd_ut + 1e-6),
        replace(request, latitude=55.8),
        replace(request, longitude=37.7),
        replace(request, system=HouseSystem.PORPHYRY),
        request_of(replace(BIRTH, time=None)),
    ]
    keys = {chart_key(each) for each in [request, *others]}
    assert len(keys) == 6
    assert chart_key(replace(request)) == chart_key(request)
    assert all(len(key) == 64 for key in keys)


def test_the_key_of_a_picture_names_words_theme_and_language():
    """The same chart for another person, in another theme or language is another picture."""
    others = [
        replace(WORDS, title="Мария"),
        replace(WORDS, subtitle=("16 июня 1990",)),
        replace(WORDS, theme="paper"),
        replace(WORDS, language="en"),
    ]
    assert len({picture_key("a", WORDS), picture_key("b", WORDS), *(picture_key("a", each) for each in others)}) == 6
    assert picture_key("a", replace(WORDS)) == picture_key("a", WORDS)


@pytest.mark.parametrize(
    ("born", "language", "lines"),
    [
        (BIRTH, "ru", ("15 июня 1990, 14:30 (UTC+4) · Москва, Россия",)),
        (BIRTH, "en", ("15 June 1990, 14:30 (UTC+4) · Москва, Russia",)),
        (replace(BIRTH, time=None), "ru", ("15 июня 1990 · Москва, Россия",)),
        (birth("2000-01-01", "Etc/UTC", "12:00"), "en", ("1 January 2000, 12:00 (UTC+0)",)),
        (
            BIRTH.with_place(replace(MOSCOW, name="Лланвайрпуллгвингиллгогерихверндробуллллантисилиогогогох")),
            "ru",
            (
                "15 июня 1990, 14:30 (UTC+4)",
                "Лланвайрпуллгвингиллгогерихверндробуллллантисилиогогогох, Россия",
            ),
        ),
    ],
)
def test_the_lines_under_a_picture(born, language, lines):
    """Date in words, time with its offset, place: in one line where it fits, without what is not known."""
    assert subtitle(born, language) == lines


@pytest.mark.parametrize(
    ("seconds", "label"),
    [
        (0, "UTC+0"), (14400, "UTC+4"), (-12600, "UTC−3:30"), (9017.0, "UTC+2:30:17"), (20700, "UTC+5:45"),
        (-17.4, "UTC−0:00:17"),
    ],
)  # fmt: skip
def test_offsets_are_written_as_people_do(seconds, label):
    """Whole hours short, minutes and seconds only where there are any."""
    assert offset_label(seconds) == label
