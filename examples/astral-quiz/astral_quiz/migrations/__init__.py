"""Alembic versions of the quiz tables."""
