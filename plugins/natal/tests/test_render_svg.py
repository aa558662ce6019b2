"""Drawing by strings, and what the rasterizer makes of it: escaping, centring, fonts, widths."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
import resvg_py
from hypothesis import given
from hypothesis import strategies as st

from astral_natal.render import fonts, svg, symbols

SIDE = 240
PRINTABLE = st.text(alphabet=st.characters(codec="utf-8", min_codepoint=32, exclude_categories=["Cs", "Cc", "Cn"]))


def parse(markup: str) -> ET.Element:
    """The element of well-formed markup."""
    return ET.fromstring(markup)  # noqa: S314  # our own output


def alphas(data: bytes, width: int) -> list[bytes]:
    """The opacity of each pixel, row by row, of an inflated PNG of four bytes a pixel.

    The filters of the PNG specification, section 9, treat each byte of a pixel by itself: only the fourth is read.
    """
    rows, before, stride = [], bytes(width), width * 4 + 1
    for start in range(0, len(data), stride):
        kind, row = data[start], bytearray(data[start + 4 : start + stride : 4])
        if kind and (any(row) or any(before)):
            row = unfilter(kind, row, before)
        rows.append(before := bytes(row))
    return rows


def unfilter(kind: int, row: bytearray, before: bytes) -> bytearray:
    """A row of one byte a pixel as it was before its filter."""
    left = corner = 0
    for i, above in enumerate(before):
        guess = left + above - corner
        paeth = min((left, above, corner), key=lambda value: abs(guess - value)) if kind == 4 else 0
        left = row[i] = (row[i] + (0, left, above, (left + above) // 2, paeth)[kind]) & 255
        corner = above
    return row


def ink_box(content: str, width: int = SIDE) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all that is drawn, in pixels; a failure if nothing is."""
    markup = svg.element("svg", content, xmlns="http://www.w3.org/2000/svg", width=width, height=SIDE)
    image = bytes(
        resvg_py.svg_to_bytes(
            svg_string=markup,
            font_family=fonts.TEXT_FAMILY,
            font_files=[str(fonts.TEXT_FILE), str(fonts.GLYPH_FILE)],
            skip_system_fonts=True,
        )
    )
    at, packed = 8, b""
    while at < len(image):
        (size,) = struct.unpack_from(">I", image, at)
        packed += image[at + 8 : at + 8 + size] if image[at + 4 : at + 8] == b"IDAT" else b""
        at += size + 12
    assert image[24:26] == b"\x08\x06", "eight bits, red green blue alpha"
    inked = [
        (x, y) for y, row in enumerate(alphas(zlib.decompress(packed), width)) for x in range(width) if row[x] > 100
    ]
    assert inked, "nothing was drawn"
    columns, lines = [x for x, _ in inked], [y for _, y in inked]
    return min(columns), min(lines), max(columns) + 1, max(lines) + 1


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "1"), (0.125, "0.12"), (-0.001, "0"), (10, "10"), (-2.5, "-2.5"), (100.0, "100")]
)
def test_numbers_are_short(value: float, shown: str) -> None:
    """Two places at most, no trailing zeros, no negative zero."""
    assert svg.number(value) == shown


def test_attributes_are_named_for_svg_and_may_be_left_out() -> None:
    """Underscores become hyphens, None vanishes, an empty element closes itself."""
    assert svg.element("g", stroke_width=1.50, fill=None) == '<g stroke-width="1.5"/>'
    assert svg.element("g", "<a/>", id="x") == '<g id="x"><a/></g>'


@given(PRINTABLE)
def test_any_attribute_survives_a_round_trip(value: str) -> None:
    """Quotes, angle brackets and ampersands come back as they went in."""
    assert parse(svg.element("g", id=value)).get("id") == value


@given(PRINTABLE)
def test_any_text_survives_a_round_trip(value: str) -> None:
    """The text of a line is what was given, also where it takes two fonts."""
    assert "".join(parse(svg.text(0, 0, value, 20, "#fff")).itertext()) == value


@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_a_line_of_two_fonts_lies_where_a_line_of_one_would(anchor: str) -> None:
    """Its runs follow each other from the place that the anchor and the width of the whole line give."""
    item = parse(svg.text(100, 50, "5°07′ N", 20, "#fff", weight=500, anchor=anchor))
    spans = list(item.iter("tspan"))
    total = fonts.width("5°07′ N", 20, 500)
    assert item.get("text-anchor") == "start"
    first = 100 - {"start": 0, "middle": 0.5, "end": 1}[anchor] * total
    assert float(spans[0].get("x", 0)) == pytest.approx(first, abs=0.01)
    for before, after in pairwise(spans):
        step = float(after.get("x", 0)) - float(before.get("x", 0))
        assert step == pytest.approx(fonts.width(before.text or "", 20, 500), abs=0.02)


@pytest.mark.parametrize("char", [*dict.fromkeys(symbols.BODIES.values()), *symbols.SIGNS, symbols.RETROGRADE])
def test_symbols_are_centred_on_their_point(char: str) -> None:
    """The ink that the rasterizer draws lies evenly around the point asked for."""
    left, top, right, bottom = ink_box(svg.glyph(120, 110, char, 100, "#fff"))
    assert (left + right) / 2 == pytest.approx(120, abs=1.5)
    assert (top + bottom) / 2 == pytest.approx(110, abs=1.5)


