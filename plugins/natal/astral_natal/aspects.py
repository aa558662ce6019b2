"""The five major aspects between the points of a chart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations

from astral_natal.model import NODES, Aspect, Point, signed_arc

# Kind: angle, widest orb between planets, widest orb where the Sun or the Moon takes part; degrees.
ASPECTS = {
    "conjunction": (0.0, 8.0, 10.0),
    "sextile": (60.0, 4.0, 6.0),
    "square": (90.0, 7.0, 8.0),
    "trine": (120.0, 7.0, 8.0),
    "opposition": (180.0, 8.0, 10.0),
}
LUMINARIES = ("sun", "moon")
NODE_ORB = 3.0


def widest_orb(kind: str, first: str, second: str) -> float | None:
    """The widest orb, in degrees, at which the aspect counts between two bodies; None if it never does.

    The true node takes part in conjunctions with planets only. The mean node stays out: it is the same node,
    smoothed, and would tell everything twice.
    """
    if "mean_node" in (first, second):
        return None
    if first in NODES or second in NODES:
        return NODE_ORB if kind == "conjunction" else None
    _, planetary, luminary = ASPECTS[kind]
    return luminary if first in LUMINARIES or second in LUMINARIES else planetary


def _between(first: Point, second: Point) -> Aspect | None:
    """The aspect of two points, if they have one: the orbs leave no room for two."""
    arc = signed_arc(first.longitude, second.longitude)
    separation = abs(arc)
    # How fast the separation grows: by the second's motion if it is ahead, by the first's if it is behind.
    growth = math.copysign(1.0, arc) * (second.speed - first.speed)
    for kind, (angle, *_) in ASPECTS.items():
        limit = widest_orb(kind, first.id, second.id)
        distance = separation - angle
        if limit is not None and abs(distance) <= limit:
            return Aspect(
                first=first.id,
                second=second.id,
                kind=kind,
                orb=abs(distance),
                exactness=1.0 - abs(distance) / limit,
                applying=distance * growth < 0,
            )
    return None


def find_aspects(points: Sequence[Point]) -> tuple[Aspect, ...]:
    """All aspects among `points`, the most exact first, ties in the order of the points."""
    found: Iterable[Aspect | None] = (_between(first, second) for first, second in combinations(points, 2))
    return tuple(sorted((a for a in found if a is not None), key=lambda aspect: -aspect.exactness))
