"""Alembic versions of the quiz tables."""

from __future__ import annotations
