"""The profile plugin: a birth profile, collected by a wizard that lives in one message."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

from astral_core import N_, Context, Plugin, PluginContext, Tables, now
from astral_profile.api import ProfileApi, ProfileCompleted, search
from astral_profile.handlers import profile, wizard
from astral_profile.settings import ProfileSettings
from astral_profile.store import Profiles, drop_old_drafts
from astral_profile.tables import metadata

plugin = Plugin(
    settings=ProfileSettings,
    tables=Tables(metadata),
    routes=[profile.routes, wizard.routes],
    events=[ProfileCompleted],
    about=N_("The places that I know are from GeoNames. What you tell me about your birth stays in this bot."),
    greeting="",
    personal=N_("When and where you were born: so that you need not tell me again. It stays in this bot."),
)


@plugin.job("drafts", every=86_400)
async def forget_old_drafts(ctx: Context) -> None:
    """Delete drafts that nobody has gone on with for `draft_days`."""
    days = ctx.settings(ProfileSettings).draft_days
    count = await drop_old_drafts(ctx.session, now() - dt.timedelta(days=days))
    ctx.log.info("%d drafts were older than %d days and are deleted", count, days)


@plugin.hook
async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    """Offer the profiles to the other plugins, and let a worker load the gazetteer."""
    ctx.warm(search, "London", "en", 1)  # the gazetteer takes a second to load
    ctx.provide(ProfileApi, Profiles())
    yield
