"""What a user may ask for: a copy of what this plugin knows, and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator

from astral_core import PluginContext
from astral_natal import store


async def export_user(ctx: PluginContext, user_id: int) -> dict[str, AsyncIterator[bytes]]:
    """Return the user's charts and readings as JSON files, piece by piece; none where there is nothing."""
    return {f"{name}.json": pieces for name, pieces in (await store.export(ctx, user_id)).items()}


async def delete_user(ctx: PluginContext, user_id: int) -> int:
    """Delete the user's charts and readings; return the number of rows."""
    async with ctx.work() as work:
        return await store.purge(work.session, user_id)
