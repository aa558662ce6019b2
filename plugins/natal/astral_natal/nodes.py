"""Longitudes of the ascending nodes of the Moon's orbit, degrees in [0, 360)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

_J2000 = 2451545.0
_JULIAN_CENTURY = 36525.0


def mean_node(jd_tt: Floats, nutation: Floats) -> Floats:
    """The mean node at terrestrial times `jd_tt`, referred to the true equinox of date.

    The polynomial is Meeus, Astronomical Algorithms (2nd ed.), 47.7; `nutation` is the nutation in longitude
    in degrees. Both have shape (n,), as has the result.
    """
    t = (jd_tt - _J2000) / _JULIAN_CENTURY
    mean = 125.0445479 + t * (-1934.1362891 + t * (0.0020754 + t * (1 / 467441 - t / 60616000)))
    return np.asarray((mean + nutation) % 360.0, dtype=np.float64)


def true_node(position: Floats, velocity: Floats) -> Floats:
    """The node of the Moon's osculating orbit, from its geocentric state in ecliptic axes.

    `position` and `velocity` have shape (3, n) and any units; the result has shape (n,). The orbit's plane is
    normal to h = r x v, and the ascending node lies where that plane cuts the ecliptic: atan2(h_x, -h_y).
    """
    h = np.cross(position, velocity, axis=0)
    return np.asarray(np.degrees(np.arctan2(h[0], -h[1])) % 360.0, dtype=np.float64)
