"""The natal plugin's hooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from astral_core import Event, MenuItem, PluginContext, Routes, Schema, Subscriber, TelemetrySubscriber, hookimpl
from astral_natal import handlers, paid, privacy, tables, worker
from astral_natal.lexicon import LANGUAGES, lexicon
from astral_profile.api import ProfileCompleted

if TYPE_CHECKING:
    from astral_payments.api import Product


@hookimpl
def astral_schema() -> Schema:
    """Charts and readings."""
    return Schema(tables.metadata, "astral_natal.migrations")


@hookimpl
def astral_routes() -> Routes:
    """The chart, its texts and the reading."""
    return handlers.routes


@hookimpl
def astral_menu() -> Iterable[MenuItem]:
    """The chart's place in the menu."""
    return [MenuItem(handlers.MENU_TEXT, handlers.natal_chart, order=10)]


@hookimpl
def astral_events() -> Iterable[type[Event] | Subscriber[Any] | TelemetrySubscriber]:
    """A completed profile is drawn, a paid order is delivered, a refunded one waits no longer."""
    bought = paid.subscribers(handlers.deliver, handlers.take_back)
    return [Subscriber(ProfileCompleted, handlers.draw_completed), *bought]


@hookimpl(optionalhook=True)
def astral_products() -> list[Product]:
    """What is sold; the payments plugin asks."""
    return paid.products()


@hookimpl
async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    """Load what takes long before the first user asks: the workers' ephemeris and fonts, the texts here."""
    ctx.warm(worker.warm)
    for language in LANGUAGES:
        await asyncio.to_thread(lexicon, language)
    yield


@hookimpl
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, AsyncIterator[bytes]]:
    """Charts and readings as JSON."""
    return await privacy.export_user(ctx, user_id)


@hookimpl
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete charts and readings, whatever the reason."""
    del reason
    return await privacy.delete_user(ctx, user_id)


@hookimpl
def astral_cli() -> click.Command:
    """`astral natal chart`."""
    from astral_natal.cli import natal

    return natal
