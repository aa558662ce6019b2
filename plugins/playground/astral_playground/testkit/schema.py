"""A schema for a database of a test: migrated once a process for each choice of plugins, then copied."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from astral_core.db import migrate
from astral_core.db.engine import open_database
from astral_core.db.migrate import Chain
from astral_core.db.private import named_plainly
from astral_playground.testkit.postgres import PostgresServer, running_server

Key = tuple[tuple[str, ...], ...]  # the plugins with tables, where their version files lie, and the newest revision
_FILES: dict[Key, bytes] = {}  # migrated SQLite files; a few hundred kilobytes each
_EMPTY = "SELECT count(*) = 0 FROM pg_class WHERE relnamespace = 'public'::regnamespace"


async def fill(url: str, chains: Sequence[Chain]) -> None:
    """Give the database at `url` the schema of `chains`, where it is empty or is not there yet.

    It stays as it is where the schema cannot be had in this way: a migration fails, or the server is not one of the
    kit. The bot then migrates when it starts, and says what is wrong.
    """
    key, target = _key(chains), make_url(url)
    if key is None:
        return
    if target.get_backend_name() == "sqlite":
        await _fill_file(Path(str(named_plainly(target).database)), key, chains)
    elif (server := running_server(url)) is not None:
        await _fill_database(server, target, key, chains)


def _key(chains: Sequence[Chain]) -> Key | None:
    """What two choices of plugins with the same schema have in common; None where a plugin keeps it from us."""
    try:
        return tuple((chain.plugin, *map(str, chain.folders), str(chain.head())) for chain in chains)
    except (Exception, SystemExit):  # noqa: BLE001  # a package that cannot be imported; the start will say so
        return None


async def _migrate(url: str, chains: Sequence[Chain]) -> bool:
    """Migrate an empty database; return whether all went well."""
    database = open_database(url)
    try:
        return not await migrate.upgrade_each(database, chains)
    finally:
        await database.dispose()


async def _fill_file(path: Path, key: Key, chains: Sequence[Chain]) -> None:
    if key not in _FILES:
        with tempfile.TemporaryDirectory(prefix="astral-schema-") as folder:
            template = Path(folder) / "astral.db"
            if not await _migrate(f"sqlite+aiosqlite:///{template}", chains):
                return
            _FILES[key] = template.read_bytes()
    _write(path, _FILES[key])


def _write(path: Path, content: bytes) -> None:
    """Make the file; one that is there already belongs to the test."""
    if not path.exists():
        path.write_bytes(content)


async def _fill_database(server: PostgresServer, target: URL, key: Key, chains: Sequence[Chain]) -> None:
    name = str(target.database)
    if await asyncio.to_thread(server.has_database, name) and not await asyncio.to_thread(
        server.execute, _EMPTY, database=name
    ):
        return
    if key not in server.templates:
        template = await asyncio.to_thread(server.create_database)
        if not await _migrate(server.url(template), chains):
            await asyncio.to_thread(server.drop_database, template)
            return
        server.templates[key] = template
    await asyncio.to_thread(server.replace_database, name, server.templates[key])
