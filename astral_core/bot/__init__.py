"""The bot: transport, callback codec, effects, context, router, python-telegram-bot's Application."""

from __future__ import annotations
