"""The picture of a chart: well-formed, legible, true to the chart, the same for anyone."""

from __future__ import annotations

import pickle
import re
import struct
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations
from math import atan2, degrees

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_natal.model import (
    NODES,
    PLANETS,
    Aspect,
    Chart,
    Houses,
    HouseSystem,
    Ingress,
    MoonDay,
    Point,
    signed_arc,
)
from astral_natal.render import LABELS, THEMES, Picture, fonts, render_png, render_svg, symbols

SVG = "{http://www.w3.org/2000/svg}"
CENTRE = 512.0, 551.0
SHARES = {"start": 0.0, "middle": 0.5, "end": 1.0}
KINDS = {"conjunction": 0, "sextile": 60, "square": 90, "trine": 120, "opposition": 180}
# 15 June 1990, 14:30 UTC+4, Moscow: longitude, speed, house.
MOSCOW = {
    "sun": (84.069861, 0.955109, 9),
    "moon": (344.523625, 13.339529, 6),
    "mercury": (65.583545, 1.71308, 9),
    "venus": (48.704101, 1.175929, 8),
    "mars": (10.996374, 0.719016, 7),
    "jupiter": (105.875947, 0.216605, 10),
    "saturn": (294.035598, -0.058574, 4),
    "uranus": (278.167643, -0.038913, 4),
    "neptune": (283.718641, -0.025014, 4),
    "pluto": (225.402768, -0.020202, 2),
    "true_node": (308.121044, 0.014395, 4),
    "mean_node": (309.701194, -0.05297, 4),
}
CUSPS = (
    185.703894, 209.319421, 239.895635, 277.869837, 314.661423, 343.63798,
    5.703894, 29.319421, 59.895635, 97.869837, 134.661423, 163.63798,
)  # fmt: skip
# 5 February 1962: seven bodies within 17 degrees of Aquarius.
STELLIUM = {
    "sun": 315.9, "moon": 317.3, "mercury": 318.6, "venus": 318.2, "mars": 302.9, "jupiter": 319.9,
    "saturn": 304.1, "uranus": 149.2, "neptune": 223.6, "pluto": 159.4, "true_node": 138.5,
}  # fmt: skip


def find_aspects(points: tuple[Point, ...]) -> tuple[Aspect, ...]:
    """Aspects within six degrees."""
    found = []
    for first, second in combinations([point for point in points if point.id != "mean_node"], 2):
        arc = abs(signed_arc(first.longitude, second.longitude))
        for kind, angle in KINDS.items():
            if abs(arc - angle) <= 6:
                found.append(Aspect(first.id, second.id, kind, abs(arc - angle), 1 - abs(arc - angle) / 6, True))
    return tuple(found)


def make_chart(points: tuple[Point, ...], houses: Houses | None) -> Chart:
    """A chart of Moscow with the given bodies."""
    return Chart(2448058.0, 55.75204, 37.61781, points, find_aspects(points), houses, None, "test")


def placed(body: str) -> Houses:
    """Houses by Placidus of Moscow 1990, under the given name of the system asked for."""
    system = HouseSystem(body)
    return Houses(HouseSystem.PORPHYRY, system, CUSPS[0], CUSPS[9], CUSPS)


def moscow() -> Chart:
    """The reference chart."""
    points = tuple(Point(body, at, 0.0, speed, house) for body, (at, speed, house) in MOSCOW.items())
    return make_chart(points, Houses(HouseSystem.PLACIDUS, HouseSystem.PLACIDUS, CUSPS[0], CUSPS[9], CUSPS))


def stellium() -> Chart:
    """Seven bodies in one place."""
    points = tuple(Point(body, at, 0.0, -0.1, 2) for body, at in STELLIUM.items())
    return make_chart(points, moscow().houses)


def untimed() -> Chart:
    """A chart whose Moon changes its sign at 14:20 of a day without a time."""
    points = tuple(Point(body, at, 0.0, speed) for body, (at, speed, _) in MOSCOW.items())
    points = tuple(replace(point, longitude=359.0) if point.id == "moon" else point for point in points)
    ingress = Ingress("moon", "14:20", "pisces", "aries")
    return replace(make_chart(points, None), moon_day=MoonDay(352.4, 5.6, "14:20"), ingresses=(ingress,))


