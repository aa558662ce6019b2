"""The chart as data: frozen, picklable, free of any engine or drawing.

Angles are degrees; ecliptic longitudes are apparent, geocentric, tropical, of date, in [0, 360).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

SIGNS = (
    "aries", "taurus", "gemini", "cancer", "leo", "virgo",
    "libra", "scorpio", "sagittarius", "capricorn", "aquarius", "pisces",
)  # fmt: skip
PLANETS = (
    "sun", "moon", "mercury", "venus", "mars", "jupiter", "saturn", "uranus", "neptune", "pluto",
)  # fmt: skip
NODES = ("true_node", "mean_node")

# Julian days (UT) that the ephemeris DE421 covers, less a day at each end for the light's way from Pluto; and the
# first and last local dates that lie within them in every time zone.
EPHEMERIS_FIRST_JD = 2414865.5
EPHEMERIS_LAST_JD = 2471183.5
FIRST_DATE = date(1899, 7, 31)
LAST_DATE = date(2053, 10, 6)


def normalize(degrees: float) -> float:
    """The same direction in [0, 360)."""
    turned = degrees % 360.0
    # A tiny negative angle plus a full turn rounds to the full turn itself.
    return 0.0 if turned == 360.0 else turned


def signed_arc(start: float, end: float) -> float:
    """The shorter way from `start` to `end`, degrees in (-180, 180], positive with the signs."""
    arc = normalize(end - start)
    return arc - 360.0 if arc > 180.0 else arc


def sign_of(longitude: float) -> int:
    """Index into `SIGNS` of a longitude in [0, 360)."""
    return int(longitude // 30) % 12


def sign_position(longitude: float) -> tuple[int, int, int]:
    """Index into `SIGNS`, whole degrees and whole minutes within the sign: 84.07 is (2, 24, 4).

    Cut off, not rounded, as charts print them: 29 degrees 59.9 minutes is still in its sign.
    """
    degree = longitude % 30
    return sign_of(longitude), int(degree), int(degree % 1 * 60)


class HouseSystem(StrEnum):
    """How the twelve houses are cut."""

    PLACIDUS = "placidus"
    PORPHYRY = "porphyry"
    WHOLE_SIGN = "whole_sign"
    EQUAL = "equal"


@dataclass(frozen=True, slots=True)
class Point:
    """One body of the chart.

    `id` is a name of `PLANETS` or `NODES`; `speed` is degrees of longitude a day; `house` is 1..12, or None
    where the birth time is unknown.
    """

    id: str
    longitude: float
    latitude: float
    speed: float
    house: int | None = None

    @property
    def sign(self) -> int:
        """Index into `SIGNS`."""
        return sign_of(self.longitude)

    @property
    def degree(self) -> float:
        """Degrees within the sign, [0, 30)."""
        return self.longitude % 30

    @property
    def retrograde(self) -> bool:
        """Whether the body moves backwards along the ecliptic."""
        return self.speed < 0


@dataclass(frozen=True, slots=True)
class Aspect:
    """An angle between two points that counts.

    `kind` is conjunction, sextile, square, trine or opposition; `orb` is the distance from exactness in
    degrees (>= 0); `exactness` is 1 at orb 0 and 0 at the widest orb allowed; `applying` tells that the orb
    shrinks.
    """

    first: str
    second: str
    kind: str
    orb: float
    exactness: float
    applying: bool


@dataclass(frozen=True, slots=True)
class Houses:
    """Angles and the twelve cusps; `system` is the one really used, `requested` the one asked for.

    They differ beyond the polar circles, where Placidus is undefined and Porphyry stands in.
    """

    system: HouseSystem
    requested: HouseSystem
    ascendant: float
    midheaven: float
    cusps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MoonDay:
    """Where the Moon stood during the local day of a birth without a time.

    Longitudes at its start and end; `sign_change` is the local wall time ("14:20") of its ingress, or None.
    """

    start: float
    end: float
    sign_change: str | None


@dataclass(frozen=True, slots=True)
class Ingress:
    """A planet changed its sign during the local day of a birth without a time.

    `time` is local wall time ("14:20"); `before` and `after` are names of `SIGNS`.
    """

    body: str
    time: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """What a chart is computed from.

    `jd_ut` is the Julian day (UT) of birth; `latitude` is north, `longitude` east positive. Where the time is
    not known `jd_ut` is local noon, `day_start_jd` and `day_end_jd` are the Julian days (UT) of the local
    midnights around it, and `utc_offset` (seconds east) turns moments of that day into wall time. If clocks
    change on it, `offset_change` is the Julian day (UT) of the change and the offset from then on.
    """

    jd_ut: float
    latitude: float
    longitude: float
    system: HouseSystem = HouseSystem.PLACIDUS
    time_known: bool = True
    day_start_jd: float | None = None
    day_end_jd: float | None = None
    utc_offset: float = 0.0
    offset_change: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A natal chart.

    Where the birth time is unknown, `houses` is None, `moon_day` is set, `ingresses` names the planets (the Moon
    too) of whose sign one cannot be sure, and `aspects` has only those that hold the whole local day.
    """

    jd_ut: float
    latitude: float
    longitude: float
    points: tuple[Point, ...]
    aspects: tuple[Aspect, ...]
    houses: Houses | None
    moon_day: MoonDay | None
    engine: str
    ingresses: tuple[Ingress, ...] = ()

    def point(self, body: str) -> Point:
        """The point called `body`; KeyError if the chart has none."""
        for point in self.points:
            if point.id == body:
                return point
        raise KeyError(body)
