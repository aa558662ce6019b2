"""The plugin's side towards Telegram."""

from __future__ import annotations
