"""Alembic versions of the tides tables."""
