"""Alembic's version files of the payments plugin."""
