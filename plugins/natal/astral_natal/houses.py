"""The angles and the twelve house cusps.

Formulas: Meeus, Astronomical Algorithms (2nd ed.), chapters 13 and 14, and the classical semi-arc definition of
Placidus. `armc` is local apparent sidereal time in degrees, `obliquity` the true obliquity; degrees throughout.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from astral_natal.errors import NatalError
from astral_natal.model import Houses, HouseSystem, normalize, signed_arc

_MAX_TURNS = 120
_CONVERGED = 1e-12  # degrees


def angles(armc: float, obliquity: float, latitude: float) -> tuple[float, float]:
    """Ascendant and Midheaven.

    The Ascendant is the rising point of the ecliptic. Beyond a polar circle the Midheaven may then follow it
    within half a turn instead of preceding it; there the Ascendant is taken opposite, the usual convention,
    so that the houses keep running with the signs.
    """
    theta, eps, phi = math.radians(armc), math.radians(obliquity), math.radians(latitude)
    midheaven = normalize(math.degrees(math.atan2(math.sin(theta), math.cos(theta) * math.cos(eps))))
    rising = math.atan2(math.cos(theta), -(math.sin(theta) * math.cos(eps) + math.tan(phi) * math.sin(eps)))
    ascendant = normalize(math.degrees(rising))
    if signed_arc(midheaven, ascendant) < 0:
        ascendant = normalize(ascendant + 180.0)
    return ascendant, midheaven


def _pull(obliquity: float, latitude: float) -> float:
    """Sine of the largest ascensional difference on the ecliptic; beyond 1 a part of it never rises or sets."""
    return math.tan(math.radians(latitude)) * math.tan(math.radians(obliquity))


def placidus_defined(obliquity: float, latitude: float) -> bool:
    """Whether every degree of the ecliptic rises and sets at `latitude`."""
    return abs(_pull(obliquity, latitude)) < 1.0


def _semi_arc_cusp(armc: float, obliquity: float, latitude: float, start: float, arcs: float) -> float:
    """The Placidus cusp whose right ascension is armc + start + arcs x (ascensional difference).

    Iterated from an ascensional difference of zero. With c = |`_pull`| < 1 a turn multiplies the error by at
    most |arcs| x c < 2/3, so it converges wherever Placidus is defined.
    """
    eps, pull = math.radians(obliquity), _pull(obliquity, latitude)
    offset = start
    for _ in range(_MAX_TURNS):
        difference = math.degrees(math.asin(pull * math.sin(math.radians(armc + offset))))
        previous, offset = offset, start + arcs * difference
        if abs(offset - previous) < _CONVERGED:
            alpha = math.radians(armc + offset)
            return normalize(math.degrees(math.atan2(math.sin(alpha), math.cos(alpha) * math.cos(eps))))
    raise NatalError(f"natal: Placidus did not converge in {_MAX_TURNS} turns; please report the latitude")


def _placidus(armc: float, obliquity: float, latitude: float, asc: float, mc: float) -> tuple[float, ...]:
    """Cusps that trisect the diurnal and nocturnal semi-arcs."""
    eleventh, twelfth, second, third = (
        _semi_arc_cusp(armc, obliquity, latitude, start, arcs)
        for start, arcs in ((30.0, 1 / 3), (60.0, 2 / 3), (120.0, 2 / 3), (150.0, 1 / 3))
    )
    return _opposed(asc, second, third, mc, eleventh, twelfth)


def _porphyry(asc: float, mc: float) -> tuple[float, ...]:
    """Cusps that trisect the ecliptic between the angles."""
    above = normalize(asc - mc) / 3
    below = 60.0 - above
    return _opposed(
        asc,
        normalize(asc + below),
        normalize(asc + 2 * below),
        mc,
        normalize(mc + above),
        normalize(mc + 2 * above),
    )


def _opposed(
    first: float, second: float, third: float, tenth: float, eleventh: float, twelfth: float
) -> tuple[float, ...]:
    """All twelve cusps from the eastern six: the others lie opposite."""
    east, south = (first, second, third), (tenth, eleventh, twelfth)
    north, west = (tuple(normalize(cusp + 180.0) for cusp in side) for side in (south, east))
    return (*east, *north, *west, *south)


def _every_thirty(start: float) -> tuple[float, ...]:
    return tuple(normalize(start + 30.0 * house) for house in range(12))


def compute_houses(requested: HouseSystem, armc: float, obliquity: float, latitude: float) -> Houses:
    """Angles and cusps in the `requested` system; Porphyry for Placidus beyond the polar circles.

    In whole-sign houses the first cusp is the start of the Ascendant's sign, in the others it is the Ascendant.
    """
    asc, mc = angles(armc, obliquity, latitude)
    system = requested
    if system is HouseSystem.PLACIDUS and not placidus_defined(obliquity, latitude):
        system = HouseSystem.PORPHYRY
    match system:
        case HouseSystem.PLACIDUS:
            cusps = _placidus(armc, obliquity, latitude, asc, mc)
        case HouseSystem.PORPHYRY:
            cusps = _porphyry(asc, mc)
        case HouseSystem.WHOLE_SIGN:
            cusps = _every_thirty(asc // 30.0 * 30.0)
        case HouseSystem.EQUAL:
            cusps = _every_thirty(asc)
    return Houses(system, requested, asc, mc, cusps)


def house_of(longitude: float, cusps: Sequence[float]) -> int:
    """The house, 1..12, that holds `longitude`; a cusp belongs to the house it opens."""
    return bisect_right([normalize(cusp - cusps[0]) for cusp in cusps], normalize(longitude - cusps[0]))
