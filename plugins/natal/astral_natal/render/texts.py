"""The words around the wheel: headline, key of aspects, table of the bodies, footer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from astral_natal.model import SIGNS, Chart, sign_of
from astral_natal.render import fonts, symbols
from astral_natal.render.labels import Labels
from astral_natal.render.svg import glyph, line, sparkle, text
from astral_natal.render.themes import Theme

TITLE_LIMIT = 24
LINE_LIMIT = 96
MARGIN = 46.0
TITLE_SIZE = 42.0
TRIO_SIZE = 29.0
ROW_SIZE = 22.5
HEADING_SIZE = 17.0
FOOTER_SIZE = 20.0
ROWS = 6
PITCH = 28.5
_OR = " / "


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `symbol` is None for the Ascendant, whose mark is text; two `signs` are those of a Moon without a time.
    """

    symbol: str | None
    name: str
    signs: tuple[int, ...]
    degrees: tuple[str, str]
    retrograde: bool
    house: str


def headline(title: str, chart: Chart, labels: Labels, theme: Theme, middle: float) -> str:
    """The title and below it the Big Three: signs of Sun, Moon and Ascendant."""
    shown = fonts.drawable(title, TITLE_LIMIT) or labels.title
    size = fonts.fit(shown, TITLE_SIZE, 2 * (middle - MARGIN - 120), 600)
    parts = [text(middle, 64, shown, size, theme.ink, weight=600, anchor="middle")]
    reach = fonts.width(shown, size, 600) / 2 + 34
    for side in (-1, 1):
        parts.append(sparkle(middle + side * reach, 50, 9, theme.accent))
        parts.append(line(middle + side * (reach + 18), 50, middle + side * (reach + 78), 50, theme.accent, 1.2, 0.6))
    trio = _trio(chart)
    names = [_OR.join(labels.signs[sign] for sign in signs) for _, signs in trio]
    widths = [40 + fonts.width(name, TRIO_SIZE, 500) for name in names]
    x = middle - (sum(widths) + 46 * (len(trio) - 1)) / 2
    for (symbol, signs), taken in zip(trio, widths, strict=True):
        if symbol:
            parts.append(glyph(x + 14, 99, symbol, 36, theme.accent))
        else:
            parts.append(text(x + 14, 109, labels.angles["ac"], 24, theme.accent, weight=700, anchor="middle"))
        parts.append(_sign_names(signs, labels, theme, x + 40, 109))
        x += taken + 46
    return "".join(parts)


def _trio(chart: Chart) -> list[tuple[str, tuple[int, ...]]]:
    """Symbol (none for the Ascendant) and sign of each; both signs where the birth time would decide."""
    change: dict[str, tuple[int, ...]] = {
        item.body: (SIGNS.index(item.before), SIGNS.index(item.after)) for item in chart.ingresses
    }
    lights = [point for point in chart.points if point.id in {"sun", "moon"}]
    trio = [(symbols.BODIES[point.id], change.get(point.id, (point.sign,))) for point in lights]
    return [*trio, ("", (sign_of(chart.houses.ascendant),))] if chart.houses else trio


def _sign_names(signs: tuple[int, ...], labels: Labels, theme: Theme, x: float, y: float) -> str:
    """Names of one or two signs, each in the colour of its element."""
    parts = []
    for index, sign in enumerate(signs):
        if index:
            taken = fonts.width(_OR, TRIO_SIZE, 500)
            parts.append(text(x + taken / 2, y, _OR.strip(), TRIO_SIZE, theme.muted, anchor="middle"))
            x += taken
        parts.append(text(x, y, labels.signs[sign], TRIO_SIZE, theme.elements[sign % 4], weight=500))
        x += fonts.width(labels.signs[sign], TRIO_SIZE, 500)
    return "".join(parts)


def aspect_key(chart: Chart, labels: Labels, theme: Theme, left: float, right: float, bottom: float) -> str:
    """Names of the aspects in their colours, in the corners that the wheel leaves free."""
    parts = []
    present = {aspect.kind for aspect in chart.aspects}
    for kinds, x, side in ((("trine", "sextile"), left, 1), (("square", "opposition"), right, -1)):
        for row, kind in enumerate(kinds):
            if kind not in present:
                continue
            y = bottom - 28 * (1 - row)
            colour = theme.aspect(kind)
            anchor = "start" if side > 0 else "end"
            parts.append(glyph(x + 11 * side, y - 7, symbols.ASPECTS[kind], 25, colour))
            parts.append(text(x + 30 * side, y, labels.aspects[kind], 19, colour, anchor=anchor))
    return "".join(parts)


def table(chart: Chart, labels: Labels, theme: Theme, width: float, top: float) -> str:
    """Two columns of bodies with sign, degrees, minutes, retrograde motion and house."""
    rows = _rows(chart, labels)
    gap = 36.0
    column = (width - 2 * MARGIN - gap) / 2
    parts = []
    for half, start in enumerate(range(0, len(rows), ROWS)):
        x = MARGIN + half * (column + gap)
        parts.append(_headings(chart, labels, theme, x, column, top))
        for index, row in enumerate(rows[start : start + ROWS]):
            parts.append(_row(row, labels, theme, x, column, top + 32 + PITCH * index))
    return "".join(parts)


def _headings(chart: Chart, labels: Labels, theme: Theme, x: float, column: float, y: float) -> str:
    parts = [
        text(x, y, labels.body_heading, HEADING_SIZE, theme.muted),
        text(x + 168, y, labels.sign_heading, HEADING_SIZE, theme.muted),
    ]
    if chart.houses:
        parts.append(text(x + column, y, labels.house_heading, HEADING_SIZE, theme.muted, anchor="end"))
    parts.append(line(x, y + 8, x + column, y + 8, theme.metal[1], 1, 0.5))
    return "".join(parts)


