"""When the Moon is new, full or at a quarter, and how much of it is lit.

Jean Meeus, "Astronomical Algorithms", second edition: chapter 49 for the instants, chapter 48 (48.4) for the light.
The instants are good to 20 s in dynamical time. Universal time differs from it by an amount that is only measured
afterwards; 69 s, as of 2020, make the instants good to about one minute from 1950 to 2050, and to a few minutes in
the rest of the years that `DAYS` has. The lit part is good to one per cent.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import cos, floor, radians, sin

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2100, 12, 31)
EPOCH = datetime(2000, 1, 1, 12, tzinfo=UTC)  # Julian day 2451545.0
DYNAMICAL = timedelta(seconds=69)  # dynamical minus universal time
MONTH = 29.530588861  # days from one new moon to the next, on average
DAY = timedelta(days=1)

# Amplitude in days at new moon, at full moon, at the quarters; then the multiples of the Sun's anomaly, the Moon's
# anomaly and the argument of latitude whose sine it is.
TERMS = (
    (-0.40720, -0.40614, -0.62801, 0, 1, 0),
    (0.17241, 0.17302, 0.17172, 1, 0, 0),
    (0.01608, 0.01614, 0.00862, 0, 2, 0),
    (0.01039, 0.01043, 0.00804, 0, 0, 2),
    (0.00739, 0.00734, 0.00454, -1, 1, 0),
    (-0.00514, -0.00515, -0.01183, 1, 1, 0),
    (0.00208, 0.00209, 0.00204, 2, 0, 0),
    (-0.00111, -0.00111, -0.00180, 0, 1, -2),
    (-0.00057, -0.00057, -0.00070, 0, 1, 2),
    (0.00056, 0.00056, 0.00027, 1, 2, 0),
    (-0.00042, -0.00042, -0.00040, 0, 3, 0),
    (0.00042, 0.00042, 0.00032, 1, 0, 2),
    (0.00038, 0.00038, 0.00032, 1, 0, -2),
    (-0.00024, -0.00024, -0.00034, -1, 2, 0),
    (-0.00007, -0.00007, -0.00028, 2, 1, 0),
    (0.00004, 0.00004, 0.00002, 0, 2, -2),
    (0.00004, 0.00004, 0.00003, 3, 0, 0),
    (0.00003, 0.00003, 0.00003, 1, 1, -2),
    (0.00003, 0.00003, 0.00004, 0, 2, 2),
    (-0.00003, -0.00003, -0.00004, 1, 1, 2),
    (0.00003, 0.00003, 0.00002, -1, 1, 2),
    (-0.00002, -0.00002, -0.00005, -1, 1, -2),
    (-0.00002, -0.00002, -0.00002, 1, 3, 0),
    (0.00002, 0.00002, 0.0, 0, 4, 0),
    (0.0, 0.0, 0.00004, -2, 1, 0),
)

# What the planets do: amplitude in days, and the angle at the first new moon of 2000 with its step a month.
PLANETS = (
    (0.000325, 299.77, 0.107408), (0.000165, 251.88, 0.016321), (0.000164, 251.83, 26.651886),
    (0.000126, 349.42, 36.412478), (0.000110, 84.66, 18.206239), (0.000062, 141.74, 53.303771),
    (0.000060, 207.14, 2.453732), (0.000056, 154.84, 7.306860), (0.000047, 34.52, 27.261239),
    (0.000042, 207.19, 0.121824), (0.000040, 291.34, 1.844379), (0.000037, 161.72, 24.198154),
    (0.000035, 239.56, 25.513099), (0.000023, 331.55, 3.592518),
)  # fmt: skip


@dataclass(frozen=True)
class MoonDay:
    """The Moon on one day in universal time.

    `phase` counts the eight names from 0 (new) over 4 (full) to 7; the even ones are those of the day in which their
    instant falls. `lit` is the lit part at noon, from 0 to 1.
    """

    day: date
    phase: int
    lit: float
    next_new: datetime
    next_full: datetime

    @property
    def is_waxing(self) -> bool:
        """Whether more of it is lit every day."""
        return self.phase < 4


@lru_cache(maxsize=1024)
def instant(quarter: int) -> datetime:
    """The time of a phase, counted in quarters of a month from the new moon of 6 January 2000.

    Multiples of four are new moons; one more is the first quarter, two the full moon, three the last quarter.
    """
    k = quarter / 4
    t = k / 1236.85
    sun = radians(2.5534 + 29.10535670 * k - 0.0000014 * t**2 - 0.00000011 * t**3)
    moon = radians(201.5643 + 385.81693528 * k + 0.0107582 * t**2 + 0.00001238 * t**3 - 0.000000058 * t**4)
    latitude = radians(160.7108 + 390.67050284 * k - 0.0016118 * t**2 - 0.00000227 * t**3 + 0.000000011 * t**4)
    node = radians(124.7746 - 1.56375588 * k + 0.0020672 * t**2 + 0.00000215 * t**3)
    eccentricity = 1 - 0.002516 * t - 0.0000074 * t**2
    column = (0, 2, 1, 2)[quarter % 4]
    days = 5.09766 + MONTH * k + 0.00015437 * t**2 - 0.000000150 * t**3 + 0.00000000073 * t**4
    days -= 0.00017 * sin(node)
    for *amplitudes, s, m, f in TERMS:
        days += amplitudes[column] * eccentricity ** abs(s) * sin(s * sun + m * moon + f * latitude)
    for n, (amplitude, start, step) in enumerate(PLANETS):
        days += amplitude * sin(radians(start + step * k - (0.009173 * t**2 if n == 0 else 0)))
    if quarter % 2:
        days += (1 if quarter % 4 == 1 else -1) * _of_quarters(eccentricity, sun, moon, latitude)
    return EPOCH + timedelta(days=days) - DYNAMICAL


def _of_quarters(eccentricity: float, sun: float, moon: float, latitude: float) -> float:
    """The days by which a first quarter comes later, and a last one earlier."""
    return (
        0.00306
        - 0.00038 * eccentricity * cos(sun)
        + 0.00026 * cos(moon)
        - 0.00002 * cos(moon - sun)
        + 0.00002 * cos(moon + sun)
        + 0.00002 * cos(2 * latitude)
    )


def quarter_before(moment: datetime) -> int:
    """The number of the last phase before or at `moment`."""
    quarter = floor((moment - EPOCH) / DAY / MONTH * 4) + 2
    while instant(quarter) > moment:
        quarter -= 1
    return quarter


def lit_part(moment: datetime) -> float:
    """Which part of the Moon's disc is lit, from 0 to 1."""
    t = (moment + DYNAMICAL - EPOCH) / DAY / 36525
    elongation = radians(297.8501921 + 445267.1114034 * t - 0.0018819 * t**2)
    sun = radians(357.5291092 + 35999.0502909 * t - 0.0001536 * t**2)
    moon = radians(134.9633964 + 477198.8675055 * t + 0.0087414 * t**2)
    angle = (
        180
        - 6.289 * sin(moon)
        + 2.100 * sin(sun)
        - 1.274 * sin(2 * elongation - moon)
        - 0.658 * sin(2 * elongation)
        - 0.214 * sin(2 * moon)
        - 0.110 * sin(elongation)
    )
    return (1 + cos(radians(angle) - elongation)) / 2


def moon_on(day: date) -> MoonDay:
    """The Moon on `day`; ValueError outside of `FIRST_DAY` to `LAST_DAY`."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"moon_on: {day} is not between {FIRST_DAY} and {LAST_DAY}")
    start = datetime.combine(day, time(), UTC)
    last = quarter_before(start + DAY - timedelta(microseconds=1))
    falls_today = instant(last) >= start
    return MoonDay(
        day=day,
        phase=last % 4 * 2 + (0 if falls_today else 1),
        lit=lit_part(start + DAY / 2),
        next_new=_next(start, 0),
        next_full=_next(start, 2),
    )


def _next(moment: datetime, kind: int) -> datetime:
    """The first phase of a kind (0 new, 2 full) at or after `moment`."""
    quarter = quarter_before(moment)
    quarter += (kind - quarter) % 4
    found = instant(quarter)
    return found if found >= moment else instant(quarter + 4)
