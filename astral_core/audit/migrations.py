"""What is wrong with a plugin's migrations: run up, compared, and run down and up again, step by step."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from alembic.script import ScriptDirectory
from sqlalchemy import MetaData
from sqlalchemy.exc import SQLAlchemyError

from astral_core.db.autogenerate import differences, merged
from astral_core.db.drop import tables_of
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import Chain, downgrade, upgrade
from astral_core.errors import DatabaseError
from astral_core.finding import Finding
from astral_core.host.host import Host
from astral_core.host.state import LoadedPlugin

FIX_DRIFT = "astral db revision {} -m <what changed>, and read what it writes."


def check_migrations(host: Host, plugin: LoadedPlugin, databases: Sequence[str]) -> list[Finding]:
    """Run the plugin's migrations in a scratch SQLite file and in each of `databases`, which must be empty of it."""
    schema = plugin.declared.tables
    if schema is None:
        return []
    needed = [chain for chain in host.chains() if chain.plugin != plugin.id]
    own = Chain(plugin.id, schema.migrations)
    try:
        own.head()
    except Exception as error:  # noqa: BLE001  # a package that cannot be imported, a file that cannot be read
        cause = f"its version files cannot be read: {type(error).__name__}: {error}."
        fix = f"mend them; astral db revision {plugin.id} -m <what it does> writes the first one."
        return [Finding("migrations-unreadable", own.package, cause, fix)]
    models = merged(other.declared.tables.metadata for other in host.alive if other.declared.tables)
    with tempfile.TemporaryDirectory(prefix="astral-") as scratch, ThreadPoolExecutor(1) as thread:
        urls = (f"sqlite+aiosqlite:///{scratch}/scratch.db", *databases)
        work = (_on_database(url, needed, own, models) for url in urls)
        # In a thread of its own: the caller may have a running loop.
        return [finding for one in work for finding in thread.submit(asyncio.run, one).result()]


async def _on_database(url: str, needed: Sequence[Chain], own: Chain, models: MetaData) -> list[Finding]:
    async with _opened(url) as database:
        where = f"{own.plugin} on {database.engine.dialect.name}"
        try:
            if await tables_of(database, own.plugin):
                cause = f"the database has tables of {own.plugin}: the way down would delete what is in them."
                return [Finding("migrations-database", where, cause, "give the check an empty database.")]
            await upgrade(database, needed)
            return await _up_and_down(database, needed, own, models, where)
        except SQLAlchemyError as error:
            cause = f"the database cannot be reached or used: {getattr(error, 'orig', None) or error}."
            return [Finding("migrations-database", where, cause, "check its URL.")]
        except DatabaseError as error:
            return [Finding("migrations-failed", where, str(error), "mend what another plugin did.")]


async def _up_and_down(
    database: Database, needed: Sequence[Chain], own: Chain, models: MetaData, where: str
) -> list[Finding]:
    try:
        await upgrade(database, [*needed, own])
    except DatabaseError as error:
        return [Finding("migrations-failed", where, str(error), "mend the version file.")]
    found = [*await _drift(database, own, models, where)]
    for step, target in _steps(own.script()):
        try:
            await downgrade(database, own, target)
            left = await tables_of(database, own.plugin) if target == "base" else {}
            if left.keys() <= {own.version_table}:
                await upgrade(database, [own])
                continue
            cause = f"{step} is taken back and leaves {', '.join(sorted(left.keys() - {own.version_table}))}."
        except DatabaseError as error:
            cause = f"{step} cannot be taken back and done again: {error}"
        found.append(Finding("migrations-down", where, cause, "mend its downgrade().", fatal=False))
        break
    return found


async def _drift(database: Database, own: Chain, models: MetaData, where: str) -> Iterator[Finding]:
    async with database.engine.connect() as connection:
        lines = await connection.run_sync(differences, own.plugin, models)
    fix = FIX_DRIFT.format(own.plugin)
    return (Finding("migrations-drift", where, f"models and migrations differ: {line}.", fix) for line in lines)


def _steps(script: ScriptDirectory) -> list[tuple[str, str]]:
    """Each revision with the one before it, the newest first; one that joins two branches is left out."""
    return [
        (item.revision, item.down_revision or "base")
        for item in script.walk_revisions()
        if item.down_revision is None or isinstance(item.down_revision, str)
    ]


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    database = open_database(url, pool_size=2)
    try:
        yield database
    finally:
        await database.dispose()
