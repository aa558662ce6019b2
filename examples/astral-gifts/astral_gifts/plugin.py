"""The gifts plugin: what it declares to the bot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from astral_core import Declared, MenuItem, PluginContext, Schema, Subscriber, hookimpl
from astral_payments.api import OrderPaid, OrderRevoked, Product

from astral_gifts.handlers import deliver, gift, routes, take_back
from astral_gifts.settings import GiftsSettings
from astral_gifts.store import export, purge
from astral_gifts.tables import metadata
from astral_gifts.wishes import N_, WISHES


@hookimpl
def astral_config() -> type[GiftsSettings]:
    """Declare the settings."""
    return GiftsSettings


@hookimpl
def astral_schema() -> Schema:
    """Declare the table."""
    return Schema(metadata, "astral_gifts.migrations")


@hookimpl
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Declare /gift, its buttons and the step that unwraps."""
    del ctx
    return routes


@hookimpl
def astral_menu(ctx: PluginContext) -> Iterable[MenuItem]:
    """Declare the menu's button."""
    del ctx
    return [MenuItem(N_("A good wish for you"), gift, order=70)]


@hookimpl
def astral_products(ctx: PluginContext) -> Iterable[Product]:
    """Offer the wishes: a hook of the payments plugin."""
    stars = ctx.settings(GiftsSettings).price
    return [wish.product(stars) for wish in WISHES.values()]


@hookimpl
def astral_events(ctx: PluginContext) -> Iterable[Subscriber[Any]]:
    """Subscribe to what becomes of orders."""
    del ctx
    return [Subscriber(OrderPaid, deliver), Subscriber(OrderRevoked, take_back)]


@hookimpl
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes]:
    """Give out what is known of a user."""
    async with ctx.work() as work:
        records = await export(work.session, user_id)
    return {"gifts.json": json.dumps(records, ensure_ascii=False, indent=2).encode()} if records else {}


@hookimpl
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete what is known of a user."""
    del reason
    async with ctx.work() as work:
        return await purge(work.session, user_id)
