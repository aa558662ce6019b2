"""The one version of all Astral distributions."""

from __future__ import annotations

__version__ = "0.1.0"
