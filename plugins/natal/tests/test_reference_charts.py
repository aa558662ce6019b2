"""Ten charts computed with Swiss Ephemeris: the engine and the houses agree with it within the tolerances."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from astral_natal.compute import compute_chart
from astral_natal.engine import observe
from astral_natal.model import NODES, PLANETS, SIGNS, Chart, ChartRequest, HouseSystem, sign_position, signed_arc

_DATA = json.loads((Path(__file__).parent / "data" / "charts.json").read_text(encoding="utf-8"))
CHARTS: list[dict[str, Any]] = _DATA["charts"]
TOLERANCES: dict[str, float] = _DATA["tolerances_arcsec"]
HOUSED = [chart for chart in CHARTS if chart["houses"]]
STATION = 0.001  # degrees a day: slower than this the direction is a matter of the ephemeris

every_chart = pytest.mark.parametrize("facts", CHARTS, ids=lambda chart: chart["id"])
every_housed = pytest.mark.parametrize("facts", HOUSED, ids=lambda chart: chart["id"])


def arcseconds(one: float, other: float) -> float:
    """How far two longitudes are apart."""
    return abs(signed_arc(one, other)) * 3600


def house_tolerance(facts: dict[str, Any]) -> float:
    """What 1.2 seconds of time make at the Ascendant, at least 5 arcseconds."""
    return max(5.0, 1.2 * facts["houses"]["asc_arcsec_per_second_of_time"])


compute_once = cache(compute_chart)


def chart_of(facts: dict[str, Any], system: HouseSystem = HouseSystem.PLACIDUS) -> Chart:
    """The plugin's chart of the same birth, as if its time were known."""
    return compute_once(ChartRequest(facts["jd_ut"], facts["lat"], facts["lon"], system))


def test_there_are_ten_charts_and_one_has_no_time() -> None:
    """The data is complete: nothing below passes because a chart went missing."""
    assert len(CHARTS) == 10
    assert [chart["id"] for chart in CHARTS if not chart["houses"]] == ["gagarin"]
    assert all(set(chart["points"]) == {*PLANETS, *NODES} for chart in CHARTS)


@every_chart
@pytest.mark.parametrize("body", [*PLANETS, *NODES])
def test_longitudes_agree(facts: dict[str, Any], body: str) -> None:
    """Planets within 5 arcseconds, the Moon 15, the mean node 5, the true node 60."""
    tolerance = TOLERANCES.get(body, TOLERANCES["planets"])
    point = chart_of(facts).point(body)
    assert arcseconds(point.longitude, facts["points"][body]["lon"]) <= tolerance
    assert abs(point.latitude - facts["points"][body].get("lat", 0.0)) * 3600 <= tolerance


@every_chart
@pytest.mark.parametrize("body", [*PLANETS, *NODES])
def test_speeds_agree(facts: dict[str, Any], body: str) -> None:
    """Speeds agree to a thousandth of a degree a day, and so do the directions away from stations."""
    point, expected = chart_of(facts).point(body), facts["points"][body]["speed"]
    assert abs(point.speed - expected) < 0.001
    if abs(expected) > STATION:
        assert point.retrograde is (expected < 0)


@every_housed
@pytest.mark.parametrize("system", HouseSystem)
def test_angles_and_cusps_agree(facts: dict[str, Any], system: HouseSystem) -> None:
    """Ascendant, Midheaven and the twelve cusps of all four systems lie within the tolerance of the place."""
    tolerance = house_tolerance(facts)
    houses = chart_of(facts, system).houses
    assert houses is not None
    expected = facts["houses"][system] or facts["houses"]["porphyry"]
    assert arcseconds(houses.ascendant, facts["houses"]["asc"]) <= tolerance
    assert arcseconds(houses.midheaven, facts["houses"]["mc"]) <= tolerance
    assert len(houses.cusps) == len(expected) == 12
    for cusp, value in zip(houses.cusps, expected, strict=True):
        assert arcseconds(cusp, value) <= tolerance


@pytest.mark.parametrize(
    "facts", [chart for chart in HOUSED if chart["houses"]["houses_of_points"]], ids=lambda chart: chart["id"]
)
def test_points_stand_in_the_same_houses(facts: dict[str, Any]) -> None:
    """All twelve points stand in the Placidus houses that Swiss Ephemeris puts them in."""
    chart = chart_of(facts)
    assert {point.id: point.house for point in chart.points} == facts["houses"]["houses_of_points"]


