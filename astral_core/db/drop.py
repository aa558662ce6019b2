"""Removing what a plugin left in the database. Never on its own: uninstalling keeps the tables."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, inspect, select, table, update
from sqlalchemy.exc import SQLAlchemyError

from astral_core.db.engine import Database
from astral_core.db.migrate import exclusively, owns
from astral_core.db.tables import (
    DEAD,
    PARKED,
    core_due,
    core_inbox,
    core_once,
    core_paced,
    core_plugins,
    core_ptb,
    core_state,
    shared_now,
)
from astral_core.errors import DatabaseError


async def tables_of(database: Database, plugin: str) -> dict[str, int]:
    """The tables that are `plugin`'s by their names, its version table among them, with their numbers of rows."""
    async with database.engine.connect() as connection:
        names = await connection.run_sync(_names, plugin)
        counts = {}
        for name in names:
            counts[name] = (await connection.execute(select(func.count()).select_from(table(name)))).scalar_one()
        return counts


async def drop_tables(database: Database, plugin: str) -> None:
    """Remove the tables of `plugin` in one transaction; DatabaseError where tables of others refer to them.

    The core forgets the plugin and its small state with them: what was parked for it becomes dead letters.
    """
    async with exclusively(database), database.engine.connect() as connection:
        if database.is_sqlite:  # tables that refer to each other have no order; a drop must not look at rows
            await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        try:
            await connection.run_sync(_drop, plugin)
            await connection.commit()
        finally:
            await connection.rollback()
            if database.is_sqlite:
                await connection.exec_driver_sql("PRAGMA foreign_keys=ON")


async def refuse_referred(database: Database, plugin: str) -> None:
    """DatabaseError where tables of others refer to those of `plugin`."""
    async with database.engine.connect() as connection:
        await connection.run_sync(_refuse_referred, plugin)


def _names(connection: Connection, plugin: str) -> list[str]:
    return sorted(name for name in inspect(connection).get_table_names() if owns(plugin, name))


def _refuse_referred(connection: Connection, plugin: str) -> None:
    referring = [
        f"{name} -> {key['referred_table']}"
        for (_, name), keys in inspect(connection).get_multi_foreign_keys().items()
        for key in keys
        if not owns(plugin, name or "") and owns(plugin, key["referred_table"])
    ]
    if referring:
        raise DatabaseError(
            f"plugin {plugin!r}: tables of others refer to its tables: {', '.join(sorted(referring))}. Fix: drop the "
            "plugins of those tables first."
        )


def _forget(connection: Connection, plugin: str) -> None:
    if not inspect(connection).has_table(core_plugins.name):
        return  # a database of before, or one that the bot never used
    connection.execute(delete(core_plugins).where(core_plugins.c.id == plugin))
    if inspect(connection).has_table(core_due.name):
        connection.execute(delete(core_due).where(core_due.c.route.startswith(f"{plugin}.", autoescape=True)))
    for kept in (core_state, core_ptb, core_once, core_paced):
        if inspect(connection).has_table(kept.name):
            connection.execute(delete(kept).where(kept.c.plugin == plugin))
    parked = core_inbox.c.state == PARKED, core_inbox.c.parked_for == plugin
    why = {
        "state": DEAD,
        "parked_for": None,
        "done_at": shared_now(connection.dialect),
        "error": f"the tables of plugin {plugin!r} were dropped",
    }
    connection.execute(update(core_inbox).where(*parked).values(why))


def _drop(connection: Connection, plugin: str) -> None:
    quote = connection.dialect.identifier_preparer.quote
    try:
        _refuse_referred(connection, plugin)
        names = [quote(name) for name in _names(connection, plugin)]
        # One statement on PostgreSQL: tables that go together may refer to each other. SQLite's takes one table.
        single = connection.dialect.name == "sqlite" or not names
        for group in [[name] for name in names] if single else [names]:
            connection.exec_driver_sql(f"DROP TABLE {', '.join(group)}")
        _forget(connection, plugin)
    except SQLAlchemyError as error:
        raise DatabaseError(
            f"plugin {plugin!r}: its tables could not be dropped, none of them was: {error}. Fix: stop the bot, and "
            "remove what else in the database depends on them."
        ) from error
