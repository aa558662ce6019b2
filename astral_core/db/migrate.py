"""Migrations: one chain of Alembic versions and one version table a plugin, run by the core.

A plugin ships version files only. Removing a plugin leaves its tables and its version table alone, so that no
other plugin is touched by it.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, column, inspect, select, table, text
from sqlalchemy.exc import SQLAlchemyError

from astral_core import failpoint
from astral_core.config import Database as Section
from astral_core.db.engine import Database, is_transient, open_database
from astral_core.errors import DatabaseError, MigrationError

if TYPE_CHECKING:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

log = logging.getLogger("astral.db")
VERSION_TABLE = "_schema_version"  # what the name of a version table ends with, after the plugin's id
_LOCK = 0x61737472616C  # "astral": the key of PostgreSQL's advisory lock around migrations


@dataclass(frozen=True)
class Chain:
    """The migrations of one plugin: `package` holds its version files."""

    plugin: str
    package: str

    @property
    def version_table(self) -> str:
        """Where the database keeps this plugin's revision."""
        return f"{self.plugin}{VERSION_TABLE}"

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
            names = _constants(file, file.stat().st_mtime_ns)
            revisions.update(names.get("revision", ()))
            replaced.update(names.get("down_revision", ()))
        heads = revisions - replaced
        return heads.pop() if len(heads) == 1 else self.script().get_current_head()  # Alembic says what is wrong


@functools.lru_cache(maxsize=1024)  # a test run starts many bots with the same files
def _constants(file: Path, changed: int) -> dict[str, tuple[str, ...]]:
    """The strings that a version file assigns to its names: one, or those of a tuple; None is none."""
    del changed
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
    """Revision in the database and newest revision in the code; None where there is none.

    `problem` says why the code's revision is not known.
    """

    plugin: str
    current: str | None
    head: str | None
    problem: str | None = None

    @property
    def up_to_date(self) -> bool:
        """Whether the database is what the code expects."""
        return self.problem is None and self.current == self.head


def owns(plugin: str, table: str) -> bool:
    """Whether the table is `plugin`'s by its name. The version table is among them."""
    return table == plugin or table.startswith(f"{plugin}_")


async def status(database: Database, chains: Iterable[Chain]) -> list[Status]:
    """Compare the database with the code, without any lock and without writing."""
    chains = tuple(chains)
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda sync: [_status(sync, chain) for chain in chains])


async def revisions(database: Database) -> dict[str, str | None]:
    """The revision of each plugin that has a version table, also of those that are not installed any more."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(_revisions)


async def upgrade(database: Database, chains: Iterable[Chain]) -> list[Status]:
    """Bring every chain to its head, each in a transaction of its own, one process at a time.

    Raises MigrationError, naming the plugin, where one cannot be; the others are at their heads nevertheless.
    """
    chains = tuple(chains)
    for error in (await upgrade_each(database, chains)).values():
        raise error
    return await status(database, chains)


async def upgrade_each(database: Database, chains: Iterable[Chain]) -> dict[str, MigrationError]:
    """Bring every chain to its head, and return why some could not be, by plugin; empty when all went well.

    A chain fails where a step of it raises, and where the database knows a revision that the code does not: an older
    plugin was installed over a newer schema. Nothing of a failed chain is kept, nothing is ever downgraded. Raises
    MigrationError where the core's own chain fails, DatabaseError where the database is away or busy.
    """
    chains = tuple(chains)
    if all(item.up_to_date for item in await status(database, chains)):
        return {}
    failed: dict[str, MigrationError] = {}
    async with exclusively(database):
        for chain in chains:
            try:
                await _change(database, chain, None)
            except MigrationError as error:
                if chain.plugin == CORE.plugin:
                    raise
                failed[chain.plugin] = error
    return failed


async def downgrade(database: Database, chain: Chain, revision: str) -> None:
    """Take one chain back to `revision`, or to nothing with "base". For authors' tests: the bot never does it.

    What the newer tables and columns hold is lost.
    """
    async with exclusively(database):
        await _change(database, chain, revision)


@contextlib.asynccontextmanager
async def schema_database(section: Section, usual: Database | None = None) -> AsyncIterator[Database]:
    """The database of the settings for work on its schema: PostgreSQL itself, if a pooler stands before it.

    `usual` is one that is open already, of `section.url`.
    """
    if usual is not None and section.direct_url is None:
        yield usual
        return
    database = open_database((section.direct_url or section.url).get_secret_value(), 2)
    try:
        yield database
    finally:
        await database.dispose()


@contextlib.asynccontextmanager
async def exclusively(database: Database) -> AsyncIterator[None]:
    """On PostgreSQL one process at a time is inside; on SQLite the file's own lock sees to that."""
    if database.is_sqlite:
        yield
        return
    # A transaction holds all of it: with its end lock and patience are gone, from a pooler's connection too.
    async with database.engine.begin() as guard:
        for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            await guard.execute(text(f"SET LOCAL {limit} = 0"))
        await guard.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield


