"""The tides plugin: what it declares to the bot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from astral_core import Declared, Job, MenuItem, PluginContext, Schema, WebRoute, hookimpl

from astral_tides.handlers import JOB_EVERY, daily, moon_now, routes
from astral_tides.settings import TidesSettings
from astral_tides.store import export, purge
from astral_tides.tables import metadata
from astral_tides.web import web_routes
from astral_tides.words import N_


@hookimpl
def astral_config() -> type[TidesSettings]:
    """Declare the settings."""
    return TidesSettings


@hookimpl
def astral_schema() -> Schema:
    """Declare the table."""
    return Schema(metadata, "astral_tides.migrations")


@hookimpl
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Declare /moon, its buttons and the steps of the daily message."""
    del ctx
    return routes


@hookimpl
def astral_web(ctx: PluginContext) -> Iterable[WebRoute]:
    """Declare the page."""
    del ctx
    return web_routes()


@hookimpl
def astral_menu(ctx: PluginContext) -> Iterable[MenuItem]:
    """Declare the menu's button."""
    del ctx
    return [MenuItem(N_("The Moon today"), moon_now, order=60)]


@hookimpl
def astral_jobs(ctx: PluginContext) -> Iterable[Job]:
    """Declare the daily message; the job looks more often than once a day, so that a restart skips no day."""
    del ctx
    return [Job("tides.daily", JOB_EVERY, daily)]


@hookimpl
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes]:
    """Give out what is known of a user."""
    async with ctx.work() as work:
        records = await export(work.session, user_id)
    return {"tides.json": json.dumps(records, ensure_ascii=False, indent=2).encode()} if records else {}


@hookimpl
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete what is known of a user."""
    del reason
    async with ctx.work() as work:
        return await purge(work.session, user_id)
