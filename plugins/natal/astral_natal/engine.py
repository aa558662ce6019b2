"""Where the bodies stand: Skyfield on the JPL ephemeris DE421, offline.

Importing this module imports numpy and Skyfield (a third of a second, 40 MB): only the process pool's workers
should; `astral_natal.compute` is the door to it. The ephemeris is opened once a process, at first use.
"""

from __future__ import annotations

import atexit
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import skyfield_data
from skyfield.api import load, load_file
from skyfield.framelib import ecliptic_frame
from skyfield.nutationlib import iau2000b_radians

from astral_natal.errors import DateOutOfRange, EphemerisMissing
from astral_natal.model import (
    EPHEMERIS_FIRST_JD,
    EPHEMERIS_LAST_JD,
    FIRST_DATE,
    LAST_DATE,
    PLANETS,
    Point,
    normalize,
    signed_arc,
)
from astral_natal.nodes import Floats, mean_node, true_node

ENGINE = "skyfield-de421"
# DE421 has the barycentres alone from Jupiter outwards; they differ from the planets by hundredths of an
# arcsecond seen from the Earth.
_BARYCENTRES = ("jupiter", "saturn", "uranus", "neptune", "pluto")
_TARGETS = {body: f"{body} barycenter" if body in _BARYCENTRES else body for body in PLANETS}
_STEP = 1 / 1440  # days between the two instants whose difference is a speed


@dataclass(frozen=True, slots=True)
class Sky:
    """The sky of one instant, seen from the Earth's centre.

    `points` are the ten planets and the two nodes, without houses; `sidereal_time` is Greenwich apparent
    sidereal time and `obliquity` the true obliquity of the ecliptic, both in degrees.
    """

    points: tuple[Point, ...]
    sidereal_time: float
    obliquity: float


@dataclass(frozen=True, slots=True)
class _Ephemeris:
    """Skyfield's objects (untyped there): the kernel by body name and the time scale."""

    kernel: Any
    timescale: Any


@cache
def _ephemeris() -> _Ephemeris:
    """Open DE421; EphemerisMissing if the package skyfield-data does not hold it."""
    # The package's own path function warns at each start that its Earth-orientation file (not used here) is old.
    path = Path(skyfield_data.__file__).parent / "data" / "de421.bsp"
    if not path.is_file():
        raise EphemerisMissing(
            f"natal: the ephemeris {path} does not exist; reinstall it with: "
            "pip install --force-reinstall skyfield-data"
        )
    kernel = load_file(str(path))
    atexit.register(kernel.close)
    return _Ephemeris(kernel, load.timescale(builtin=True))


def _time(jd_ut: float) -> Any:
    """Skyfield's time at `jd_ut` and one `_STEP` later; DateOutOfRange outside of the ephemeris."""
    if not EPHEMERIS_FIRST_JD <= jd_ut <= EPHEMERIS_LAST_JD:
        raise DateOutOfRange(
            f"natal: the moment is outside of the ephemeris DE421; give a date from {FIRST_DATE} to {LAST_DATE}"
        )
    # Not ts.utc(): it applies today's ten leap seconds to all years before 1972 and so turns the Midheaven by
    # up to eleven arcminutes.
    return _ephemeris().timescale.ut1_jd(np.array((jd_ut, jd_ut + _STEP)))


def _ecliptic(body: str, earth: Any) -> tuple[Floats, Floats]:
    """Apparent longitudes and latitudes of `body` in the true ecliptic of date, degrees, shape (2,)."""
    place = earth.observe(_ephemeris().kernel[_TARGETS[body]]).apparent()
    latitude, longitude, _ = place.frame_latlon(ecliptic_frame)
    return longitude.degrees, latitude.degrees


def _point(body: str, longitudes: Floats, latitude: float) -> Point:
    """A point from its longitudes at two instants."""
    first, second = (float(value) for value in longitudes)
    return Point(body, normalize(first), latitude, signed_arc(first, second) / _STEP)


def _nodes(time: Any, rotation: Floats) -> tuple[Point, Point]:
    """The true and the mean node; `rotation` of shape (3, 3, 2) turns ICRF into the ecliptic of date."""
    kernel = _ephemeris().kernel
    moon = (kernel["moon"] - kernel["earth"]).at(time)
    position, velocity = (
        np.einsum("ijn,jn->in", rotation, vector) for vector in (moon.position.au, moon.velocity.au_per_d)
    )
    nutation = np.degrees(iau2000b_radians(time)[0])
    return (
        _point("true_node", true_node(position, velocity), 0.0),
        _point("mean_node", mean_node(time.tt, nutation), 0.0),
    )


def observe(jd_ut: float) -> Sky:
    """The sky at `jd_ut` (Julian day, UT1); DateOutOfRange outside of the ephemeris."""
    time = _time(jd_ut)
    earth = _ephemeris().kernel["earth"].at(time)
    points = []
    for body in PLANETS:
        longitudes, latitudes = _ecliptic(body, earth)
        points.append(_point(body, longitudes, float(latitudes[0])))
    rotation = ecliptic_frame.rotation_at(time)
    # True ecliptic and true equator share the equinox, so what turns one into the other is the obliquity alone.
    tilt = rotation[:, :, 0] @ time.M[:, :, 0].T
    return Sky(
        points=(*points, *_nodes(time, rotation)),
        sidereal_time=float(time.gast[0]) * 15.0,
        obliquity=math.degrees(math.atan2(tilt[1, 2], tilt[1, 1])),
    )


def positions(jd_ut: float) -> tuple[Point, ...]:
    """The ten planets and the true and mean node at `jd_ut`; DateOutOfRange outside of the ephemeris."""
    return observe(jd_ut).points


def longitude(body: str, jd_ut: float) -> float:
    """Longitude of one of `PLANETS` at `jd_ut`: the cheap way to follow a single body."""
    longitudes, _ = _ecliptic(body, _ephemeris().kernel["earth"].at(_time(jd_ut)))
    return normalize(float(longitudes[0]))
