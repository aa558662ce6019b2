"""What two plugins are whose API takes the call and gives no answer: they wait as long as it pleases, then go on."""

from __future__ import annotations

import os

import aiohttp

from astral_core import PRIVATE, Context, Plugin

from .storm import note, number_of, update_of

SILENT_API = "CHAOS_SILENT_API_"  # the environment variable with its address begins so, and ends with the command


def hanging(command: str) -> Plugin:
    """A plugin with this command."""
    plugin = Plugin()

    @plugin.command(command, chat=PRIVATE)
    async def ask(ctx: Context) -> None:
        """Ask the API, then write and answer."""
        try:
            async with ctx.http.get(os.environ[f"{SILENT_API}{command}"]) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            pass  # what it is there for: it hangs up in the end
        await note(ctx, update_of(ctx), "m", number_of(ctx))
        ctx.reply(f"m:{number_of(ctx)}")

    return plugin
