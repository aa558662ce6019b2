"""Symbols of astrology, and the bodies of a chart in the order in which a picture shows them."""

from __future__ import annotations

from types import MappingProxyType

from astral_natal.model import NODES, Chart, Point, sign_position

BODIES = MappingProxyType(
    {
        "sun": "☉", "moon": "☽", "mercury": "☿", "venus": "♀", "mars": "♂", "jupiter": "♃", "saturn": "♄",
        "uranus": "♅", "neptune": "♆", "pluto": "♇", "true_node": "☊", "mean_node": "☊",
    }
)  # fmt: skip
SIGNS = "♈♉♊♋♌♍♎♏♐♑♒♓"
ASPECTS = MappingProxyType({"conjunction": "☌", "sextile": "⚹", "square": "□", "trine": "△", "opposition": "☍"})
RETROGRADE = "℞"
PRIME = "′"


def shown_points(chart: Chart) -> tuple[Point, ...]:
    """The points that a picture shows: of the two kinds of node only the true one, if the chart has both.

    Raises:
        ValueError: a point has no symbol.
    """
    unknown = [point.id for point in chart.points if point.id not in BODIES]
    if unknown:
        raise ValueError(f"picture: no symbol for {', '.join(unknown)}; known points are {', '.join(BODIES)}")
    nodes = [body for body in NODES if any(point.id == body for point in chart.points)]
    return tuple(point for point in chart.points if point.id not in nodes[1:])


def degrees_minutes(longitude: float) -> tuple[str, str]:
    """Whole degrees and whole minutes within the sign as a chart prints them."""
    _, degrees, minutes = sign_position(longitude)
    return f"{degrees}°", f"{minutes:02d}{PRIME}"