async def _change(database: Database, chain: Chain, down_to: str | None) -> None:
    """Take a chain to its head, or down, in one transaction."""
    async with database.engine.connect() as connection:
        if database.is_sqlite:  # batch mode copies and drops tables: that must not cascade to the rows that refer
            await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        else:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table may take its time
        try:
            await connection.run_sync(_guarded, chain, down_to)
            if failpoint.armed:
                failpoint.hit("migrate.before_commit")
            await connection.commit()
        finally:
            await connection.rollback()
            if database.is_sqlite:
                await connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _status(connection: Connection, chain: Chain) -> Status:
    current = _current(connection, chain.version_table)
    try:
        return Status(chain.plugin, current, chain.head())
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a package that cannot be imported is the plugin's fault
        return Status(chain.plugin, current, None, f"its version files cannot be read: {error}")


def _current(connection: Connection, version_table: str) -> str | None:
    if not inspect(connection).has_table(version_table):
        return None
    current: str | None = connection.execute(select(column("version_num")).select_from(table(version_table))).scalar()
    return current


def _revisions(connection: Connection) -> dict[str, str | None]:
    names = [name for name in inspect(connection).get_table_names() if name.endswith(VERSION_TABLE)]
    return {
        name.removesuffix(VERSION_TABLE): _current(connection, name) for name in sorted(names) if name.isidentifier()
    }


def _guarded(connection: Connection, chain: Chain, down_to: str | None) -> None:
    """Run a chain's steps. Whatever a plugin's code raises becomes a MigrationError that names the plugin."""
    before = Status(chain.plugin, None, None)
    try:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("SELECT 1")  # a statement as text takes the write lock: look only under it
        before = _status(connection, chain)
        if down_to is not None or not before.up_to_date:
            _run(connection, chain, before, down_to)
    except MigrationError:
        raise
    except (Exception, SystemExit) as error:
        if is_transient(error):
            raise DatabaseError(
                f"plugin {chain.plugin!r}: the database failed during its migrations, nothing of them was kept: "
                f"{error}. Fix: try again; if it stays so, look whether the database is reachable, has space and is "
                "not locked by somebody else."
            ) from error
        why = str(error) if isinstance(error, SQLAlchemyError) else f"{type(error).__name__}: {error}"
        raise MigrationError(
            f"plugin {chain.plugin!r}: its migrations from {before.current!r} to {down_to or before.head!r} failed, "
            f"nothing of them was kept: {why}"
        ) from error


def _run(connection: Connection, chain: Chain, before: Status, down_to: str | None) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.util import CommandError

    if before.problem is not None:
        raise MigrationError(
            f"plugin {chain.plugin!r}: {before.problem}. Fix: mend the plugin, or disable it in [host]."
        )
    script = chain.script()

    def steps(rev: Any, context: MigrationContext) -> Any:
        del context
        if down_to is not None:
            return script._downgrade_revs(down_to, rev)  # noqa: SLF001  # what alembic.command.downgrade calls
        return script._upgrade_revs("head", rev)  # noqa: SLF001  # what alembic.command.upgrade itself calls

    environment = EnvironmentContext(Config(), script, fn=steps)
    try:
        with environment:
            environment.configure(
                connection=connection, version_table=chain.version_table, render_as_batch=True, transactional_ddl=True
            )
            environment.run_migrations()
    except CommandError as error:
        raise MigrationError(
            f"plugin {chain.plugin!r}: the database is at revision {before.current!r}, which its migrations do not "
            f"know ({error}). Fix: install the plugin version that made this schema, or a newer one."
        ) from error
    if connection.dialect.name == "sqlite":
        _check_references(connection, chain)
    log.info("migrated %s from %s to %s", chain.plugin, before.current, down_to or before.head)


def _check_references(connection: Connection, chain: Chain) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise MigrationError(
            f"plugin {chain.plugin!r}: after its migrations a row of {broken[0]!r} refers to a missing row of "
            f"{broken[2]!r}; nothing was kept. Fix: let the migration delete or mend such rows."
        )
