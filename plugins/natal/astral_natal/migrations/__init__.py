"""Alembic versions of the core's tables."""

from __future__ import annotations
