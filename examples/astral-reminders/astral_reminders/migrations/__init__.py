"""Alembic versions of the reminders tables."""
