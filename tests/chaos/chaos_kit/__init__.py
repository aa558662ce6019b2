"""The chaos harness: an emulated Telegram, bots that are killed, and a verdict on what became of every update.

Bots are processes of the test kit; `api` and `telegram` are Telegram's two sides, `storm` is the plugin that
the bots run, `traffic` writes the updates, `monkey` breaks things, `verdict` judges, `run` puts them together.
"""

from __future__ import annotations
