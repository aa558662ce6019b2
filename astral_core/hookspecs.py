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
    """Export what the plugin knows of a user.

    When: on /mydata. Returns: file name -> content, or for what may be much an async iterator of its pieces, such as
    `json_array` makes. Every plugin whose tables refer to a user needs it.
    Example: `return {"weather.json": b"{}"}`.
    """


@hookspec
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Delete what the plugin knows of a user, except what the law demands to keep.

    When: on /forget. Returns: how many rows were deleted or made anonymous. Needed where the export is. Example:
    `return await purge(ctx, user_id)`.
    """
