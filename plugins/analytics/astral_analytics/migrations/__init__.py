"""Alembic versions of the analytics tables."""

from __future__ import annotations
