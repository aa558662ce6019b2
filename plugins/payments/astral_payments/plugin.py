"""The hooks of the payments plugin, and the hook that it brings."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

import click

from astral_core import (
    Event,
    EventFailed,
    Health,
    Job,
    MenuItem,
    PluginContext,
    Routes,
    Schema,
    Subscriber,
    Webhook,
    WebRoute,
    hookimpl,
    hookspec,
)
from astral_payments import notices, privacy
from astral_payments.api import OrderPaid, OrderRevoked, Product
from astral_payments.door import open_door
from astral_payments.handlers import admin, buy, fetch, pages, routes, stars, sweep
from astral_payments.handlers.after import N_
from astral_payments.handlers.late import undelivered
from astral_payments.health import health, tell_of_test_key
from astral_payments.settings import PaymentsSettings
from astral_payments.shop import open_shop
from astral_payments.tables import metadata
from astral_payments.web import web_routes

ROUTE_MODULES = (admin, buy, fetch, pages, stars, sweep)  # importing them fills `routes`


@hookspec
def astral_products(ctx: PluginContext) -> Iterable[Product]:
    """Offer products.

    When: once, when the payments plugin starts, maybe before your own astral_lifespan. Returns: `Product`s whose
    codes begin with your plugin's id. Example:
    `return [Product("natal.full", {"en": "Full reading"}, {"en": "All planets"}, (Price("XTR", 150),))]`.
    """


@hookimpl
def astral_config() -> type[PaymentsSettings]:
    return PaymentsSettings


@hookimpl
def astral_schema() -> Schema:
    return Schema(metadata, "astral_payments.migrations")


@hookimpl
def astral_routes() -> Routes:
    return routes


@hookimpl
def astral_web() -> list[WebRoute | Webhook]:
    return web_routes()


@hookimpl
def astral_menu() -> list[MenuItem]:
    return [MenuItem(N_("My payments"), pages.history, order=80)]


@hookimpl
def astral_events() -> list[type[Event] | Subscriber[EventFailed]]:
    return [OrderPaid, OrderRevoked, Subscriber(EventFailed, undelivered)]


@hookimpl
def astral_jobs() -> list[Job]:
    return [
        Job("payments.reconcile", fetch.RECONCILE_EVERY, fetch.reconcile),
        Job("payments.tidy", notices.TIDY_EVERY, notices.tidy),
        Job("payments.sweep", sweep.SWEEP_EVERY, sweep.sweep),
    ]


@hookimpl
def astral_cli() -> click.Command:
    from astral_payments.cli import payments  # the command line is not needed by a bot

    return payments


@hookimpl
async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    await open_shop(ctx)
    open_door(ctx)
    await tell_of_test_key(ctx)
    yield


@hookimpl
async def astral_health(ctx: PluginContext) -> Health:
    return await health(ctx)


@hookimpl
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes]:
    return await privacy.export_user(ctx, user_id)


@hookimpl
async def astral_delete_user(ctx: PluginContext, user_id: int) -> int:
    return await privacy.delete_user(ctx, user_id)
