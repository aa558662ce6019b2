"""`astral db`: the schema's revisions, its upgrade, an author's next version file, and what a plugin left."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from astral_core import core_plugin
from astral_core.bot.reachable import name_of
from astral_core.cli.hiding import complain
from astral_core.config import Settings, load_settings
from astral_core.db import migrate
from astral_core.db.drop import drop_tables, refuse_referred, tables_of
from astral_core.db.engine import Database
from astral_core.db.migrate import CORE, Chain, Status
from astral_core.errors import DatabaseError, MigrationError, PluginLoadError
from astral_core.host.discover import dependencies
from astral_core.host.host import Host, load
from astral_core.host.state import State
from astral_core.inbox.filelock import FileLock

T = TypeVar("T")


@click.group()
def db() -> None:
    """The database's schema."""


@db.command("status")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status(as_json: bool) -> None:  # click passes flags so
    """Each plugin's revision in the database and in the code.

    A plugin that is broken, switched off or not installed any more is shown with what the database has of it."""
    host = _host()
    _print(_on_database(host.settings, lambda database: _status(database, host)), as_json)


@db.command("upgrade")
@click.argument("plugin", required=False)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def upgrade(plugin: str | None, as_json: bool) -> None:  # click passes flags so
    """Bring the tables of every plugin, or of PLUGIN and what it needs, to the newest revision.

    Refused on SQLite while the bot runs. A plugin whose migration fails keeps its old tables; the others go on."""
    host = _host()
    chains = host.chains() if plugin is None else _needed(host, plugin)

    async def work(database: Database) -> tuple[dict[str, MigrationError], list[Status]]:
        with _alone(database):
            return await migrate.upgrade_each(database, chains), await migrate.status(database, chains)

    failed, items = _on_database(host.settings, work)
    _print(items, as_json)
    broken = [
        f"plugin {p.id!r} is left out, it is {p.state}: {p.reason}"
        for p in host.plugins
        if not p.alive and p.state is not State.DISABLED
    ]
    for line in [*map(str, failed.values()), *broken]:
        complain(f"astral: {line}")
    if failed:
        raise SystemExit(1)


@db.command("revision")
@click.argument("plugin")
@click.option("-m", "--message", required=True, help="What the version does, in a few words.")
@click.option("--empty", is_flag=True, help="A file without steps, to be written by hand: for data.")
def revision(plugin: str, message: str, empty: bool) -> None:  # click passes flags so
    """Write PLUGIN's next version file: what its tables in the code have and its migrations do not.

    For authors; needs no database. Read the file before it is used: Alembic takes a renamed column for one that
    was dropped and one that was added, and does not look at check constraints."""
    from astral_core.audit.alone import load_alone  # the author's tools, which a bot's owner never loads
    from astral_core.db.autogenerate import merged, write_revision

    host, own = load_alone(plugin, load_settings())
    if own.declared.tables is None:
        if own.alive:
            raise PluginLoadError(plugin, "declares no tables.", "Plugin(tables=Tables(metadata)).")
        raise PluginLoadError(plugin, f"{own.phase}: {own.reason}.")
    needed = [other.declared.tables for other in host.alive if other is not own and other.declared.tables]
    chains = [chain for chain in host.chains() if chain.plugin != plugin]
    chains.append(Chain(plugin, own.declared.tables.migrations))
    models = merged([tables.metadata for tables in (*needed, own.declared.tables)])
    file = asyncio.run(write_revision(chains, models, message, empty=empty))
    click.echo(f"wrote {file}" if file else f"{plugin}: nothing changed, no file was written")


@db.command("drop")
@click.argument("plugin")
@click.option("--yes", is_flag=True, help="Do not ask; also where the plugin is in use.")
def drop(plugin: str, yes: bool) -> None:  # click passes flags so
    """Remove the tables of PLUGIN, with all that is in them, for good; also of one that is not installed any more.

    Refused on SQLite while the bot runs, and where tables of other plugins refer to them."""
    if plugin == CORE.plugin:
        raise DatabaseError("plugin 'core': a bot cannot be without these tables. Fix: name another plugin.")
    host = _host()
    if not yes and any(other.id == plugin for other in host.alive):
        raise DatabaseError(
            f"plugin {plugin!r} is in use. Fix: disable it in [host] first, or drop its tables with --yes: "
            "the next start makes them anew, empty."
        )

    async def work(database: Database) -> None:
        with _alone(database):
            await _ask_and_drop(database, plugin, yes)

    _on_database(host.settings, work)


