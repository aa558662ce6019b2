"""Astral plugin: the phase of the Moon, by command, every day, and as a page."""