def test_moscow_1990() -> None:
    """15 June 1990, 14:30 in Moscow: Sun 24°04' Gemini, Ascendant 5°42' Libra, Saturn to Pluto retrograde."""
    chart = chart_of(next(facts for facts in CHARTS if facts["id"] == "moscow1990"))
    assert chart.houses is not None
    sun, ascendant = sign_position(chart.point("sun").longitude), sign_position(chart.houses.ascendant)
    assert (SIGNS[sun[0]], *sun[1:]) == ("gemini", 24, 4)
    assert (SIGNS[ascendant[0]], *ascendant[1:]) == ("libra", 5, 42)
    backward = {body for body in PLANETS if chart.point(body).retrograde}
    assert backward == {"saturn", "uranus", "neptune", "pluto"}


def test_six_planets_retrograde_in_september_2022() -> None:
    """The retrograde flag finds all six, Mercury among them, and leaves the luminaries alone."""
    chart = chart_of(next(facts for facts in CHARTS if facts["id"] == "retro2022"))
    backward = {body for body in PLANETS if chart.point(body).retrograde}
    assert backward == {"mercury", "jupiter", "saturn", "uranus", "neptune", "pluto"}


def test_both_passes_of_a_repeated_hour_differ() -> None:
    """The hour between the two 02:30 of a night when clocks went back moves the Ascendant by ten degrees."""
    first, second = (
        chart_of(next(facts for facts in CHARTS if facts["id"] == name)).houses for name in ("fold1985a", "fold1985b")
    )
    assert first is not None
    assert second is not None
    assert 9 < signed_arc(first.ascendant, second.ascendant) < 11


def test_placidus_beyond_the_polar_circle_becomes_porphyry() -> None:
    """Murmansk: Porphyry stands in, and the chart still says that Placidus was asked for."""
    facts = next(facts for facts in CHARTS if facts["id"] == "murmansk1970")
    asked = chart_of(facts).houses
    porphyry = chart_of(facts, HouseSystem.PORPHYRY).houses
    assert asked is not None
    assert porphyry is not None
    assert (asked.system, asked.requested) == (HouseSystem.PORPHYRY, HouseSystem.PLACIDUS)
    assert (porphyry.system, porphyry.requested) == (HouseSystem.PORPHYRY, HouseSystem.PORPHYRY)
    assert asked.cusps == porphyry.cusps


def test_gagarin_without_a_time() -> None:
    """No houses; the Moon's way through the local day agrees with Swiss Ephemeris."""
    facts = next(facts for facts in CHARTS if facts["id"] == "gagarin")
    noon = facts["jd_ut"]
    chart = compute_chart(
        ChartRequest(
            noon,
            facts["lat"],
            facts["lon"],
            time_known=False,
            day_start_jd=noon - 0.5,
            day_end_jd=noon + 0.5,
            utc_offset=facts["utc_offset_seconds"],
        )
    )
    start, end = facts["moon_range"]
    assert chart.houses is None
    assert {point.house for point in chart.points} == {None}
    assert chart.moon_day is not None
    assert arcseconds(chart.moon_day.start, start) <= TOLERANCES["moon"]
    assert arcseconds(chart.moon_day.end, end) <= TOLERANCES["moon"]
    # From 19° Sagittarius to 3° Capricorn: it must have crossed.
    assert [(ingress.body, ingress.before, ingress.after) for ingress in chart.ingresses] == [
        ("moon", "sagittarius", "capricorn")
    ]


@every_chart
def test_sidereal_time_and_obliquity_are_those_of_the_date(facts: dict[str, Any]) -> None:
    """Obliquity stays by its IAU mean value within nutation, sidereal time by the IAU 1982 polynomial."""
    sky = observe(facts["jd_ut"])
    days = facts["jd_ut"] - 2451545.0
    mean_obliquity = 23.4392911 - 0.0130042 * days / 36525
    mean_sidereal = 280.46061837 + 360.98564736629 * days + 0.000387933 * (days / 36525) ** 2
    assert abs(sky.obliquity - mean_obliquity) * 3600 < 10
    assert arcseconds(sky.sidereal_time % 360, mean_sidereal % 360) < 20
