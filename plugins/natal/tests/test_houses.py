"""House cusps: their order, their symmetry and the definitions they come from."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from astral_natal import houses
from astral_natal.errors import NatalError
from astral_natal.houses import angles, compute_houses, house_of, placidus_defined
from astral_natal.model import HouseSystem, normalize, signed_arc

OBLIQUITY = 23.44
POLAR = 90 - OBLIQUITY
turns = st.floats(0, 360, exclude_max=True)
habitable = st.floats(-66, 66)
anywhere = st.floats(-89, 89)
systems = st.sampled_from(HouseSystem)
QUADRANT = (HouseSystem.PLACIDUS, HouseSystem.PORPHYRY)


def equatorial(longitude: float) -> tuple[float, float]:
    """Right ascension and declination of a point of the ecliptic, degrees."""
    lam, eps = math.radians(longitude), math.radians(OBLIQUITY)
    alpha = math.atan2(math.sin(lam) * math.cos(eps), math.cos(lam))
    return math.degrees(alpha), math.degrees(math.asin(math.sin(lam) * math.sin(eps)))


def altitude(longitude: float, armc: float, latitude: float) -> float:
    """Altitude of a point of the ecliptic above the horizon, degrees."""
    alpha, delta = (math.radians(value) for value in equatorial(longitude))
    phi, hour = math.radians(latitude), math.radians(armc) - alpha
    sine = math.sin(phi) * math.sin(delta) + math.cos(phi) * math.cos(delta) * math.cos(hour)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


@given(armc=turns, latitude=habitable)
def test_the_ascendant_rises_and_the_midheaven_culminates(armc: float, latitude: float) -> None:
    """The Ascendant is on the eastern horizon, the Midheaven on the meridian and above the Ascendant's side."""
    ascendant, midheaven = angles(armc, OBLIQUITY, latitude)
    assert altitude(ascendant, armc, latitude) == pytest.approx(0, abs=1e-6)
    assert signed_arc(armc, normalize(equatorial(midheaven)[0])) == pytest.approx(0, abs=1e-9)
    # East: the hour angle of what rises is negative, so its right ascension is ahead of the meridian.
    assert 0 < signed_arc(armc, normalize(equatorial(ascendant)[0])) < 180
    assert altitude(midheaven, armc, latitude) > 0


@given(armc=turns, latitude=anywhere, system=systems)
def test_cusps_run_once_round_the_circle(armc: float, latitude: float, system: HouseSystem) -> None:
    """Twelve cusps in [0, 360), in the order of the signs, one turn in all; opposite ones 180 degrees apart."""
    cusps = compute_houses(system, armc, OBLIQUITY, latitude).cusps
    widths = [signed_arc(cusp, cusps[(index + 1) % 12]) for index, cusp in enumerate(cusps)]
    assert len(cusps) == 12
    assert all(0 <= cusp < 360 for cusp in cusps)
    assert all(width > -1e-9 for width in widths)
    assert math.fsum(widths) == pytest.approx(360, abs=1e-9)
    for index in range(6):
        assert abs(signed_arc(cusps[index], cusps[index + 6])) == pytest.approx(180, abs=1e-9)


@given(armc=turns, latitude=anywhere, system=systems)
def test_the_angles_are_where_the_system_puts_them(armc: float, latitude: float, system: HouseSystem) -> None:
    """Cusp 1 is the Ascendant (its sign's start in whole signs); in quadrant systems cusp 10 is the Midheaven."""
    houses = compute_houses(system, armc, OBLIQUITY, latitude)
    if system is HouseSystem.WHOLE_SIGN:
        assert houses.cusps[0] == houses.ascendant // 30 * 30
        assert {cusp % 30 for cusp in houses.cusps} == {0.0}
    else:
        assert houses.cusps[0] == houses.ascendant
    if system in QUADRANT:
        assert signed_arc(houses.cusps[9], houses.midheaven) == pytest.approx(0, abs=1e-9)


@given(armc=turns, latitude=habitable)
def test_placidus_cusps_trisect_their_semi_arcs(armc: float, latitude: float) -> None:
    """Cusps 11 and 12 have made 1/3 and 2/3 of the way from meridian to horizon, 2 and 3 the same below."""
    cusps = compute_houses(HouseSystem.PLACIDUS, armc, OBLIQUITY, latitude).cusps
    for house, share in ((11, 1 / 3), (12, 2 / 3), (2, 2 / 3), (3, 1 / 3)):
        alpha, delta = equatorial(cusps[house - 1])
        difference = math.degrees(math.asin(math.tan(math.radians(latitude)) * math.tan(math.radians(delta))))
        if house > 10:
            travelled, semi_arc = signed_arc(armc, normalize(alpha)), 90 + difference
        else:
            travelled, semi_arc = signed_arc(normalize(alpha), normalize(armc + 180)), 90 - difference
        assert travelled == pytest.approx(share * semi_arc, abs=1e-7)


@given(armc=turns)
def test_on_the_equator_placidus_divides_the_equator_evenly(armc: float) -> None:
    """At latitude 0 all semi-arcs are 90 degrees, so cusps are 30 degrees of right ascension apart."""
    cusps = compute_houses(HouseSystem.PLACIDUS, armc, OBLIQUITY, 0.0).cusps
    for index, cusp in enumerate(cusps):
        expected = normalize(armc + 90 + 30 * index)
        assert signed_arc(normalize(equatorial(cusp)[0]), expected) == pytest.approx(0, abs=1e-9)