async def _ask_and_drop(database: Database, plugin: str, yes: bool) -> None:
    counts = await tables_of(database, plugin)
    if not counts:
        raise DatabaseError(f"plugin {plugin!r} has no tables here. Fix: `astral db status` shows who has some.")
    await refuse_referred(database, plugin)
    for name, count in counts.items():
        click.echo(f"{name:<40} {count:>10} rows")
    if not yes:
        click.confirm("Remove these tables for good?", abort=True)
    await drop_tables(database, plugin)
    click.echo(f"removed {len(counts)} tables of {plugin}")


def _host() -> Host:
    """All plugins, whatever is broken: that a plugin cannot be loaded keeps nobody from the database."""
    return load(load_settings(), core_plugin.plugin, enforce=False)


def _needed(host: Host, plugin: str) -> list[Chain]:
    """The chains of the core, of what `plugin` depends on, and its own."""
    found = {other.id: other for other in host.plugins}
    if plugin not in found:
        raise PluginLoadError(plugin, "is not installed.", "`astral plugins list` shows the names.")
    if not found[plugin].alive:
        raise PluginLoadError(
            plugin, f"is {found[plugin].state} in phase {found[plugin].phase}: {found[plugin].reason}."
        )
    wanted = {CORE.plugin, plugin}
    for other in reversed(host.plugins):
        if other.id in wanted:
            wanted |= dependencies(other, host.plugins)
    return [chain for chain in host.chains() if chain.plugin in wanted]


async def _status(database: Database, host: Host) -> list[Status]:
    """The living plugins, then what the database or the settings know of others."""
    items = await migrate.status(database, host.chains())
    kept = await migrate.revisions(database)
    aside = {p.id: f"{p.state} in phase {p.phase}: {p.reason}" for p in host.plugins if not p.alive}
    broken = {p.id for p in host.plugins if not p.alive and p.state is not State.DISABLED}
    living = {p.id for p in host.alive}
    for name in sorted((broken | kept.keys()) - living):
        items.append(Status(name, kept.get(name), None, aside.get(name, "not installed")))
    return items


@contextlib.contextmanager
def _alone(database: Database) -> Iterator[None]:
    """On SQLite no bot runs meanwhile; PostgreSQL's own lock lets one process at a time change the schema."""
    if not database.is_sqlite:
        yield
        return
    lock = FileLock(str(database.engine.url.database))
    try:
        lock.acquire()
    except OSError as error:
        raise _unreachable(error) from error
    try:
        yield
    finally:
        lock.release()


def _on_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        async with migrate.schema_database(settings.database) as database:
            folder = Path(str(database.engine.url.database)).parent
            if database.is_sqlite and not folder.is_dir():  # the driver's thread would print a traceback of its own
                raise _unreachable(FileNotFoundError(folder))
            try:
                if not database.is_sqlite:
                    await _refuse_poolers(settings)
                return await work(database)
            except SQLAlchemyError as error:
                raise _unreachable(error) from error

    return asyncio.run(run())


async def _refuse_poolers(settings: Settings) -> None:
    from astral_core.db.pooler import refuse  # asyncpg, of no use on SQLite

    direct = settings.database.direct_url
    await refuse(settings.database.url.get_secret_value(), direct.get_secret_value() if direct else None)


def _unreachable(error: Exception) -> DatabaseError:
    return DatabaseError(
        f"the database cannot be reached or used ({name_of(error)}). Fix: check database.url in astral.toml or "
        "ASTRAL_DATABASE__URL, and whether that server or folder is there."
    )


def _print(items: Sequence[Status], as_json: bool) -> None:
    if as_json:
        records = [
            {
                "plugin": s.plugin, "current": s.current, "head": s.head, "up_to_date": s.up_to_date,
                "problem": s.problem,
            }
            for s in items
        ]  # fmt: skip
        click.echo(json.dumps(records, ensure_ascii=False, indent=2))
        return
    for item in items:
        mark = f"unknown  {item.problem}" if item.problem else "ok" if item.up_to_date else "behind"
        click.echo(f"{item.plugin:<16} {item.current or '-':<24} {item.head or '-':<24} {mark}")