def test_degrees_are_centred_on_their_point() -> None:
    """The digits of a label lie evenly above and below the point."""
    _, top, _, bottom = ink_box(svg.centred(120, 110, "28", 80, "#fff"))
    assert (top + bottom) / 2 == pytest.approx(110, abs=1.5)


@pytest.mark.parametrize("weight", [400, 500, 600, 700])
@pytest.mark.parametrize("line", ["Стрелец Козерог", "Sagittarius Moon", "0123456789°", "Щщ ЖжЮю МмШш"])
def test_widths_are_those_of_the_rasterizer(line: str, weight: int) -> None:
    """The widths that the layout counts on are met within five per cent and hardly ever exceeded."""
    left, _, right, _ = ink_box(svg.text(20, 120, line, 40, "#fff", weight=weight), width=480)
    counted = fonts.width(line, 40, weight)
    assert 0.95 * counted < right - left + 4 < 1.015 * counted + 4


def test_bold_minutes_are_bold() -> None:
    """The mark of minutes, which the text font lacks, does not drag its digits into the other font."""
    light = ink_box(svg.text(20, 120, "04", 80, "#fff", weight=400))
    bold = ink_box(svg.text(20, 120, "04", 80, "#fff", weight=900))
    mixed = ink_box(svg.text(20, 120, "04′", 80, "#fff", weight=900))
    assert mixed[2] > bold[2] > light[2]
    assert (mixed[0], mixed[3]) == (bold[0], bold[3])


def test_a_halo_is_painted_below_its_text() -> None:
    """The rim that masks lines is a stroke behind the fill, and grows with the text."""
    item = parse(svg.centred(0, 0, "7°", 20, "#fff", halo="#000"))
    assert item.get("paint-order") == "stroke"
    assert item.get("stroke") == "#000"
    assert float(item.get("stroke-width", 0)) == pytest.approx(6)
    assert parse(svg.centred(0, 0, "7°", 20, "#fff")).get("stroke") is None


def test_a_gradient_has_its_stops() -> None:
    """Offsets, colours and opacities in the order given."""
    item = parse(svg.gradient("radial", "sky", ((0, "#111111", 1), (1, "#222222", 0.5)), r=3))
    assert item.tag == "radialGradient"
    assert [(stop.get("offset"), stop.get("stop-color"), stop.get("stop-opacity")) for stop in item] == [
        ("0", "#111111", "1"),
        ("1", "#222222", "0.5"),
    ]


def test_a_sparkle_is_drawn_around_its_point() -> None:
    """Four points reach equally far from the middle."""
    left, top, right, bottom = ink_box(svg.sparkle(120, 100, 60, "#fff"))
    assert (left + right) / 2 == pytest.approx(120, abs=1)
    assert (top + bottom) / 2 == pytest.approx(100, abs=1)


def font_file(cmap: bytes) -> bytes:
    """A font of 1000 units an em with the widths 500, 250 and 750 and the given `cmap`."""
    head = bytes(18) + struct.pack(">H", 1000) + bytes(34)
    hhea = bytes(34) + struct.pack(">H", 3)
    hmtx = struct.pack(">HhHhHh", 500, 0, 250, 0, 750, 0)
    body, records = b"", b""
    for tag, table in ((b"cmap", cmap), (b"head", head), (b"hhea", hhea), (b"hmtx", hmtx)):
        records += struct.pack(">4sIII", tag, 0, 12 + 16 * 4 + len(body), len(table))
        body += table
    return struct.pack(">IHHHH", 0x00010000, 4, 0, 0, 0) + records + body


def test_reading_characters_by_offset_and_by_delta(tmp_path: Path) -> None:
    """`cmap` format 4 both ways: A by its delta, B by the array of glyphs, C mapped to no glyph at all."""
    ends, starts = struct.pack(">3H", 65, 67, 0xFFFF), struct.pack(">3H", 65, 66, 0xFFFF)
    deltas, ranges = struct.pack(">3H", (1 - 65) & 0xFFFF, 0, 1), struct.pack(">3H", 0, 4, 0)
    glyphs = struct.pack(">2H", 2, 0)
    table = struct.pack(">7H", 4, 0, 0, 6, 0, 0, 0) + ends + bytes(2) + starts + deltas + ranges + glyphs
    path = tmp_path / "small.ttf"
    path.write_bytes(font_file(struct.pack(">HHHHI", 0, 1, 3, 1, 12) + table))
    assert fonts.read_face(path).advances == {65: 0.25, 66: 0.75}


def test_reading_characters_beyond_the_basic_plane(tmp_path: Path) -> None:
    """`cmap` format 12: a group of two characters; glyphs beyond the widths take the last one."""
    table = struct.pack(">HHIII", 12, 0, 28, 0, 1) + struct.pack(">III", 0x1F700, 0x1F701, 2)
    path = tmp_path / "wide.ttf"
    path.write_bytes(font_file(struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table))
    assert fonts.read_face(path).advances == {0x1F700: 0.75, 0x1F701: 0.75}


def test_a_missing_font_is_an_error(tmp_path: Path) -> None:
    """A path without a file says so and is not taken for an empty font."""
    with pytest.raises(OSError, match=r"absent\.ttf"):
        fonts.read_face(tmp_path / "absent.ttf")
