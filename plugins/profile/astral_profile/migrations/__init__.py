"""Alembic versions of the profile tables."""

from __future__ import annotations
