"""What counts in a chart and how much: weights, angularity, exactness, the balance of elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from astral_natal.lexicon import BODIES, NATURES, text_body
from astral_natal.model import Aspect, Chart, sign_of

ELEMENTS = ("fire", "earth", "air", "water")
CROSSES = ("cardinal", "fixed", "mutable")
ANGULAR_ORB = 10.0
"""Degrees from an angle of the chart within which a body gains weight."""

WEIGHTS = {
    "sun": 1.0,
    "moon": 1.0,
    "mercury": 0.8,
    "venus": 0.8,
    "mars": 0.8,
    "jupiter": 0.6,
    "saturn": 0.6,
    "uranus": 0.4,
    "neptune": 0.4,
    "pluto": 0.4,
    "node": 0.4,
}
_BALANCE_WEIGHTS = {
    "sun": 6, "moon": 6, "mercury": 4, "venus": 4, "mars": 4, "jupiter": 2, "saturn": 2,
    "uranus": 1, "neptune": 1, "pluto": 1,
}  # fmt: skip
_ASCENDANT_BALANCE_WEIGHT = 6


def angularity(chart: Chart, body: str) -> float:
    """2 for a body on the Ascendant, Midheaven or their opposites, falling to 1 at `ANGULAR_ORB` degrees."""
    if chart.houses is None:
        return 1.0
    longitude = chart.point(body).longitude
    nearest = min(_half_turn_distance(longitude, angle) for angle in (chart.houses.ascendant, chart.houses.midheaven))
    return 1.0 + max(0.0, 1.0 - nearest / ANGULAR_ORB)


def _half_turn_distance(first: float, second: float) -> float:
    """Degrees between a body and the nearer end of an axis, 0..90."""
    distance = (first - second) % 180
    return min(distance, 180 - distance)


def prominence(chart: Chart, body: str) -> float:
    """How much a body counts in this chart: its weight times its angularity."""
    return WEIGHTS[text_body(body)] * angularity(chart, body)


def ranked_aspects(chart: Chart) -> list[Aspect]:
    """The aspects that the texts know, the strongest first: prominence of both bodies times exactness."""
    readable = [
        aspect
        for aspect in chart.aspects
        if aspect.kind in NATURES and {text_body(aspect.first), text_body(aspect.second)} <= set(BODIES)
    ]
    return sorted(readable, key=lambda aspect: (-aspect_score(chart, aspect), aspect.first, aspect.second))


def aspect_score(chart: Chart, aspect: Aspect) -> float:
    """The weight of an aspect in the reading; larger is stronger."""
    return prominence(chart, aspect.first) * prominence(chart, aspect.second) * aspect.exactness


@dataclass(frozen=True, slots=True)
class Balance:
    """Shares (0..1, each group sums to 1) of the elements and of the crosses."""

    elements: dict[str, float]
    crosses: dict[str, float]


def balance(chart: Chart) -> Balance:
    """How the planets and the Ascendant spread over elements and crosses.

    A planet that changes sign on a day of birth without a time does not count.
    """
    elements = dict.fromkeys(ELEMENTS, 0)
    crosses = dict.fromkeys(CROSSES, 0)
    total = 0
    for sign, weight in _weighted_signs(chart):
        elements[ELEMENTS[sign % 4]] += weight
        crosses[CROSSES[sign % 3]] += weight
        total += weight
    return Balance(
        {name: weight / total for name, weight in elements.items()} if total else {},
        {name: weight / total for name, weight in crosses.items()} if total else {},
    )


def _weighted_signs(chart: Chart) -> Iterator[tuple[int, int]]:
    unsure = {ingress.body for ingress in chart.ingresses}
    for point in chart.points:
        if point.id in _BALANCE_WEIGHTS and point.id not in unsure:
            yield point.sign, _BALANCE_WEIGHTS[point.id]
    if chart.houses is not None:
        yield sign_of(chart.houses.ascendant), _ASCENDANT_BALANCE_WEIGHT


def whole_percents(shares: Iterable[float]) -> list[int]:
    """Shares that sum to 1 as whole percents that sum to 100 (largest remainders are rounded up)."""
    exact = [share * 100 for share in shares]
    percents = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: percents[index] - exact[index])
    for index in by_remainder[: 100 - sum(percents)]:
        percents[index] += 1
    return percents
