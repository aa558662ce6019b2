"""Astral plugin: birth profiles, collected by a wizard that lives in one message."""
