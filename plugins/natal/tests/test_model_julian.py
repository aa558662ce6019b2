"""The small arithmetic below the chart: angles, signs, Julian days, wall time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_natal.errors import InvalidChartRequest
from astral_natal.julian import julian_day, wall_time
from astral_natal.model import SIGNS, Point, normalize, sign_of, sign_position, signed_arc

degrees = st.floats(-1e6, 1e6)
circle = st.floats(0, 360, exclude_max=True)


@given(angle=degrees)
def test_normalize_stays_on_the_circle(angle: float) -> None:
    """The result is in [0, 360) and the same direction."""
    turned = normalize(angle)
    assert 0 <= turned < 360
    assert (angle - turned) / 360 == pytest.approx(round((angle - turned) / 360), abs=1e-9)


def test_a_tiny_negative_angle_is_zero_and_not_a_full_turn() -> None:
    """-1e-20 % 360 is 360.0 in floating point; no longitude may ever be that."""
    assert normalize(-1e-20) == 0.0


@given(start=circle, end=circle)
def test_the_signed_arc_leads_from_start_to_end(start: float, end: float) -> None:
    """It is the shorter way, and walking it arrives."""
    arc = signed_arc(start, end)
    assert -180 < arc <= 180
    assert normalize(start + arc - end + 1) == pytest.approx(1, abs=1e-9)


@given(longitude=circle)
def test_sign_degree_and_minute_never_round_up(longitude: float) -> None:
    """What is printed is at most the longitude, within a minute, and never 30 degrees or 60 minutes."""
    sign, degree, minute = sign_position(longitude)
    assert (sign, degree, minute) < (sign, 30, 0)
    assert minute in range(60)
    assert -1e-9 < longitude - (sign * 30 + degree + minute / 60) < 1 / 60 + 1e-9


@pytest.mark.parametrize(
    ("longitude", "expected"),
    [
        (0.0, ("aries", 0, 0)),
        (29.9999, ("aries", 29, 59)),
        (30.0, ("taurus", 0, 0)),
        (84.07, ("gemini", 24, 4)),
        (359.9999999, ("pisces", 29, 59)),
    ],
)
def test_sign_borders(longitude: float, expected: tuple[str, int, int]) -> None:
    """A sign starts at its exact degree; the last second before it still is the old sign."""
    sign, degree, minute = sign_position(longitude)
    assert (SIGNS[sign], degree, minute) == expected
    point = Point("sun", longitude, 0.0, 1.0)
    assert point.sign == sign == sign_of(longitude)
    assert int(point.degree) == degree
    assert not point.retrograde


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2000, 1, 1, 12, tzinfo=UTC), 2451545.0),
        (datetime(1990, 6, 15, 14, 30, tzinfo=timezone(timedelta(hours=4))), 2448057.9375),
        (datetime(1900, 1, 1, 3, 29, 43, tzinfo=UTC), 2415020.64563657),
        (datetime(1970, 1, 1, tzinfo=UTC), 2440587.5),
    ],
)
def test_julian_days_of_known_moments(moment: datetime, expected: float) -> None:
    """Julian days agree with published ones, whatever offset the moment is written in."""
    assert julian_day(moment) == pytest.approx(expected, abs=1e-8)


def test_a_local_time_without_offset_has_no_julian_day() -> None:
    """Taking local time for UTC is the classic mistake: it is refused."""
    with pytest.raises(InvalidChartRequest, match="time zone"):
        julian_day(datetime(1990, 6, 15, 14, 30))  # noqa: DTZ001 - naive on purpose


@given(
    moment=st.datetimes(datetime(1900, 1, 1), datetime(2053, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive bounds
    offset=st.integers(-14 * 60, 14 * 60),
)
def test_wall_time_is_what_the_clock_showed(moment: datetime, offset: int) -> None:
    """From a local time to its Julian day and back: the same hour and minute."""
    whole = moment.replace(second=30, microsecond=0)
    aware = whole.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert wall_time(julian_day(aware), offset * 60) == f"{whole:%H:%M}"
