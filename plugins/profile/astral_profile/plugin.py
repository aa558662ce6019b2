"""The profile plugin: a birth profile, collected by a wizard that lives in one message."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Iterable, Mapping

from astral_core import (
    Context,
    Declared,
    Event,
    Job,
    MenuItem,
    PluginContext,
    Schema,
    Subscriber,
    TelemetrySubscriber,
    hookimpl,
    now,
)
from astral_profile.api import ProfileApi, ProfileCompleted, search
from astral_profile.handlers import answers, profile, wizard
from astral_profile.settings import ProfileSettings
from astral_profile.store import Profiles, drop_old_drafts, export, purge
from astral_profile.tables import metadata

DAY = 86_400.0


@hookimpl
def astral_config() -> type[ProfileSettings]:
    """Declare the settings."""
    return ProfileSettings


@hookimpl
def astral_schema() -> Schema:
    """Declare the tables."""
    return Schema(metadata, "astral_profile.migrations")


@hookimpl
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Declare the wizard and /profile."""
    del ctx
    return [*profile.routes, *wizard.routes, *answers.routes]


@hookimpl
def astral_menu(ctx: PluginContext) -> Iterable[MenuItem]:
    """Declare the menu's button."""
    del ctx
    return [MenuItem(profile.N_("My profile"), profile.my_profile, order=20)]


@hookimpl
def astral_events(ctx: PluginContext) -> Iterable[type[Event] | Subscriber[Event] | TelemetrySubscriber]:
    """Declare the event that tells of a completed profile."""
    del ctx
    return [ProfileCompleted]


@hookimpl
def astral_jobs(ctx: PluginContext) -> Iterable[Job]:
    """Declare the daily cleaning of abandoned drafts."""
    del ctx
    return [Job("profile.drafts", DAY, forget_old_drafts)]


async def forget_old_drafts(ctx: Context) -> None:
    """Delete drafts that nobody has gone on with for `draft_days`."""
    days = ctx.settings(ProfileSettings).draft_days
    count = await drop_old_drafts(ctx.session, now() - dt.timedelta(days=days))
    ctx.log.info("%d drafts were older than %d days and are deleted", count, days)


@hookimpl
async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    """Offer the profiles to the other plugins, and let a worker load the gazetteer."""
    ctx.warm(search, "London", "en", 1)  # the gazetteer takes a second to load
    ctx.provide(ProfileApi, Profiles())  # type: ignore[type-abstract]  # a Protocol is the public type
    yield


@hookimpl
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes]:
    """Give out the profiles and the unfinished answers."""
    async with ctx.work() as work:
        data = await export(work.session, user_id)
    if not data["profiles"] and data["draft"] is None:
        return {}
    return {"profile.json": json.dumps(data, ensure_ascii=False, indent=2).encode()}


@hookimpl
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete the profiles and the unfinished answers."""
    del reason
    async with ctx.work() as work:
        return await purge(work.session, user_id)
