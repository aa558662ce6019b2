"""SVG to PNG with the packaged fonts alone, so that a picture is the same everywhere."""

from __future__ import annotations

import resvg_py

from astral_natal.render.fonts import GLYPH_FILE, TEXT_FAMILY, TEXT_FILE
from astral_natal.render.picture import Picture, render_svg


def render_png(picture: Picture) -> bytes:
    """The picture as PNG bytes.

    It takes a third of a second of pure computation and holds the interpreter's lock: run it in a process.
    Argument and result can be pickled.

    Raises:
        ValueError: the SVG could not be drawn.
    """
    image = resvg_py.svg_to_bytes(
        svg_string=render_svg(picture),
        font_family=TEXT_FAMILY,
        font_files=[str(TEXT_FILE), str(GLYPH_FILE)],
        skip_system_fonts=True,
    )
    return bytes(image)
