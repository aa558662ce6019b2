"""A plugin whose step notes how late it begins."""

from __future__ import annotations

import time

from sqlalchemy import text

from astral_core import Context, Plugin

seconds: list[float] = []  # of each run
plugin = Plugin()


@plugin.step("fire")
async def fire(ctx: Context, at: float) -> None:
    """Note how many seconds after `at` this is."""
    seconds.append(time.time() - at)


@plugin.step("press")
async def press(ctx: Context) -> None:
    """A small write."""
    await ctx.session.execute(text("UPDATE core_facts SET value = value WHERE name = 'none'"))
