"""Geometry of the wheel: everything lies at its true longitude."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from math import atan2, degrees, hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_natal.model import PLANETS, Aspect, Chart, Houses, HouseSystem, MoonDay, Point, signed_arc
from astral_natal.render import LABELS, THEMES, Theme, backdrop, symbols, wheel

X, Y = 512.0, 551.0
PLACES = (84.07, 344.52, 65.58, 48.70, 11.0, 105.88, 294.04, 278.17, 283.72, 225.40)
CUSPS = (185.7, 209.3, 239.9, 277.9, 314.7, 343.6, 5.7, 29.3, 59.9, 97.9, 134.7, 163.6)
THEME = THEMES["night"]


def chart_of(*aspects: Aspect) -> Chart:
    """A chart with houses."""
    points = tuple(Point(body, at, 0.0, 1.0, 1) for body, at in zip(PLANETS, PLACES, strict=True))
    houses = Houses(HouseSystem.PLACIDUS, HouseSystem.PLACIDUS, CUSPS[0], CUSPS[9], CUSPS)
    return Chart(2448058.0, 55.75, 37.62, points, aspects, houses, None, "test")


def untimed(start: float, end: float) -> Chart:
    """A chart without a time whose Moon goes from one longitude to another."""
    return replace(chart_of(), houses=None, moon_day=MoonDay(start, end, None))


def drawn(chart: Chart, theme: Theme = THEME) -> ET.Element:
    """The wheel as an element."""
    return ET.fromstring(f"<g>{wheel.draw(chart, LABELS['en'], theme, X, Y)}</g>")  # noqa: S314  # our own


def longitude(x: float, y: float, left: float) -> float:
    """The longitude at which a point of the wheel lies."""
    return (degrees(atan2(Y - y, x - X)) - 180 + left) % 360


def radius(x: float, y: float) -> float:
    """Its distance from the centre."""
    return hypot(x - X, y - Y)


def ends(line: ET.Element) -> list[tuple[float, float]]:
    """Both ends of a line."""
    x1, y1, x2, y2 = (float(line.get(name, 0)) for name in ("x1", "y1", "x2", "y2"))
    return [(x1, y1), (x2, y2)]


@given(st.floats(0, 359.9), st.floats(0, 359.9), st.floats(10, 400))
def test_the_frame_turns_longitudes_into_points_and_back(place: float, left: float, reach: float) -> None:
    """The longitude at the left is at the left; any point keeps its radius and its longitude."""
    frame = wheel.Frame(X, Y, left)
    assert frame.at(left, reach) == pytest.approx((X - reach, Y))
    x, y = frame.at(place, reach)
    assert radius(x, y) == pytest.approx(reach)
    assert signed_arc(longitude(x, y, left), place) == pytest.approx(0, abs=1e-6)


def test_longitudes_grow_counter_clockwise() -> None:
    """Ninety degrees after the Ascendant is the bottom of the wheel, where the IC belongs."""
    x, y = wheel.Frame(X, Y, 100.0).at(190.0, 50)
    assert (x, y) == pytest.approx((X, Y + 50))


def test_aspects_join_the_true_longitudes() -> None:
    """A line of an aspect ends on the inner circle at both bodies, however their labels were moved."""
    aspect = Aspect("sun", "pluto", "opposition", 1.0, 0.9, applying=True)
    (line,) = (item for item in drawn(chart_of(aspect)).iter("line") if item.get("stroke") == THEME.opposition)
    for (x, y), body in zip(ends(line), ("sun", "pluto"), strict=True):
        assert radius(x, y) == pytest.approx(wheel.CORE, abs=0.02)
        true = PLACES[PLANETS.index(body)]
        assert signed_arc(longitude(x, y, CUSPS[0]), true) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("first", "second"), [("neptune", "uranus"), ("uranus", "neptune")])
def test_a_conjunction_is_a_short_arc_whichever_comes_first(first: str, second: str) -> None:
    """The arc goes the short way round, inside the circle of the aspects."""
    aspect = Aspect(first, second, "conjunction", 5.5, 0.3, applying=False)
    paths = [item for item in drawn(chart_of(aspect)).iter("path") if item.get("stroke") == THEME.conjunction]
    (path,) = paths
    x1, y1, _, _, _, wide, sweep, x2, y2 = map(float, re.findall(r"-?[\d.]+", path.get("d", "")))
    assert (wide, sweep) == (0, 0)
    assert longitude(x1, y1, CUSPS[0]) == pytest.approx(278.17, abs=0.02)
    assert longitude(x2, y2, CUSPS[0]) == pytest.approx(283.72, abs=0.02)
    assert radius(x1, y1) < wheel.CORE


def test_aspects_to_points_that_are_not_shown_are_left_out() -> None:
    """The mean node beside the true one has neither a symbol nor lines."""
    aspect = Aspect("sun", "mean_node", "trine", 0.5, 0.9, applying=True)
    chart = chart_of(aspect)
    nodes = (Point("true_node", 200.0, 0.0, -0.1, 1), Point("mean_node", 201.0, 0.0, -0.1, 1))
    root = drawn(replace(chart, points=(*chart.points, *nodes)))
    assert not [item for item in root.iter("line") if item.get("stroke") == THEME.trine]
    assert ["".join(item.itertext()) for item in root.iter("text")].count("☊") == 1


def test_a_lone_mean_node_is_shown() -> None:
    """A chart with one kind of node shows that one."""
    points = (Point("sun", 1.0, 0.0, 1.0), Point("mean_node", 200.0, 0.0, -0.1))
    shown = symbols.shown_points(replace(chart_of(), points=points))
    assert [point.id for point in shown] == ["sun", "mean_node"]


def test_every_cusp_has_its_line() -> None:
    """Twelve lines cross the ring of house numbers, each at its cusp."""
    root = drawn(chart_of())
    found = set()
    for item in root.iter("line"):
        (x1, y1), (x2, y2) = ends(item)
        inner, outer = radius(x1, y1), radius(x2, y2)
        if inner == pytest.approx(wheel.CORE, abs=0.02) and outer == pytest.approx(wheel.HOUSES, abs=0.02):
            found.add(round(longitude(x1, y1, CUSPS[0]), 1))
    assert found == set(CUSPS)


def test_house_numbers_lie_in_their_houses() -> None:
    """The twelve numbers stand between their cusps when there is room."""
    root = drawn(chart_of())
    numbers = {item.text: item for item in root.iter("text") if (item.text or "").isdigit()}
    assert set(numbers) == {str(house) for house in range(1, 13)}
    for house in range(12):
        item = numbers[str(house + 1)]
        size = float(item.get("font-size", 0))
        place = longitude(float(item.get("x", 0)), float(item.get("y", 0)) - 0.354 * size, CUSPS[0])
        span = (CUSPS[(house + 1) % 12] - CUSPS[house]) % 360
        assert 0 < (place - CUSPS[house]) % 360 < span


def test_axes_end_in_knobs_on_the_rim() -> None:
    """Ascendant, Descendant, Midheaven and its opposite are marked on the outer ring."""
    root = drawn(chart_of())
    knobs = [item for item in root.iter("circle") if item.get("fill") == THEME.accent and item.get("r") == "6"]
    places = {round(longitude(float(item.get("cx", 0)), float(item.get("cy", 0)), CUSPS[0]), 1) for item in knobs}
    assert places == {185.7, 5.7, 97.9, 277.9}


def test_pointers_start_at_the_true_degree() -> None:
    """A dot on the scale stands for each body, also where its label had to move."""
    root = drawn(chart_of())
    dots = [item for item in root.iter("circle") if item.get("r") == "3"]
    places = sorted(longitude(float(item.get("cx", 0)), float(item.get("cy", 0)), CUSPS[0]) for item in dots)
    assert places == pytest.approx(sorted(PLACES), abs=0.02)


def test_the_scale_has_a_tick_for_each_degree() -> None:
    """360 ticks, of which 36 are long and 36 of middle length."""
    counts = [item.get("d", "").count("M") for item in drawn(chart_of()).iter("path") if "L" in item.get("d", "")]
    assert sorted(counts, reverse=True)[:3] == [288, 36, 36]


@pytest.mark.parametrize(("start", "end"), [(10.0, 23.0), (352.4, 5.6), (100.0, 115.2)])
def test_the_moon_of_a_day_is_an_arc_from_its_start_to_its_end(start: float, end: float) -> None:
    """Also across 0° Aries; the symbol stands at its middle and has no degree that nobody knows."""
    root = drawn(untimed(start, end))
    (arc,) = (item for item in root.iter("path") if item.get("stroke") == THEME.moon)
    x1, y1, _, _, _, wide, _, x2, y2 = map(float, re.findall(r"-?[\d.]+", arc.get("d", "")))
    assert wide == 0
    assert signed_arc(longitude(x1, y1, 0), start) == pytest.approx(0, abs=0.02)
    assert signed_arc(longitude(x2, y2, 0), end) == pytest.approx(0, abs=0.02)
    labels = ["".join(item.itertext()) for item in root.iter("text")]
    assert sum(label.endswith("°") for label in labels) == len(PLANETS) - 1


def test_signs_are_tinted_by_their_elements() -> None:
    """Aries, Leo and Sagittarius share the colour of fire, and so on round the ring."""
    root = drawn(chart_of())
    colours = {item.text: item.get("fill") for item in root.iter("text") if (item.text or "?") in symbols.SIGNS}
    assert [colours[sign] for sign in symbols.SIGNS] == list(THEME.elements) * 3


@pytest.mark.parametrize("theme", THEMES.values(), ids=["night", "paper"])
def test_no_star_shines_through_words(theme: Theme) -> None:
    """Stars keep out of headline, table and footer; the paper has rays and no stars."""
    markup = f"<g>{backdrop.draw(theme, 1024, 1280, X, Y)}</g>"
    stars = list(ET.fromstring(markup).iter("circle"))  # noqa: S314  # our own output
    assert bool(stars) is theme.stars
    for star in stars:
        x, y = float(star.get("cx", 0)), float(star.get("cy", 0))
        assert not (50 < x < 974 and (y < 120 or y > 870))
