"""Astral plugin: every update and every event as one row, and /stats for admins."""
