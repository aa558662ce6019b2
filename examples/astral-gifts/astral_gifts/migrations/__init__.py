"""Alembic versions of the gifts tables."""

from __future__ import annotations
