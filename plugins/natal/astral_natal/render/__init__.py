"""The picture of a natal chart: SVG by own drawing, PNG by resvg."""

from __future__ import annotations

from astral_natal.render.labels import LABELS, Labels
from astral_natal.render.picture import Picture, render_svg
from astral_natal.render.raster import render_png
from astral_natal.render.themes import THEMES, Theme

__all__ = ["LABELS", "THEMES", "Labels", "Picture", "Theme", "render_png", "render_svg"]
