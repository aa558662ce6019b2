"""The analytics plugin: telemetry into rows, figures for admins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from sqlalchemy import delete, select

from astral_analytics import recorder
from astral_analytics.handlers import stats
from astral_analytics.tables import events, metadata
from astral_core import N_, Plugin, PluginContext, Tables, in_batches, json_array

plugin = Plugin(
    tables=Tables(metadata),
    routes=[stats.routes, recorder.routes],
    personal=N_("Which of my functions you use, and when: so that my owner sees what works. Never what you write."),
)


@plugin.hook
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, AsyncIterator[bytes]]:
    """What the user did, as names and times: thousands of lines of somebody who likes the bot."""
    known = select(events.c.id).where(events.c.user_id == user_id).limit(1)
    async with ctx.work() as work:
        if await work.session.scalar(known) is None:
            return {}
    return {"events.json": json_array(_done_by(ctx, user_id))}


async def _done_by(ctx: PluginContext, user_id: int) -> AsyncIterator[list[dict[str, Any]]]:
    query = select(events.c.at, events.c.plugin, events.c.route).where(events.c.user_id == user_id)
    async for rows in in_batches(ctx, query, events.c.id):
        yield [{"at": row.at, "plugin": row.plugin, "route": row.route} for row in rows]


@plugin.hook
async def astral_delete_user(ctx: PluginContext, user_id: int) -> int:
    """Delete the user's rows."""
    async with ctx.work() as work:
        deleted = await work.session.scalars(delete(events).where(events.c.user_id == user_id).returning(events.c.id))
        return len(deleted.all())
