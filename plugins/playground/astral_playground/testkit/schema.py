"""Databases with a schema in them: migrated once a test run for each choice of plugins, then copied."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.engine import make_url

from astral_core import core_plugin
from astral_core.db import migrate
from astral_core.db.engine import open_database
from astral_core.host.host import load

if TYPE_CHECKING:
    from astral_playground.testkit.bot import BotKit
    from astral_playground.testkit.postgres import PostgresServer


class Templates(Protocol):
    """The migrated databases of one engine."""

    async def fill(self, kit: BotKit) -> None:
        """Give the database of `kit`, which is still empty, the schema of its plugins."""
        ...


def _choice(kit: BotKit) -> tuple[Any, ...]:
    return tuple((plugin.id, plugin.module_name, plugin.path) for plugin in kit.fresh_plugins() or ())


async def _migrate(kit: BotKit, url: str) -> None:
    chains = load(kit.settings(), core_plugin, kit.fresh_plugins()).chains()
    database = open_database(url)
    try:
        await migrate.upgrade(database, chains)
    finally:
        await database.dispose()


def _copy(template: Path, path: Path) -> None:
    if not path.exists():
        shutil.copyfile(template, path)


class SqliteTemplates:
    """Files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[Any, ...], Path] = {}

    async def fill(self, kit: BotKit) -> None:
        """Copy the file, unless the test has brought one."""
        template = self._made.get(_choice(kit))
        if template is None:
            template = self._folder / f"{len(self._made)}.db"
            await _migrate(kit, f"sqlite+aiosqlite:///{template}")
            self._made[_choice(kit)] = template
        _copy(template, Path(str(make_url(kit.database_url).database)))


class PostgresTemplates:
    """Databases on `server`; `close` drops them."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._made: dict[tuple[Any, ...], str] = {}

    async def fill(self, kit: BotKit) -> None:
        """Make the database anew, as a copy of the template."""
        template = self._made.get(_choice(kit))
        if template is None:
            template = self._server.create_database()
            await _migrate(kit, self._server.url(template))
            self._made[_choice(kit)] = template
        name = str(make_url(kit.database_url).database)
        self._server.drop_database(name)
        self._server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def close(self) -> None:
        """Drop what was made."""
        for name in self._made.values():
            self._server.drop_database(name)
