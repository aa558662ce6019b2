"""Alembic versions of the tides tables."""

from __future__ import annotations
