"""Alembic versions of the helpdesk tables."""
