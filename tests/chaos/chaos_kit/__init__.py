"""The chaos harness: an emulated Telegram, bots that are killed, and a verdict on what became of every update.

`zygote` and `processes` start and end bots, `api` and `telegram` are Telegram's two sides, `storm` is the plugin that
the bots run, `traffic` writes the updates, `monkey` breaks things, `verdict` judges, `run` puts them together.
"""

from __future__ import annotations
