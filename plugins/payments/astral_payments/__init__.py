"""Astral plugin: products paid with Telegram Stars and YooKassa."""
