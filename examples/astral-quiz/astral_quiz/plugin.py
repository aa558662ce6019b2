"""The quiz plugin: what it declares to the bot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from astral_core import Declared, PluginContext, Schema, hookimpl

from astral_quiz.handlers import routes
from astral_quiz.store import export, purge
from astral_quiz.tables import metadata


@hookimpl
def astral_schema() -> Schema:
    """Declare the tables."""
    return Schema(metadata, "astral_quiz.migrations")


@hookimpl
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Declare the commands, the buttons, and what inline mode offers."""
    del ctx
    return routes


@hookimpl
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes]:
    """Give out what is known of a person."""
    async with ctx.work() as work:
        records = await export(work.session, user_id)
    return {"quiz.json": json.dumps(records, indent=2).encode()} if records else {}


@hookimpl
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete what is known of a person."""
    del reason
    async with ctx.work() as work:
        return await purge(work.session, user_id)
