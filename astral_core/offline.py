"""A plugin's context without a running bot: for `astral doctor`, and for the commands that plugins bring."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy.exc import SQLAlchemyError

from astral_core import core_plugin
from astral_core.bot.transport import Transport
from astral_core.clock import sharing
from astral_core.config import Settings, load_settings
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import status
from astral_core.errors import DatabaseError, MigrationError, PluginLoadError
from astral_core.host.context import PluginContext
from astral_core.host.host import Host, load
from astral_core.host.services import Services
from astral_core.inbox.build import detached_store
from astral_core.process_pool import ProcessPool


@contextlib.asynccontextmanager
async def at_rest(settings: Settings, host: Host, database: Database) -> AsyncIterator[None]:
    """Give the plugins of `host` their services on `database`, which is closed at the end. No lifespan is opened."""
    token = settings.telegram.token
    transport = Transport(settings.telegram.api_url, token.get_secret_value()) if token is not None else None
    services = Services(
        settings, database, detached_store(database), host.registry, ProcessPool(1, warm=False), host.languages(),
        host.plugin_settings, telemetry=lambda _: None, implementations=host.implementations,
        call=transport.call if transport is not None else None,
    )  # fmt: skip
    host.serve(services)
    try:
        yield
    finally:
        host.serve(None)
        if transport is not None:
            await transport.close()
        await services.close()
        await services.cpu.close()
        await database.dispose()


@contextlib.asynccontextmanager
async def offline_context(plugin: str) -> AsyncIterator[PluginContext]:
    """`async with offline_context("weather") as ctx`: the context of a plugin for a command of its own.

    It has settings, texts, HTTP and the database, but no running bot, and no lifespan was opened. What a unit of work
    defers or emits is stored; a running bot takes it within half a minute, else the next one.
    """
    settings = load_settings()
    host = load(settings, core_plugin.plugin, enforce=False)
    found = next((item for item in host.plugins if item.id == plugin), None)
    if found is None or not found.alive:
        reason = f"{found.phase}: {found.reason}" if found is not None else "it is not installed"
        raise PluginLoadError(plugin, f"{reason}.", "`astral plugins list` shows what there is.")
    database = open_database(settings.database.url.get_secret_value(), pool_size=4)
    async with at_rest(settings, host, database):
        await _check_schema(host, database, plugin)
        store = host.running_services().store
        await store.start()
        try:
            with sharing(store.shared):
                yield host.contexts[plugin]
        finally:
            await store.stop()


async def _check_schema(host: Host, database: Database, plugin: str) -> None:
    try:
        behind = {item.plugin for item in await status(database, host.chains()) if not item.up_to_date}
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseError(
            f"the database cannot be read ({type(error).__name__}). "
            "Fix: look at ASTRAL_DATABASE__URL, and run `astral db upgrade` where the bot never ran."
        ) from error
    if behind & {"core", plugin}:
        raise MigrationError("the database is older than the code. Fix: run `astral db upgrade`.")