def polar() -> Chart:
    """A chart that asked for Placidus and got Porphyry."""
    return replace(moscow(), latitude=68.97917, houses=placed("placidus"))


def picture(chart: Chart, *, title: str = "Анна", language: str = "ru", theme: str = "night") -> Picture:
    """A picture with a usual footer."""
    line = "15 июня 1990, 14:30 (UTC+4) · Москва, Россия"
    return Picture(chart, title, (line,), LABELS[language], THEMES[theme])


def parse(markup: str) -> ET.Element:
    """The root of a well-formed document."""
    return ET.fromstring(markup)  # noqa: S314  # our own output


def lines_of(root: ET.Element) -> list[str]:
    """All texts."""
    return ["".join(item.itertext()) for item in root.iter(f"{SVG}text")]


def boxes(root: ET.Element) -> list[tuple[str, float, float, float, float]]:
    """Text, left, top, right, bottom of every text, from the widths and outlines of the fonts."""
    found = []
    for item in root.iter(f"{SVG}text"):
        shown, size = "".join(item.itertext()), float(item.get("font-size", 0))
        x, y = float(item.get("x", 0)), float(item.get("y", 0))
        if fonts.GLYPH_FAMILY in item.get("font-family", "") and len(shown) == 1:
            left, bottom, right, top = fonts.ink(shown)
            found.append((shown, x + left * size, y - top * size, x + right * size, y - bottom * size))
            continue
        taken = fonts.width(shown, size, int(item.get("font-weight", 400)))
        x -= SHARES[item.get("text-anchor", "start")] * taken
        descent = 0.0 if re.fullmatch("[0-9°′]+|[ADIM]C", shown) else 0.2
        found.append((shown, x, y - 0.72 * size, x + taken, y + descent * size))
    return found


def overlaps(root: ET.Element) -> list[tuple[str, str]]:
    """Pairs of texts that share more than half a pixel."""
    return [
        (a[0], b[0])
        for a, b in combinations(boxes(root), 2)
        if min(a[3], b[3]) - max(a[1], b[1]) > 0.5 and min(a[4], b[4]) - max(a[2], b[2]) > 0.5
    ]


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """Charts of any kind: crowded or wide, with any houses or without a time."""
    start, width = draw(st.floats(0, 359)), draw(st.sampled_from([2.0, 15.0, 60.0, 180.0, 360.0]))
    known = draw(st.booleans())
    points = tuple(
        Point(
            body,
            (start + width * draw(st.floats(0, 0.999))) % 360,
            0.0,
            draw(st.floats(-1, 1)),
            draw(st.integers(1, 12)) if known else None,
        )
        for body in (*PLANETS, draw(st.sampled_from(NODES)))
    )
    ascendant, quadrant = draw(st.floats(0, 359.9)), draw(st.floats(35, 145))
    cuts = [0.0, draw(st.floats(0.12, 0.45)), draw(st.floats(0.55, 0.88))]
    arcs = (ascendant, 180 - quadrant), (ascendant + 180 - quadrant, quadrant)
    half = [(begin + size * cut) % 360 for begin, size in arcs for cut in cuts]
    cusps = (*half, *((cusp + 180) % 360 for cusp in half))
    system = draw(st.sampled_from([HouseSystem.PLACIDUS, HouseSystem.PORPHYRY]))
    houses = Houses(system, HouseSystem.PLACIDUS, ascendant, (half[3] + 180) % 360, cusps)
    if known:
        return make_chart(points, houses)
    moon = next(point.longitude for point in points if point.id == "moon")
    return replace(make_chart(points, None), moon_day=MoonDay((moon - 7) % 360, (moon + 7) % 360, None))


@given(charts(), st.sampled_from(["en", "ru"]), st.sampled_from(["night", "paper"]))
@settings(max_examples=60, deadline=None)
def test_any_chart_is_well_formed_without_overlap(chart: Chart, language: str, theme: str) -> None:
    """Whatever the sky looks like, the SVG parses, texts keep clear of each other and of the edges."""
    root = parse(render_svg(picture(chart, title="Екатерина Ивановна", language=language, theme=theme)))
    assert overlaps(root) == []
    assert all(a[1] >= 20 and a[3] <= 1004 and a[2] >= 20 and a[4] <= 1260 for a in boxes(root))


