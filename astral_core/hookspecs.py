# A specification has no body:
# mypy: disable-error-code="empty-body"
"""Every hook of Astral. Registration hooks are sync and pure; run-time hooks are async.

A plugin is a module of `@hookimpl` functions, named by an entry point of the group `astral.plugins`. Plugins may
bring hooks of their own: a function marked `@hookspec` that stands in the plugin's module. The first argument is
`ctx: PluginContext` except in config, schema and cli, which run before there is one.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING

import click
import pluggy
from pydantic import BaseModel

from astral_core.declare import (
    Declared,
    Event,
    Job,
    MenuItem,
    Middleware,
    Schema,
    Subscriber,
    TelemetrySubscriber,
    Webhook,
    WebRoute,
)
from astral_core.vitals import Health

if TYPE_CHECKING:
    from astral_core.host.context import PluginContext

PROJECT = "astral"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def astral_config() -> type[BaseModel] | None:
    """Declare the plugin's settings.

    When: after import, before anything else. Returns: a pydantic model of `[plugins.<id>]`; unknown keys are
    refused. Example: `return WeatherSettings`.
    """


@hookspec
def astral_schema() -> Schema | None:
    """Declare the plugin's tables.

    When: before the database is opened. Returns: `Schema(metadata, migrations)`. Example:
    `return Schema(tables.metadata, "astral_weather.migrations")`.
    """


@hookspec
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Declare commands, buttons, questions, steps and payment routes.

    When: once, in dependency order. Returns: a `Routes` collector or any iterable of declarations. Example:
    `return routes`.
    """


@hookspec
def astral_web(ctx: PluginContext) -> Iterable[WebRoute | Webhook]:
    """Declare HTTP routes.

    When: once, before the server is built. Returns: `WebRoute`s below `/plugins/<id>/`, `Webhook`s at absolute
    paths that the owner allows. Example: `return [WebRoute("GET", "/now", now)]`.
    """


@hookspec
def astral_middleware(ctx: PluginContext) -> Iterable[Middleware]:
    """Wrap every handler of the bot.

    When: once; the chain is compiled by `order`. Returns: `Middleware`s. Example:
    `return [Middleware(maintenance, order=10)]`.
    """


@hookspec
def astral_menu(ctx: PluginContext) -> Iterable[MenuItem]:
    """Add buttons to /start's menu.

    When: once. Returns: `MenuItem`s. Example: `return [MenuItem("My profile", my_profile, order=10)]`.
    """


@hookspec
def astral_events(ctx: PluginContext) -> Iterable[type[Event] | Subscriber[Event] | TelemetrySubscriber]:
    """Declare events that the plugin emits, and subscribe to events and telemetry.

    When: once. Returns: event classes, `Subscriber`s, `TelemetrySubscriber`s. Example:
    `return [ChartReady, Subscriber(OrderPaid, deliver)]`.
    """


@hookspec
def astral_jobs(ctx: PluginContext) -> Iterable[Job]:
    """Declare periodic work.

    When: once. Returns: `Job`s; each run is a durable row that one replica executes. Example:
    `return [Job("daily", 86_400, send_daily)]`.
    """


@hookspec
def astral_cli() -> click.Command | None:
    """Add a command below `astral <id>`.

    When: at the start of the command line, before settings and database; a command that needs them enters
    `offline_context`. Returns: a click command or group. Example: `return chart_group`.
    """


@hookspec
async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    """Open and close what the plugin needs while it runs: an async generator with one `yield`.

    When: after migrations, before traffic; closed in reverse order. `ctx.provide(Type, instance)` stands before
    the yield. Returns: nothing; it yields once. Example: `ctx.provide(WeatherApi, Weather(ctx)); yield`.
    """
    del ctx
    yield  # an async generator by colour: the host compares implementations with it


@hookspec
async def astral_health(ctx: PluginContext) -> Health:
    """Say how the plugin is: what is wrong, and numbers for /metrics. Read with `select()`, write nothing.

    When: once a minute in the running bot, within 5 s, and by `astral doctor`, where no bot runs: there `ctx` has
    settings, texts and a database to read, and no other plugin's API. Returns: `Health(findings, gauges)`. Example:
    `return Health(gauges={"waiting": await waiting(ctx)})`.
    """


@hookspec
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes | AsyncIterable[bytes]]:
    """Export what the plugin knows of a user.

    When: on /mydata. Returns: file name -> content, or for what may be much an async iterator of its pieces, such as
    `json_array` makes. Demanded of every plugin whose tables refer to a user.
    Example: `return {"weather.json": b"{}"}`.
    """


@hookspec
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete what the plugin knows of a user, except what the law demands to keep.

    When: on /forget. Returns: how many rows were deleted or made anonymous. Demanded like the export. Example:
    `return await purge(ctx, user_id)`.
    """
