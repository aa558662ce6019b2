"""Alembic versions of the natal plugin's tables."""

from __future__ import annotations