@given(armc=turns, latitude=anywhere)
def test_porphyry_trisects_the_quadrants(armc: float, latitude: float) -> None:
    """Houses 1-3 are equally wide, and so are 10-12."""
    cusps = compute_houses(HouseSystem.PORPHYRY, armc, OBLIQUITY, latitude).cusps
    for first in (0, 9):
        widths = [signed_arc(cusps[index], cusps[(index + 1) % 12]) for index in range(first, first + 3)]
        assert widths == pytest.approx([widths[0]] * 3, abs=1e-9)


@given(armc=turns, latitude=anywhere)
def test_equal_houses_are_thirty_degrees_each(armc: float, latitude: float) -> None:
    """Every equal house is 30 degrees wide from the Ascendant on."""
    cusps = compute_houses(HouseSystem.EQUAL, armc, OBLIQUITY, latitude).cusps
    for index, cusp in enumerate(cusps):
        assert signed_arc(cusp, cusps[(index + 1) % 12]) == pytest.approx(30, abs=1e-9)


@given(armc=turns, latitude=st.one_of(st.floats(POLAR + 1e-6, 90), st.floats(-90, -POLAR - 1e-6)))
def test_beyond_the_polar_circles_porphyry_stands_in(armc: float, latitude: float) -> None:
    """Placidus never fails there, even at the poles: the houses are Porphyry's and say so."""
    houses = compute_houses(HouseSystem.PLACIDUS, armc, OBLIQUITY, latitude)
    assert not placidus_defined(OBLIQUITY, latitude)
    assert houses.system is HouseSystem.PORPHYRY
    assert houses.requested is HouseSystem.PLACIDUS
    assert houses.cusps == compute_houses(HouseSystem.PORPHYRY, armc, OBLIQUITY, latitude).cusps


@given(armc=turns, below=st.floats(0, 0.01), south=st.booleans())
def test_placidus_converges_up_to_the_polar_circle(armc: float, below: float, south: bool) -> None:
    """However near to the circle, either Placidus is computed or Porphyry stands in; nothing is raised."""
    latitude = (POLAR - below) * (-1 if south else 1)
    houses = compute_houses(HouseSystem.PLACIDUS, armc, OBLIQUITY, latitude)
    assert (houses.system is HouseSystem.PLACIDUS) == placidus_defined(OBLIQUITY, latitude)
    if below > 1e-9:
        assert houses.system is HouseSystem.PLACIDUS


@given(armc=turns, latitude=anywhere)
def test_the_other_systems_are_given_as_asked(armc: float, latitude: float) -> None:
    """Only Placidus is ever replaced."""
    for system in (HouseSystem.PORPHYRY, HouseSystem.WHOLE_SIGN, HouseSystem.EQUAL):
        houses = compute_houses(system, armc, OBLIQUITY, latitude)
        assert houses.system is houses.requested is system


@given(armc=turns, latitude=habitable)
def test_south_mirrors_north(armc: float, latitude: float) -> None:
    """Half a sidereal day later on the mirrored latitude, the same ecliptic degrees lie half a turn on."""
    north = compute_houses(HouseSystem.PLACIDUS, armc, OBLIQUITY, latitude).cusps
    south = compute_houses(HouseSystem.PLACIDUS, normalize(armc + 180), OBLIQUITY, -latitude).cusps
    for one, other in zip(north, south, strict=True):
        assert abs(signed_arc(one, other)) == pytest.approx(180, abs=1e-7)


@given(armc=turns, latitude=anywhere, system=systems, longitude=turns)
def test_every_longitude_is_in_the_house_between_its_cusps(
    armc: float, latitude: float, system: HouseSystem, longitude: float
) -> None:
    """A longitude is in one house of 1..12: past that house's cusp and before the next one's."""
    cusps = compute_houses(system, armc, OBLIQUITY, latitude).cusps
    house = house_of(longitude, cusps)
    assert 1 <= house <= 12
    width = normalize(cusps[house % 12] - cusps[house - 1])
    inside = normalize(longitude - cusps[house - 1])
    assume(1e-9 < inside < 360 - 1e-9)
    assert inside <= width + 1e-9


@given(armc=turns, latitude=habitable, system=systems)
def test_a_cusp_belongs_to_the_house_it_opens(armc: float, latitude: float, system: HouseSystem) -> None:
    """A body exactly on a cusp stands in that house, and just before it in the one before."""
    cusps = compute_houses(system, armc, OBLIQUITY, latitude).cusps
    assert [house_of(cusp, cusps) for cusp in cusps] == list(range(1, 13))
    before = [house_of(normalize(cusp - 1e-6), cusps) for cusp in cusps]
    assert before == [12, *range(1, 12)]


def test_a_house_across_the_start_of_aries() -> None:
    """The jump from 360 to 0 within a house is no border."""
    cusps = tuple(normalize(350 + 30 * index) for index in range(12))
    assert [house_of(longitude, cusps) for longitude in (349.9, 350.0, 359.9, 0.0, 19.9, 20.0)] == [12, 1, 1, 1, 1, 2]


def test_an_iteration_that_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to report, and gives no cusp that is merely near."""
    monkeypatch.setattr(houses, "_MAX_TURNS", 1)
    with pytest.raises(NatalError, match="did not converge in 1 turns"):
        compute_houses(HouseSystem.PLACIDUS, 120.0, 23.4, 55.0)
