"""Sphinx's settings: Markdown by MyST, the furo theme, nothing imported from Astral but its version."""

from __future__ import annotations

import runpy
from pathlib import Path

_VERSION = Path(__file__).resolve().parents[1] / "astral_core/_version.py"

project = "Astral"
author = "The Astral contributors"
copyright = author  # noqa: A001  # Sphinx's own name
version = release = runpy.run_path(str(_VERSION))["__version__"]

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Astral {version}"
html_copy_source = False
