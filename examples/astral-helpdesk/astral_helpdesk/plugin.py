"""The helpdesk plugin: what it declares to the bot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from astral_core import Declared, Health, HealthFinding, PluginContext, Schema, hookimpl

from astral_helpdesk import store
from astral_helpdesk.handlers import N_, remove_topic, routes
from astral_helpdesk.settings import HelpdeskSettings
from astral_helpdesk.tables import metadata

NO_GROUP = N_("Nobody gets what people write to the helpdesk: it has no group.")
SET_GROUP = N_("Set <code>group</code> in <code>[plugins.helpdesk]</code>.")


@hookimpl
def astral_config() -> type[HelpdeskSettings]:
    """Declare the settings."""
    return HelpdeskSettings


@hookimpl
def astral_schema() -> Schema:
    """Declare the tables."""
    return Schema(metadata, "astral_helpdesk.migrations")


@hookimpl
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Declare what takes people's messages, the helpers' commands and the steps."""
    del ctx
    return routes


@hookimpl
async def astral_health(ctx: PluginContext) -> Health:
    """Tell the admins that the group is missing."""
    missing = not ctx.settings(HelpdeskSettings).group
    return Health([HealthFinding("helpdesk-group", NO_GROUP, SET_GROUP, level="error")] if missing else [])


@hookimpl
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes]:
    """Give out what is known of a person; what they wrote is in their chat."""
    async with ctx.work() as work:
        record = await store.export(work.session, user_id)
    return {"helpdesk.json": json.dumps(record, indent=2).encode()} if record is not None else {}


@hookimpl
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete what is known of a person, and their topic."""
    del reason
    async with ctx.work() as work:
        thread = await store.purge(work.session, user_id)
        if thread is None:
            return 0
        ctx.defer(work, remove_topic, ctx.settings(HelpdeskSettings).group, thread=thread)
    return 1
