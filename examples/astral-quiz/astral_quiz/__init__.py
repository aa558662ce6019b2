"""Astral plugin: a quiz for groups, also through inline mode."""
