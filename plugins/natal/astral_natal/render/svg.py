"""SVG by plain string building: numbers rounded, everything escaped."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from astral_natal.render import fonts

# Digits and capitals of Onest are 0.707 em high: half of that centres them.
_HALF_CAPITAL = 0.354
_SHARES_BEFORE = {"start": 0.0, "middle": 0.5, "end": 1.0}


def number(value: float) -> str:
    """The shortest decimal with two places."""
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def element(name: str, content: str = "", /, **attributes: str | float | None) -> str:
    """One element; `_` in a name of an attribute becomes `-`, None leaves it out; `content` is markup."""
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(value if isinstance(value, str) else number(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{shown}>{content}</{name}>" if content else f"<{name}{shown}/>"


def text(
    x: float,
    y: float,
    line: str,
    size: float,
    fill: str,
    *,
    weight: int = 400,
    anchor: str = "start",
    halo: str | None = None,
) -> str:
    """A line of text with its baseline at `y`; `halo` is the colour of a rim that keeps lines off it."""
    runs = fonts.runs(line)
    alone = len(runs) == 1
    left = x - _SHARES_BEFORE[anchor] * fonts.width(line, size, weight)
    content = escape(line) if alone else _spans(runs, left, size, weight)
    return element(
        "text",
        content,
        x=x if alone else left,
        y=y,
        font_family=_quoted(runs[0][0]),
        font_size=size,
        font_weight=weight,
        text_anchor=anchor if alone else "start",
        fill=fill,
        **_halo(halo, size),
    )


def _spans(runs: list[tuple[str, str]], left: float, size: float, weight: int) -> str:
    """Runs of two fonts, each at its own place: resvg sets a line wholly in the font that has all of it."""
    parts = []
    for family, run in runs:
        parts.append(element("tspan", escape(run), x=left, font_family=_quoted(family)))
        left += fonts.width(run, size, weight)
    return "".join(parts)


def centred(
    x: float, y: float, line: str, size: float, fill: str, *, weight: int = 400, halo: str | None = None
) -> str:
    """A short line whose capitals and digits are centred on the point."""
    return text(x, y + _HALF_CAPITAL * size, line, size, fill, weight=weight, anchor="middle", halo=halo)


def glyph(x: float, y: float, char: str, size: float, fill: str, *, halo: str | None = None) -> str:
    """An astrological symbol whose ink is centred on the point; `size` is its em in pixels."""
    left, bottom, right, top = fonts.ink(char)
    return element(
        "text",
        escape(char),
        x=x - (left + right) / 2 * size,
        y=y + (bottom + top) / 2 * size,
        font_family=_quoted(fonts.GLYPH_FAMILY),
        font_size=size,
        fill=fill,
        **_halo(halo, size),
    )


def _quoted(family: str) -> str:
    """A family as CSS wants it: a name with a word that begins with a digit is no identifier."""
    return f"'{family}'"


def _halo(colour: str | None, size: float) -> dict[str, str | float]:
    if colour is None:
        return {}
    return {"stroke": colour, "stroke_width": size * 0.3, "stroke_linejoin": "round", "paint_order": "stroke"}


def line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float, opacity: float | None = None) -> str:
    """A straight line with round ends."""
    return element(
        "line",
        x1=x1,
        y1=y1,
        x2=x2,
        y2=y2,
        stroke=stroke,
        stroke_width=width,
        stroke_opacity=opacity,
        stroke_linecap="round",
    )


def circle(x: float, y: float, radius: float, **attributes: str | float | None) -> str:
    """A circle."""
    return element("circle", cx=x, cy=y, r=radius, **attributes)


def gradient(
    kind: str, key: str, stops: tuple[tuple[float, str, float], ...], **attributes: str | float | None
) -> str:
    """A `linear` or `radial` gradient; stops are (offset, colour, opacity)."""
    marks = "".join(
        element("stop", offset=offset, stop_color=colour, stop_opacity=opacity) for offset, colour, opacity in stops
    )
    return element(f"{kind}Gradient", marks, id=key, **attributes)


def sparkle(x: float, y: float, size: float, fill: str, opacity: float | None = None) -> str:
    """A star of four points."""
    inner = size * 0.16
    corners = (
        (0, -size), (inner, -inner), (size, 0), (inner, inner),
        (0, size), (-inner, inner), (-size, 0), (-inner, -inner),
    )  # fmt: skip
    path = "L".join(f"{number(x + dx)} {number(y + dy)}" for dx, dy in corners)
    return element("path", d=f"M{path}Z", fill=fill, fill_opacity=opacity)
