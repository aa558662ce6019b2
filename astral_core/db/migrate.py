"""Migrations: one chain of Alembic versions and one version table a plugin, run by the core.

A plugin ships version files only. Removing a plugin leaves its tables and its version table alone, so that no
other plugin is touched by it.
"""

from __future__ import annotations

import ast
import importlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from astral_core import failpoint
from astral_core.db.engine import Database
from astral_core.errors import MigrationError

if TYPE_CHECKING:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

log = logging.getLogger("astral.db")
_LOCK = 0x61737472616C  # "astral": the key of PostgreSQL's advisory lock around migrations


@dataclass(frozen=True)
class Chain:
    """The migrations of one plugin: `package` holds its version files."""

    plugin: str
    package: str

    @property
    def version_table(self) -> str:
        """Where the database keeps this plugin's revision."""
        return f"{self.plugin}_schema_version"

    @property
    def folders(self) -> list[Path]:
        """Where the version files lie."""
        return [Path(path) / "versions" for path in importlib.import_module(self.package).__path__]

    def script(self) -> ScriptDirectory:
        """Alembic's view of the version files."""
        from alembic.script import ScriptDirectory

        folders = self.folders
        return ScriptDirectory(str(folders[0].parent), version_locations=[str(folder) for folder in folders])

    def head(self) -> str | None:
        """The newest revision, read out of the files: a start with nothing to migrate needs no Alembic."""
        revisions, replaced = set[str](), set[str]()
        for file in (file for folder in self.folders for file in folder.glob("*.py")):
            names = _constants(file)
            revisions.update(names.get("revision", ()))
            replaced.update(names.get("down_revision", ()))
        heads = revisions - replaced
        return heads.pop() if len(heads) == 1 else self.script().get_current_head()  # Alembic says what is wrong


def _constants(file: Path) -> dict[str, tuple[str, ...]]:
    """The strings that a version file assigns to its names: one, or those of a tuple; None is none."""
    found: dict[str, tuple[str, ...]] = {}
    for node in ast.parse(file.read_bytes()).body:
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            pairs = (
                list(zip(target.elts, node.value.elts, strict=False))
                if (isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple))
                else [(target, node.value)]
            )
        elif isinstance(node, ast.AnnAssign):
            pairs = [(node.target, node.value)]
        for name, value in pairs:
            if isinstance(name, ast.Name):
                parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]
                strings = [part.value for part in parts if isinstance(part, ast.Constant)]
                found[name.id] = tuple(text for text in strings if isinstance(text, str))
    return found


CORE = Chain("core", "astral_core.db.migrations")


@dataclass(frozen=True)
class Status:
    """Revision in the database and newest revision in the code; None where there is none."""

    plugin: str
    current: str | None
    head: str | None

    @property
    def up_to_date(self) -> bool:
        """Whether the database is what the code expects."""
        return self.current == self.head


async def status(database: Database, chains: Iterable[Chain]) -> list[Status]:
    """Compare the database with the code, without any lock and without writing."""
    chains = tuple(chains)
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda sync: [_status(sync, chain) for chain in chains])


async def upgrade(database: Database, chains: Iterable[Chain]) -> list[Status]:
    """Bring every chain to its head, each in a transaction of its own, one process at a time.

    Raises MigrationError, naming the plugin, where the database knows a revision that the code does not: an older
    plugin was installed over a newer schema. Nothing is ever downgraded.
    """
    chains = tuple(chains)
    if all(item.up_to_date for item in await status(database, chains)):
        return await status(database, chains)
    async with database.engine.connect() as guard:
        if not database.is_sqlite:
            guard = await guard.execution_options(isolation_level="AUTOCOMMIT")
            await guard.execute(text("SET lock_timeout = 0"))
            await guard.execute(text("SET statement_timeout = 0"))
            await guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        try:
            for chain in chains:
                await _upgrade_one(database, chain)
        finally:
            if not database.is_sqlite:  # the pool would keep the connection and with it the lock
                await guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
    return await status(database, chains)


async def _upgrade_one(database: Database, chain: Chain) -> None:
    async with database.engine.connect() as connection:
        if database.is_sqlite:  # batch mode copies and drops tables: that must not cascade to the rows that refer
            await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        else:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table may take its time
        try:
            await connection.run_sync(_upgrade, chain)
            if failpoint.armed:
                failpoint.hit("migrate.before_commit")
            await connection.commit()
        finally:
            await connection.rollback()
            if database.is_sqlite:
                await connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _status(connection: Connection, chain: Chain) -> Status:
    current = None
    if inspect(connection).has_table(chain.version_table):
        query = f"SELECT version_num FROM {chain.version_table}"  # noqa: S608  # the plugin's id is a checked word
        current = connection.exec_driver_sql(query).scalar()
    return Status(chain.plugin, current, chain.head())


def _upgrade(connection: Connection, chain: Chain) -> None:
    before = _status(connection, chain)
    if before.up_to_date:
        return
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.util import CommandError

    script = chain.script()

    def revisions(rev: Any, context: MigrationContext) -> Any:
        del context
        return script._upgrade_revs("head", rev)  # noqa: SLF001  # what alembic.command.upgrade itself calls

    environment = EnvironmentContext(Config(), script, fn=revisions)
    try:
        with environment:
            environment.configure(
                connection=connection, version_table=chain.version_table, render_as_batch=True, transactional_ddl=True
            )
            environment.run_migrations()
        if connection.dialect.name == "sqlite":
            _check_references(connection, chain)
    except CommandError as error:
        raise MigrationError(
            f"plugin {chain.plugin!r}: the database is at revision {before.current!r}, which its migrations do not "
            f"know ({error}). Fix: install the plugin version that made this schema, or a newer one."
        ) from error
    except SQLAlchemyError as error:
        raise MigrationError(
            f"plugin {chain.plugin!r}: its migrations from {before.current!r} to {before.head!r} failed, nothing of "
            f"them was kept: {error}"
        ) from error
    log.info("migrated %s from %s to %s", chain.plugin, before.current, before.head)


def _check_references(connection: Connection, chain: Chain) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise MigrationError(
            f"plugin {chain.plugin!r}: after its migrations a row of {broken[0]!r} refers to a missing row of "
            f"{broken[2]!r}; nothing was kept. Fix: let the migration delete or mend such rows."
        )
