"""The wheel: zodiac, degree scale, houses, bodies, aspects.

The Ascendant lies at the left and longitudes grow counter-clockwise; without a birth time Aries begins there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, degrees, hypot, radians, sin

from astral_natal.model import Chart, Houses, Point, signed_arc
from astral_natal.render import symbols
from astral_natal.render.labels import Labels
from astral_natal.render.layout import spread
from astral_natal.render.svg import centred, circle, element, glyph, line, number
from astral_natal.render.themes import Theme

RIM = 424.0
BAND = 366.0  # inner edge of the zodiac
SCALE = 354.0  # feet of the longest degree ticks
GLYPHS = 313.0
DEGREES = 272.5
NOTES = 245.0  # the sign of retrograde motion
ANGLES = 317.0  # names of the angles of the chart
POSITIONS = 260.0  # and their degrees and minutes
HOUSES = 231.0
CORE = 204.0  # the circle of the aspects

GLYPH_SIZE = 40.0
DEGREE_SIZE = 21.0
ANGLE_SIZE = 25.0
POSITION_SIZE = 19.5
NOTE_SIZE = 19.0
HOUSE_SIZE = 19.0

# Boxes of these sizes never touch, whichever way their neighbours lie, at the distance of their diagonal.
_DEGREE_BOX = 35.0, 15.5
_HOUSE_BOX = 21.0, 14.0
_POSITION_WIDTH = 59.0
_SAME = 1e-6  # degrees between an angle and the cusp that it makes


@dataclass(frozen=True, slots=True)
class Frame:
    """Where longitudes lie: the centre in pixels and the longitude at the left."""

    x: float
    y: float
    left: float

    def at(self, longitude: float, radius: float) -> tuple[float, float]:
        """The point of a longitude at a radius."""
        turn = radians(180 + longitude - self.left)
        return self.x + radius * cos(turn), self.y - radius * sin(turn)

    def ray(self, longitude: float, inner: float, outer: float) -> tuple[float, float, float, float]:
        """Both ends of a piece of a radius."""
        return *self.at(longitude, inner), *self.at(longitude, outer)

    def arc(self, start: float, end: float, radius: float) -> str:
        """Path data of the arc from one longitude to a later one less than 360° on."""
        (x1, y1), (x2, y2) = self.at(start, radius), self.at(end, radius)
        wide = int((end - start) % 360 > 180)
        reach = number(radius)
        return f"M{number(x1)} {number(y1)}A{reach} {reach} 0 {wide} 0 {number(x2)} {number(y2)}"


@dataclass(frozen=True, slots=True)
class Mark:
    """One label of the ring of bodies.

    A body has a symbol, its degrees and perhaps the sign of retrograde motion; an angle of the chart has a
    short name and perhaps its position with minutes.
    """

    longitude: float
    name: str
    position: str = ""
    retrograde: bool = False
    angle: bool = False

    @property
    def size(self) -> float:
        """Degrees of the ring that keep it clear of its neighbours."""
        taken = degrees(hypot(*_DEGREE_BOX) / DEGREES)
        if not (self.angle and self.position):
            return taken
        # Its position lies along the radius at the left or right and across it at the top and bottom.
        return 2 * degrees((_POSITION_WIDTH + _DEGREE_BOX[0]) / 2 / POSITIONS) - taken


def draw(chart: Chart, labels: Labels, theme: Theme, x: float, y: float) -> str:
    """Markup of the whole wheel around a centre."""
    houses = chart.houses
    frame = Frame(x, y, houses.ascendant if houses else 0.0)
    points = symbols.shown_points(chart)
    return "".join(
        (
            _ground(frame, theme),
            _zodiac(frame, theme),
            _scale(frame, theme),
            _houses(frame, houses, theme) if houses else "",
            _aspects(frame, chart, points, theme),
            _moon_day(frame, chart, theme),
            _marks(frame, _labels_of(chart, points, labels), theme),
        )
    )


def _ground(frame: Frame, theme: Theme) -> str:
    metal = "url(#metal)"
    return "".join(
        (
            circle(frame.x, frame.y, RIM + 44, fill="url(#glow)"),
            circle(frame.x, frame.y, RIM, fill=theme.disc),
            circle(frame.x, frame.y, CORE, fill="url(#core)"),
            circle(frame.x, frame.y, RIM + 6, fill="none", stroke=metal, stroke_width=1.2),
            circle(frame.x, frame.y, RIM, fill="none", stroke=metal, stroke_width=3.5),
            circle(frame.x, frame.y, BAND, fill="none", stroke=metal, stroke_width=2),
            circle(frame.x, frame.y, CORE, fill="none", stroke=metal, stroke_width=1.6),
        )
    )


def _zodiac(frame: Frame, theme: Theme) -> str:
    parts = []
    middle = (RIM + BAND) / 2
    for sign, symbol in enumerate(symbols.SIGNS):
        colour = theme.elements[sign % 4]
        band = frame.arc(30 * sign, 30 * sign + 30, middle)
        parts.append(
            element(
                "path", d=band, fill="none", stroke=colour, stroke_width=RIM - BAND - 3, stroke_opacity=theme.tint
            )
        )
        parts.append(line(*frame.ray(30 * sign, BAND, RIM), theme.metal[1], 1.4))
        parts.append(glyph(*frame.at(30 * sign + 15, middle), symbol, 44, colour))
    return "".join(parts)


def _scale(frame: Frame, theme: Theme) -> str:
    rays: dict[int, list[str]] = {1: [], 5: [], 10: []}
    for degree in range(360):
        rank = 10 if degree % 10 == 0 else 5 if degree % 5 == 0 else 1
        foot = {1: BAND - 6, 5: BAND - 10, 10: SCALE}[rank]
        x1, y1, x2, y2 = map(number, frame.ray(degree, foot, BAND))
        rays[rank].append(f"M{x1} {y1}L{x2} {y2}")
    return "".join(
        element("path", d="".join(path), stroke=theme.metal[1], stroke_width=breadth, stroke_opacity=opacity)
        for path, breadth, opacity in ((rays[1], 0.8, 0.55), (rays[5], 1.1, 0.8), (rays[10], 1.5, 1.0))
    )


def _houses(frame: Frame, houses: Houses, theme: Theme) -> str:
    middle = (HOUSES + CORE) / 2
    parts = [circle(frame.x, frame.y, HOUSES, fill="none", stroke=theme.faint, stroke_width=0.8, stroke_opacity=0.7)]
    angles = _angles(houses)
    for cusp in houses.cusps:
        if all(abs(signed_arc(cusp, angle)) > _SAME for angle in angles.values()):
            parts.append(line(*frame.ray(cusp, HOUSES, SCALE), theme.faint, 1, 0.6))
        parts.append(line(*frame.ray(cusp, CORE, HOUSES), theme.faint, 1.2, 0.9))
    for name, angle in angles.items():
        if name in {"dc", "ic"}:  # a line across the position of the others would look like a minus
            parts.append(line(*frame.ray(angle, HOUSES, BAND), theme.accent, 1.4, 0.5))
        parts.extend(line(*frame.ray(angle, *ends), theme.accent, 2.6) for ends in ((CORE, HOUSES), (SCALE, RIM)))
        parts.append(circle(*frame.at(angle, RIM), 6, fill=theme.accent, stroke=theme.disc, stroke_width=1.5))
    taken = degrees(hypot(*_HOUSE_BOX) / middle)
    ends = (*houses.cusps[1:], houses.cusps[0])
    middles = [start + (end - start) % 360 / 2 for start, end in zip(houses.cusps, ends, strict=True)]
    for house, place in enumerate(spread(middles, [taken] * 12), start=1):
        parts.append(centred(*frame.at(place, middle), str(house), HOUSE_SIZE, theme.muted, weight=500))
    return "".join(parts)


def _angles(houses: Houses) -> dict[str, float]:
    return {
        "ac": houses.ascendant,
        "ic": (houses.midheaven + 180) % 360,
        "dc": (houses.ascendant + 180) % 360,
        "mc": houses.midheaven,
    }


def _aspects(frame: Frame, chart: Chart, points: tuple[Point, ...], theme: Theme) -> str:
    places = {point.id: point.longitude for point in points}
    drawn = [aspect for aspect in chart.aspects if aspect.first in places and aspect.second in places]
    parts = []
    for aspect in sorted(drawn, key=lambda item: item.exactness):
        colour = theme.aspect(aspect.kind)
        breadth, opacity = 0.9 + 2.6 * aspect.exactness, 0.28 + 0.67 * aspect.exactness
        start, end = places[aspect.first], places[aspect.second]
        if aspect.kind == "conjunction":
            if (end - start) % 360 > 180:
                start, end = end, start
            path = frame.arc(start, end, CORE - 7)
            look: dict[str, str | float | None] = {"stroke": colour, "stroke_width": breadth + 1.5}
            parts.append(element("path", d=path, fill="none", stroke_opacity=opacity, stroke_linecap="round", **look))
        else:
            parts.append(line(*frame.at(start, CORE), *frame.at(end, CORE), colour, breadth, opacity))
    parts.extend(circle(*frame.at(place, CORE), 3.6, fill=theme.ink) for place in places.values())
    return "".join(parts)


def _moon_day(frame: Frame, chart: Chart, theme: Theme) -> str:
    day = chart.moon_day
    if day is None:
        return ""
    path = frame.arc(day.start, day.end, SCALE - 6)
    return element("path", d=path, fill="none", stroke=theme.moon, stroke_width=7, stroke_linecap="round")


def _labels_of(chart: Chart, points: tuple[Point, ...], labels: Labels) -> list[Mark]:
    marks = []
    for point in points:
        symbol = symbols.BODIES[point.id]
        if point.id == "moon" and chart.moon_day:
            day = chart.moon_day
            middle = day.start + (day.end - day.start) % 360 / 2
            marks.append(Mark(middle % 360, symbol))
        else:
            position, _ = symbols.degrees_minutes(point.longitude)
            marks.append(Mark(point.longitude, symbol, position, point.retrograde))
    for name, longitude in _angles(chart.houses).items() if chart.houses else ():
        position = "".join(symbols.degrees_minutes(longitude)) if name in {"ac", "mc"} else ""
        marks.append(Mark(longitude, labels.angles[name], position, angle=True))
    return marks


def _marks(frame: Frame, marks: list[Mark], theme: Theme) -> str:
    places = spread([mark.longitude for mark in marks], [mark.size for mark in marks])
    placed = list(zip(marks, places, strict=True))
    pointers = [_pointer(frame, mark, place, theme) for mark, place in placed if not mark.angle]
    shown = [(_angle_mark if mark.angle else _body_mark)(frame, mark, place, theme) for mark, place in placed]
    return "".join((*pointers, *shown))


def _body_mark(frame: Frame, mark: Mark, place: float, theme: Theme) -> str:
    parts = [glyph(*frame.at(place, GLYPHS), mark.name, GLYPH_SIZE, theme.ink, halo=theme.disc)]
    if mark.position:
        x, y = frame.at(place, DEGREES)
        parts.append(centred(x, y, mark.position, DEGREE_SIZE, theme.ink, weight=500, halo=theme.disc))
    if mark.retrograde:
        parts.append(glyph(*frame.at(place, NOTES), symbols.RETROGRADE, NOTE_SIZE, theme.muted, halo=theme.disc))
    return "".join(parts)


def _angle_mark(frame: Frame, mark: Mark, place: float, theme: Theme) -> str:
    x, y = frame.at(place, ANGLES)
    name = centred(x, y, mark.name, ANGLE_SIZE, theme.accent, weight=700, halo=theme.disc)
    if not mark.position:
        return name
    x, y = frame.at(place, POSITIONS)
    return name + centred(x, y, mark.position, POSITION_SIZE, theme.accent, weight=500, halo=theme.disc)


def _pointer(frame: Frame, mark: Mark, place: float, theme: Theme) -> str:
    corners = frame.at(mark.longitude, BAND), frame.at(mark.longitude, SCALE), frame.at(place, GLYPHS + 24)
    path = "L".join(f"{number(x)} {number(y)}" for x, y in corners)
    dot = circle(*frame.at(mark.longitude, SCALE + 2), 3, fill=theme.ink)
    return (
        element("path", d=f"M{path}", fill="none", stroke=theme.muted, stroke_width=1.3, stroke_linejoin="round")
        + dot
    )
