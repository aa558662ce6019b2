"""The analytics plugin: telemetry into rows, figures for admins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select

from astral_analytics.handlers.stats import N_, routes, stats
from astral_analytics.recorder import record
from astral_analytics.tables import events, metadata
from astral_core import (
    Declared,
    MenuItem,
    PluginContext,
    Schema,
    TelemetrySubscriber,
    hookimpl,
    in_batches,
    json_array,
)


@hookimpl
def astral_schema() -> Schema:
    """Declare the table."""
    return Schema(metadata, "astral_analytics.migrations")


@hookimpl
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Declare /stats."""
    del ctx
    return routes


@hookimpl
def astral_menu() -> Iterable[MenuItem]:
    """The figures' place in an admin's menu."""
    return [MenuItem(N_("Figures of the bot"), stats, order=90, admin=True)]


@hookimpl
def astral_events(ctx: PluginContext) -> Iterable[TelemetrySubscriber]:
    """Subscribe to telemetry; the other plugins' events come with it."""
    del ctx
    return [TelemetrySubscriber(record)]


@hookimpl
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


@hookimpl
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete the user's rows."""
    del reason
    async with ctx.work() as work:
        deleted = await work.session.scalars(delete(events).where(events.c.user_id == user_id).returning(events.c.id))
        return len(deleted.all())