@pytest.mark.parametrize("make", [moscow, stellium, untimed, polar])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_known_charts_have_no_overlap(make: object, language: str) -> None:
    """The reference chart, the stellium, the chart without a time and the polar one are clean."""
    assert callable(make)
    assert overlaps(parse(render_svg(picture(make(), language=language)))) == []


@pytest.mark.parametrize("make", [moscow, stellium, untimed, polar])
def test_every_character_is_set_in_a_font_that_has_it(make: object) -> None:
    """No tofu: each run names a family whose font covers all of its characters, quoted as CSS wants it."""
    assert callable(make)
    faces = {f"'{fonts.TEXT_FAMILY}'": fonts.text_face(), f"'{fonts.GLYPH_FAMILY}'": fonts.glyph_face()}
    for item in parse(render_svg(picture(make()))).iter(f"{SVG}text"):
        for run in [item, *item.iter(f"{SVG}tspan")]:
            face = faces[run.get("font-family", "")]
            assert all(ord(char) in face.advances for char in run.text or "")


def test_the_table_tells_sign_degrees_minutes_and_house() -> None:
    """The Sun of the reference chart stands at 24°04′ Gemini in house 9."""
    root = parse(render_svg(picture(moscow(), language="en")))
    row = {box[0] for box in boxes(root) if 1024 < box[4] < 1040 and box[3] < 512}
    assert row == {"☉", "Sun", "♊", "Gemini", "24°", "04′", "9"}


def test_minutes_are_cut_and_not_rounded() -> None:
    """29°59.99′ is still in its sign, as charts print it."""
    assert symbols.degrees_minutes(29.9999) == ("29°", "59′")
    assert symbols.degrees_minutes(30.0) == ("0°", "00′")


def test_big_three_are_the_headline() -> None:
    """Signs of Sun, Moon and Ascendant stand above the wheel, in this order."""
    root = parse(render_svg(picture(moscow(), language="en")))
    top = sorted((box for box in boxes(root) if 80 < box[4] < 125), key=lambda box: box[1])
    assert [box[0] for box in top] == ["☉", "Gemini", "☽", "Pisces", "AC", "Libra"]


def test_retrograde_bodies_are_marked_twice() -> None:
    """Saturn to Pluto, on the wheel and in the table; the mean node is not shown beside the true one."""
    shown = lines_of(parse(render_svg(picture(moscow()))))
    assert shown.count("℞") == 2 * 4
    assert shown.count("☊") == 2


def test_the_ascendant_lies_at_the_left_and_longitudes_grow_counterclockwise() -> None:
    """The signs stand at their true angles around the Ascendant; AC is at the left, MC near the top."""
    chart = moscow()
    root = parse(render_svg(picture(chart)))
    ring = {box[0]: box for box in boxes(root) if box[0] in symbols.SIGNS and box[4] < 990}
    for sign, symbol in enumerate(symbols.SIGNS):
        _, left, top, right, bottom = ring[symbol]
        turn = degrees(atan2(CENTRE[1] - (top + bottom) / 2, (left + right) / 2 - CENTRE[0]))
        assert abs(signed_arc(180 + 30 * sign + 15 - CUSPS[0], turn)) < 0.1
    angles = {box[0]: box for box in boxes(root) if box[0] in {"AC", "MC"} and 125 < box[2] < 990}
    assert angles["AC"][3] < 260
    assert angles["MC"][4] < 300


def test_a_chart_without_time_shows_no_houses_and_says_so() -> None:
    """No angles, no house numbers, Aries at the left, both signs of the Moon, its arc, and a line of words."""
    root = parse(render_svg(picture(untimed(), language="en")))
    shown = lines_of(root)
    assert not {"AC", "DC", "MC", "IC", "Ascendant", "house", "12"} & set(shown)
    aries = next(box for box in boxes(root) if box[0] == "♈" and box[4] - box[2] > 25)
    assert aries[3] < 200
    assert aries[2] > CENTRE[1]
    assert {"Pisces", "Aries", "22°–"} <= set(shown)
    assert any("Birth time unknown" in entry and "Moon enters Aries at 14:20" in entry for entry in shown)
    assert sum(path.get("stroke") == THEMES["night"].moon for path in root.iter(f"{SVG}path")) == 1


