"""The core's own plugin: it declares its routes the way every plugin does."""

from __future__ import annotations

from collections.abc import Iterable

from astral_core import privacy
from astral_core.bot import home
from astral_core.db.tables import metadata
from astral_core.declare import Declared, Schema
from astral_core.hookspecs import hookimpl
from astral_core.host.context import PluginContext


@hookimpl
def astral_schema() -> Schema:
    """The core's tables."""
    return Schema(metadata, "astral_core.db.migrations")


@hookimpl
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Menu, help, about, language, privacy."""
    del ctx
    return [*home.routes, *privacy.routes]
