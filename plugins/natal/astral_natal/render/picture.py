"""The picture of a chart as SVG, 1024 x 1280 pixels: made to be read on a phone and to be framed."""

from __future__ import annotations

from dataclasses import dataclass

from astral_natal.model import Chart
from astral_natal.render import backdrop, texts, wheel
from astral_natal.render.labels import Labels
from astral_natal.render.svg import element
from astral_natal.render.themes import Theme

WIDTH = 1024
HEIGHT = 1280


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a picture shows.

    `title` is a person's name or any short text: characters without a glyph are left out, the rest is cut at
    24; an empty one gives way to `labels.title`. `subtitle` is one or two lines for the footer: date, time,
    UTC offset, place. Coordinates, house system and notes are added from the chart.
    """

    chart: Chart
    title: str
    subtitle: tuple[str, ...]
    labels: Labels
    theme: Theme


def render_svg(picture: Picture) -> str:
    """The whole picture as an SVG document."""
    chart, labels, theme = picture.chart, picture.labels, picture.theme
    x, y = WIDTH / 2, 551.0
    content = "".join(
        (
            backdrop.draw(theme, WIDTH, HEIGHT, x, y),
            texts.headline(picture.title, chart, labels, theme, x),
            wheel.draw(chart, labels, theme, x, y),
            texts.aspect_key(chart, labels, theme, 46, WIDTH - 46, 955),
            texts.table(chart, labels, theme, WIDTH, 1002),
            texts.footer(picture.subtitle, chart, labels, theme, x, 1248),
        )
    )
    return element(
        "svg",
        content,
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=HEIGHT,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
    )