def _rows(chart: Chart, labels: Labels) -> list[Row]:
    rows = []
    for point in symbols.shown_points(chart):
        name, symbol = labels.bodies[point.id], symbols.BODIES[point.id]
        if point.id == "moon" and chart.moon_day:
            first, last = chart.moon_day.start, chart.moon_day.end
            degrees = f"{symbols.degrees_minutes(first)[0]}–", symbols.degrees_minutes(last)[0]
            signs = tuple(dict.fromkeys((sign_of(first), sign_of(last))))
            rows.append(Row(symbol, name, signs, degrees, retrograde=False, house=""))
            continue
        house = "" if point.house is None else str(point.house)
        degrees = symbols.degrees_minutes(point.longitude)
        rows.append(Row(symbol, name, (point.sign,), degrees, point.retrograde, house))
    if chart.houses:
        ascendant = chart.houses.ascendant
        degrees = symbols.degrees_minutes(ascendant)
        rows.append(Row(None, labels.ascendant, (sign_of(ascendant),), degrees, retrograde=False, house="1"))
    return rows


def _row(row: Row, labels: Labels, theme: Theme, x: float, column: float, y: float) -> str:
    middle = y - 8
    size = fonts.fit(row.name, ROW_SIZE, 122)
    parts = [
        text(x + 34, y, row.name, size, theme.ink),
        _row_signs(row.signs, labels, theme, x + 180, y),
        text(x + 366, y, row.degrees[0], ROW_SIZE, theme.ink, weight=500, anchor="end"),
        text(x + 367, y, row.degrees[1], ROW_SIZE, theme.ink, weight=500),
        text(x + column, y, row.house, ROW_SIZE, theme.muted, anchor="end") if row.house else "",
    ]
    if row.symbol:
        parts.append(glyph(x + 13, middle, row.symbol, 30, theme.accent))
    else:
        parts.append(text(x + 13, y, labels.angles["ac"], 19, theme.accent, weight=700, anchor="middle"))
    if row.retrograde:
        parts.append(glyph(x + 412, middle, symbols.RETROGRADE, 20, theme.muted))
    return "".join(parts)


def _row_signs(signs: tuple[int, ...], labels: Labels, theme: Theme, x: float, y: float) -> str:
    """The sign with its name; of two signs the symbols alone."""
    parts = [
        glyph(x + 52 * n, y - 8, symbols.SIGNS[sign], 26, theme.elements[sign % 4]) for n, sign in enumerate(signs)
    ]
    if len(signs) == 1:
        name = labels.signs[signs[0]]
        parts.append(text(x + 18, y, name, fonts.fit(name, ROW_SIZE, 120), theme.elements[signs[0] % 4]))
    else:
        parts.append(text(x + 26, y, "–", ROW_SIZE, theme.muted, anchor="middle"))
    return "".join(parts)


def footer(lines: Sequence[str], chart: Chart, labels: Labels, theme: Theme, middle: float, bottom: float) -> str:
    """The given lines, then coordinates and house system, then what is special about the chart."""
    room = 2 * (middle - MARGIN)
    shown = _footer_lines(lines, chart, labels, theme, room)
    pitch = min(28.0, 72 / len(shown))
    size = min(FOOTER_SIZE, pitch * 0.8)
    parts = []
    for index, (entry, colour) in enumerate(reversed(shown)):
        y = bottom - pitch * index
        parts.append(text(middle, y, entry, fonts.fit(entry, size, room), colour, anchor="middle"))
    return "".join(parts)


def _footer_lines(
    lines: Sequence[str], chart: Chart, labels: Labels, theme: Theme, room: float
) -> list[tuple[str, str]]:
    """Each line with its colour; to make place for a note, the coordinates join the line before if they fit."""
    given = [shown for shown in (fonts.drawable(entry, LINE_LIMIT) for entry in lines) if shown]
    facts = " · ".join(filter(None, (_coordinates(chart, labels), _house_system(chart, labels))))
    note = _note(chart, labels)
    joined = " · ".join((*given[-1:], facts))
    if note and given and fonts.width(joined, FOOTER_SIZE) <= room:
        return [*((entry, theme.ink) for entry in (*given[:-1], joined)), (note, theme.accent)]
    shown = [*((entry, theme.ink) for entry in given), (facts, theme.muted)]
    return [*shown, (note, theme.accent)] if note else shown


def _coordinates(chart: Chart, labels: Labels) -> str:
    north, south, east, west = labels.compass
    return ", ".join(
        (
            _angle(chart.latitude, north if chart.latitude >= 0 else south),
            _angle(chart.longitude, east if chart.longitude >= 0 else west),
        )
    )


def _angle(value: float, side: str) -> str:
    minutes = round(abs(value) * 60)
    return f"{minutes // 60}°{minutes % 60:02d}{symbols.PRIME} {side}"


def _house_system(chart: Chart, labels: Labels) -> str:
    if chart.houses is None or chart.houses.system != chart.houses.requested:
        return ""
    return labels.houses.format(system=labels.house_systems[chart.houses.system])


def _note(chart: Chart, labels: Labels) -> str:
    houses = chart.houses
    if houses is None:
        changes = (
            labels.enters.format(
                body=labels.bodies[item.body], sign=labels.signs[SIGNS.index(item.after)], time=item.time
            )
            for item in chart.ingresses
        )
        return "; ".join((labels.time_unknown, *changes))
    if houses.system != houses.requested:
        names = labels.house_systems
        return labels.substituted.format(requested=names[houses.requested], system=names[houses.system])
    return ""
