"""The composition root: what is built from what, and the order of start and stop."""

from __future__ import annotations

from astral_core.app.composition import build
from astral_core.app.lifecycle import App

__all__ = ["App", "build"]
