"""What a user may ask for: a copy of what this plugin knows, and its end."""

from __future__ import annotations

import json

from astral_core import PluginContext
from astral_natal import store


async def export_user(ctx: PluginContext, user_id: int) -> dict[str, bytes]:
    """Return the user's charts and readings as JSON files; none where there is nothing."""
    async with ctx.work() as work:
        known = await store.export(work.session, user_id)
    return {
        f"{name}.json": json.dumps(items, ensure_ascii=False, indent=2).encode()
        for name, items in known.items()
        if items
    }


async def delete_user(ctx: PluginContext, user_id: int) -> int:
    """Delete the user's charts and readings; return the number of rows."""
    async with ctx.work() as work:
        return await store.purge(work.session, user_id)
