"""What lies behind the chart: the sky with stars or the paper with rays, and the gradients of all parts."""

from __future__ import annotations

from math import cos, pi, sin

from astral_natal.render.svg import circle, element, gradient, number, sparkle
from astral_natal.render.themes import Theme

_STARS = 420
# No stars behind words: they would look like specks of dirt.
_EDGE, _TEXT_TOP, _TEXT_BOTTOM = 40.0, 128.0, 860.0
_RAYS = 120


def draw(theme: Theme, width: float, height: float, x: float, y: float) -> str:
    """Markup of the background; the light comes from the wheel's centre (x, y)."""
    sky = gradient(
        "radial",
        "sky",
        ((0, theme.sky[0], 1), (0.55, theme.sky[1], 1), (1, theme.sky[2], 1)),
        cx=x,
        cy=y,
        r=height * 0.72,
        gradientUnits="userSpaceOnUse",
    )
    defs = element("defs", sky + _gradients(theme))
    ground = element("rect", width=width, height=height, fill="url(#sky)")
    return (
        defs
        + ground
        + (_stars(theme, width, height) if theme.stars else _rays(theme, height, x, y))
        + _frame(theme, width, height)
    )


def _gradients(theme: Theme) -> str:
    light, middle, dark = theme.metal
    return (
        gradient("linear", "metal", ((0, light, 1), (0.5, middle, 1), (1, dark, 1)), x1=0, y1=0, x2=1, y2=1)
        + gradient("radial", "glow", ((0.86, theme.accent, 0.22), (1, theme.accent, 0)))
        + gradient("radial", "core", ((0, theme.sky[0], 1), (1, theme.core, 1)))
    )


def _stars(theme: Theme, width: float, height: float) -> str:
    """Stars at fixed places: a linear congruential generator keeps every picture alike."""
    state = 20260
    parts = []
    for index in range(_STARS):
        draws = []
        for _ in range(3):
            state = (state * 1103515245 + 12345) % 2**31
            draws.append(state / 2**31)
        x, y, light = draws[0] * width, draws[1] * height, draws[2]
        if _EDGE < x < width - _EDGE and not _TEXT_TOP < y < _TEXT_BOTTOM:
            continue
        if index % 14 == 0:
            parts.append(sparkle(x, y, 5 + 5 * light, theme.ink, 0.35 + 0.4 * light))
        else:
            parts.append(circle(x, y, 0.7 + 1.2 * light**2, fill=theme.ink, fill_opacity=0.2 + 0.6 * light**2))
    return "".join(parts)


def _rays(theme: Theme, height: float, x: float, y: float) -> str:
    """Fine rays around the wheel, as in an old engraving."""
    path = []
    for index in range(_RAYS):
        turn = 2 * pi * index / _RAYS
        near, far = 436.0, height if index % 2 else 470.0
        path.append(
            f"M{number(x + near * cos(turn))} {number(y + near * sin(turn))}"
            f"L{number(x + far * cos(turn))} {number(y + far * sin(turn))}"
        )
    return element("path", d="".join(path), stroke=theme.metal[1], stroke_width=0.9, stroke_opacity=0.22)


def _frame(theme: Theme, width: float, height: float) -> str:
    edge = 16.0
    return element(
        "rect",
        x=edge,
        y=edge,
        width=width - 2 * edge,
        height=height - 2 * edge,
        rx=10,
        fill="none",
        stroke=theme.metal[1],
        stroke_width=1.4,
        stroke_opacity=0.55,
    )
