"""The ephemeris: its range, its determinism, and what follows from the laws of motion."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_core.errors import AstralError
from astral_natal import engine
from astral_natal.errors import DateOutOfRange, EphemerisMissing, NatalError
from astral_natal.julian import julian_day
from astral_natal.model import (
    EPHEMERIS_FIRST_JD,
    EPHEMERIS_LAST_JD,
    FIRST_DATE,
    LAST_DATE,
    NODES,
    PLANETS,
    signed_arc,
)

moments = st.floats(EPHEMERIS_FIRST_JD, EPHEMERIS_LAST_JD)
few = settings(max_examples=25, deadline=None)


def test_positions_hold_the_planets_and_both_nodes_in_order() -> None:
    """Ten planets, then the true and the mean node, none of them in a house yet."""
    points = engine.positions(2451545.0)
    assert tuple(point.id for point in points) == (*PLANETS, *NODES)
    assert all(point.house is None for point in points)


@given(jd=moments)
@few
def test_the_sky_obeys_its_limits(jd: float) -> None:
    """Sun on the ecliptic and never retrograde, Mercury and Venus near it, mean node backwards near the true one."""
    points = {point.id: point for point in engine.positions(jd)}
    sun = points["sun"]
    assert all(0 <= point.longitude < 360 and -90 <= point.latitude <= 90 for point in points.values())
    assert abs(sun.latitude) < 0.001
    assert 0.95 < sun.speed < 1.02
    assert 11.5 < points["moon"].speed < 15.5
    assert abs(points["moon"].latitude) < 5.4
    assert abs(signed_arc(sun.longitude, points["mercury"].longitude)) < 28.5
    assert abs(signed_arc(sun.longitude, points["venus"].longitude)) < 47.9
    assert -0.06 < points["mean_node"].speed < -0.04
    assert abs(signed_arc(points["mean_node"].longitude, points["true_node"].longitude)) < 2


@given(jd=st.floats(EPHEMERIS_FIRST_JD, EPHEMERIS_LAST_JD - 0.01))
@few
def test_speed_is_the_derivative_of_the_longitude(jd: float) -> None:
    """Moving on by the speed for a quarter of an hour arrives where the engine says the body then is."""
    later = {point.id: point for point in engine.positions(jd + 0.01)}
    for point in engine.positions(jd):
        moved = signed_arc(point.longitude, later[point.id].longitude)
        assert moved == pytest.approx(point.speed * 0.01, abs=2e-4)


@given(jd=moments, body=st.sampled_from(PLANETS))
@few
def test_a_single_longitude_is_the_one_of_the_whole_sky(jd: float, body: str) -> None:
    """The short way for one body gives exactly what the chart shows."""
    whole = {point.id: point.longitude for point in engine.positions(jd)}
    assert engine.longitude(body, jd) == whole[body]


def test_the_moon_crosses_the_ecliptic_at_its_node() -> None:
    """Where the Moon's latitude turns from south to north, the true node is where the Moon is."""
    low = 2451545.0
    while not _latitude(low) < 0 <= _latitude(low + 1):
        low += 1
    high = low + 1
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if _latitude(middle) < 0 else (low, middle)
    points = {point.id: point.longitude for point in engine.positions(high)}
    assert abs(signed_arc(points["moon"], points["true_node"])) < 0.02


def _latitude(jd: float) -> float:
    return engine.positions(jd)[PLANETS.index("moon")].latitude


def test_equinox_and_solstice_of_2000() -> None:
    """The Sun enters Aries on 2000-03-20 07:35 UTC and Cancer on 2000-06-21 01:48 UTC, as almanacs print."""
    for moment, sign in (
        (datetime(2000, 3, 20, 7, 35, tzinfo=UTC), 0),
        (datetime(2000, 6, 21, 1, 48, tzinfo=UTC), 90),
    ):
        assert abs(signed_arc(sign, engine.longitude("sun", julian_day(moment)))) < 1 / 60 / 20


@pytest.mark.parametrize("jd", [EPHEMERIS_FIRST_JD, EPHEMERIS_LAST_JD])
def test_both_ends_of_the_range_can_be_computed(jd: float) -> None:
    """The range that is promised is really covered, Pluto's light time included."""
    assert len(engine.positions(jd)) == 12


@pytest.mark.parametrize(
    "jd",
    [
        math.nextafter(EPHEMERIS_FIRST_JD, 0),
        math.nextafter(EPHEMERIS_LAST_JD, math.inf),
        2407330.5,
        0.0,
        -1e300,
        1e300,
        math.nan,
        math.inf,
    ],
)
def test_outside_of_the_range_the_error_names_the_dates(jd: float) -> None:
    """A clear error of the plugin, which says what to do and does not repeat the birth moment."""
    for call in (engine.positions, lambda moment: engine.longitude("sun", moment)):
        with pytest.raises(DateOutOfRange) as caught:
            call(jd)
        assert isinstance(caught.value, NatalError)
        assert isinstance(caught.value, AstralError)
        assert "1899-07-31 to 2053-10-06" in str(caught.value)
        assert str(jd) not in str(caught.value)


@pytest.mark.parametrize("hours", [-14, 0, 14])
@pytest.mark.parametrize(("day", "clock"), [(FIRST_DATE, time.min), (LAST_DATE, time.max)])
def test_first_and_last_date_hold_in_every_zone(day: date, clock: time, hours: int) -> None:
    """A local date within the promised ones lies in the ephemeris wherever on Earth it was."""
    zone = timezone(timedelta(hours=hours))
    assert EPHEMERIS_FIRST_JD < julian_day(datetime.combine(day, clock, zone)) < EPHEMERIS_LAST_JD


def test_a_missing_ephemeris_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged installation gets a readable error, and the next call works once it is repaired."""
    engine.positions(2451545.0)
    monkeypatch.setattr(engine.skyfield_data, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(EphemerisMissing, match="pip install --force-reinstall skyfield-data"):
        engine._ephemeris.__wrapped__()
    assert len(engine.positions(2451545.0)) == 12


def test_the_ephemeris_is_opened_once() -> None:
    """All charts of a process share one open file."""
    engine.positions(2451545.0)
    before = engine._ephemeris.cache_info().misses
    engine.positions(2451546.0)
    assert engine._ephemeris.cache_info().misses == before
    assert engine._ephemeris() is engine._ephemeris()
