"""Alembic versions of the helpdesk tables."""

from __future__ import annotations
