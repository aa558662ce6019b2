"""What the process pool runs: plain data in, plain data out.

The main process imports this module to name its functions; the engine and the drawing are imported in the worker.
"""

from __future__ import annotations

from dataclasses import dataclass

from astral_core import Markup
from astral_natal import compute
from astral_natal.model import Chart, ChartRequest


@dataclass(frozen=True, slots=True)
class PictureWords:
    """What a picture says beside the chart.

    `title` is a person's name; `subtitle` is one or two lines for the footer; `theme` and `language` are names
    that `render.THEMES` and `render.LABELS` know, English standing in for an unknown language.
    """

    title: str
    subtitle: tuple[str, ...]
    theme: str
    language: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart and its picture as PNG."""

    chart: Chart
    png: bytes


def warm() -> None:
    """Load the ephemeris, the drawing and the fonts, so that the first chart need not wait for them."""
    from astral_natal.render.fonts import glyph_face, text_face

    compute.warm()
    text_face()
    glyph_face()


def draw(request: ChartRequest, words: PictureWords) -> Drawing:
    """Compute the chart and draw it, in one trip to the worker.

    Raises:
        DateOutOfRange: the ephemeris does not cover the moment.
        InvalidChartRequest: the request makes no sense.
    """
    from astral_natal.render import LABELS, THEMES, Picture, render_png

    chart = compute.compute_chart(request)
    labels = LABELS.get(words.language, LABELS["en"])
    return Drawing(chart, render_png(Picture(chart, words.title, words.subtitle, labels, THEMES[words.theme])))


def reading_messages(chart: Chart, language: str) -> list[Markup]:
    """Return the full reading of a chart as Telegram messages of at most 4096 UTF-16 units each."""
    from astral_natal.interpret import reading

    return reading(chart, language).messages()
