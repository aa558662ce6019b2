"""Astral plugin: natal charts, computed and drawn offline."""