def test_a_polar_chart_says_that_porphyry_stands_in() -> None:
    """The note names both systems; an ordinary chart names the system and has no note."""
    assert any(
        "Placidus is undefined" in entry and "Porphyry" in entry
        for entry in lines_of(parse(render_svg(picture(polar(), language="en"))))
    )
    ordinary = lines_of(parse(render_svg(picture(moscow(), language="en"))))
    assert any(entry.endswith("Placidus houses") for entry in ordinary)
    assert not any("undefined" in entry for entry in ordinary)


def test_coordinates_know_all_four_sides() -> None:
    """South and west are told from north and east, in words of the language."""
    southern = replace(moscow(), latitude=-33.8688, longitude=-70.5)
    shown = lines_of(parse(render_svg(picture(southern))))
    assert any("33°52′ ю. ш., 70°30′ з. д." in entry for entry in shown)


def test_closer_aspects_are_drawn_stronger() -> None:
    """Width and opacity grow with exactness; the colour is that of the kind."""
    chart = replace(
        moscow(),
        aspects=(
            Aspect("sun", "moon", "square", 0.1, 0.98, applying=True),
            Aspect("venus", "pluto", "square", 5.0, 0.1, applying=True),
        ),
    )
    root = parse(render_svg(picture(chart)))
    drawn = [line for line in root.iter(f"{SVG}line") if line.get("stroke") == THEMES["night"].square]
    weak, strong = ((float(line.get("stroke-width", 0)), float(line.get("stroke-opacity", 0))) for line in drawn)
    assert weak[0] < strong[0]
    assert weak[1] < strong[1]


def test_only_aspects_that_occur_are_explained() -> None:
    """The key names the kinds of the chart, each once."""
    chart = replace(moscow(), aspects=(Aspect("sun", "moon", "trine", 1.0, 0.8, applying=False),))
    shown = lines_of(parse(render_svg(picture(chart, language="en"))))
    assert shown.count("trine") == 1
    assert not {"sextile", "square", "opposition"} & set(shown)


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("</text><script>alert(1)</script>", "</text><script>alert(1)…"),
        ("\"'&<>]]>", "\"'&<>]]>"),
        ("Маша 🌸 & Ко", "Маша & Ко"),
        ("🌸", "Натальная карта"),
        ("", "Натальная карта"),
        ("x" * 5000, "x" * 23 + "…"),
    ],
)
def test_hostile_names_are_only_text(title: str, shown: str) -> None:
    """Markup is escaped, emoji go, length is capped, an empty name gives way to the usual title."""
    root = parse(render_svg(picture(moscow(), title=title)))
    assert lines_of(root)[0] == shown
    assert not list(root.iter(f"{SVG}script"))


@given(st.text(max_size=80), st.lists(st.text(max_size=300), max_size=3))
@settings(max_examples=25, deadline=None)
def test_any_words_make_a_document_within_its_margins(title: str, lines: list[str]) -> None:
    """Any title and any footer lines leave the document well-formed and within its edges."""
    given_picture = replace(picture(moscow(), title=title), subtitle=tuple(lines))
    root = parse(render_svg(given_picture))
    assert all(box[1] >= 20 and box[3] <= 1004 for box in boxes(root))
    assert overlaps(root) == []


def test_an_unknown_body_is_refused() -> None:
    """The error names the body without a symbol and those that have one."""
    chart = replace(moscow(), points=(*moscow().points, Point("vulcan", 1.0, 0.0, 1.0, 1)))
    with pytest.raises(ValueError, match="no symbol for vulcan; known points are sun"):
        render_svg(picture(chart))


def test_the_same_picture_is_the_same_svg() -> None:
    """Nothing is random: stars included."""
    assert render_svg(picture(stellium())) == render_svg(picture(stellium()))


@pytest.mark.parametrize("theme", ["night", "paper"])
def test_png_has_its_size_and_is_small(theme: str) -> None:
    """A PNG of 1024 x 1280 pixels and less than a megabyte."""
    image = render_png(picture(moscow(), theme=theme))
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", image[16:24]) == (1024, 1280)
    assert 50_000 < len(image) < 1_000_000


def test_the_work_can_be_sent_to_a_process() -> None:
    """Picture and entry survive pickling, so that a process pool can run them."""
    function, argument = pickle.loads(pickle.dumps((render_png, picture(untimed()))))  # noqa: S301  # our own
    assert function is render_png
    assert render_svg(argument) == render_svg(picture(untimed()))
