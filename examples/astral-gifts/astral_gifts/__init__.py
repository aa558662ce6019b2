"""Astral plugin: good wishes, sold for Telegram Stars through the payments plugin."""
