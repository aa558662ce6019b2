"""Astral plugin for development: a Telegram emulator with a chat page, a YooKassa emulator, the pytest kit."""
