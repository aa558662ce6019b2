# A specification has no body:
# mypy: disable-error-code="empty-body"
"""Every hook of the core. A plugin implements one with `@plugin.hook`, and brings its own with `@plugin.hookspec`.

The first argument is `ctx: PluginContext`. An implementation may leave out arguments.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import TYPE_CHECKING

import pluggy

from astral_core.vitals import Health

if TYPE_CHECKING:
    from astral_core.host.context import PluginContext

PROJECT = "astral"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    """Open and close what the plugin needs while it runs: an async generator with one `yield`.

    When: after migrations, before traffic; closed in reverse order. Call `ctx.provide(Type, instance)` before
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
    """Export what the plugin knows of a user and its tables do not show by themselves.

    When: on /mydata. The rows of a user are exported without it, a file for each table; this adds files, or has a
    better one under the same name ("orders.json" for the table `shop_orders`). Returns: file name -> content, or for
    what may be much an async iterator of its pieces, such as `json_array` makes.
    Example: `return {"reading.txt": text.encode()}`.
    """


@hookspec
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete what the plugin knows of a user beside its rows, or keep of these what the law demands.

    When: on /forget, maybe more than once, before the core deletes the rows of the user. The core does not touch
    tables with `info={"person": "kept"}`: what of these may go is deleted or made anonymous here. Returns: how many
    rows that were. Example: `return await empty_bills(ctx, user_id)`.
    """
