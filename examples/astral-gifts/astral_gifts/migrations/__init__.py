"""Alembic versions of the gifts tables."""
