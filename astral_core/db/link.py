"""One connection that stays open, for small statements that go to the driver alone.

To take a connection out of SQLAlchemy's pool, to run a small statement on it and to give it back costs several times
what the statement costs.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.driver import Driver
from astral_core.db.engine import Database, driver_of, open_database
from astral_core.errors import DatabaseError

ANSWER = 10.0  # seconds for one statement: a connection that leads nowhere tells nothing by itself


class Link:
    """Runs a statement at a time on a connection of its own: made at first use, thrown away where it breaks."""

    def __init__(self, database: Database, name: str) -> None:
        """A link out of the pool of `database`; `name` is what errors call it."""
        self._database = database
        self._name = name
        self._connection: AsyncConnection | None = None
        self._busy = asyncio.Lock()
        self._closed = False

    @property
    def is_sqlite(self) -> bool:
        """Whether statements mark their values with ?, as SQLite wants it; else with $1, $2."""
        return self._database.is_sqlite

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """The rows of `statement`, which stands in a transaction of its own; SQLAlchemy's errors for the driver's."""
        async with self._busy:
            connection = self._connection or await self._connect()
            try:
                return await self._run(driver_of(connection), statement, values)
            except (OperationalError, asyncio.CancelledError):
                # Of a statement that was cancelled the answer may still come in: nobody else may read it as theirs.
                await self._drop(connection)
                raise

    def open(self) -> None:
        """Let it be used again after `close`."""
        self._closed = False

    async def close(self) -> None:
        """Give the connection back. A `fetch` raises DatabaseError from now on."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connect(self) -> AsyncConnection:
        if self._closed:
            raise DatabaseError(f"{self._name}: the connection is closed.")
        connection = await self._database.engine.connect()
        self._connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    async def _run(self, driver: Any, statement: str, values: tuple[Any, ...]) -> list[Any]:
        if self._database.is_sqlite:
            return await self._sqlite(driver, statement, values)
        from astral_core.db.translated import translated  # asyncpg, of no use on SQLite

        with translated(self._name):
            return list(await driver.fetch(statement, *values, timeout=ANSWER))

    async def _sqlite(self, driver: Driver, statement: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return await driver.run(_rows, statement, values)
        except sqlite3.Error as error:
            raise DBAPIError.instance(self._name, None, error, sqlite3.Error, hide_parameters=True) from error

    async def _drop(self, connection: AsyncConnection) -> None:
        self._connection = None
        if not self._database.is_sqlite:
            await connection.invalidate()
        await connection.close()


def _rows(connection: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> list[Any]:
    return connection.execute(statement, values).fetchall()


class OwnLink(Link):
    """A link beside the pool of `database`: handlers may hold all of that."""

    def __init__(self, database: Database, name: str) -> None:
        url = database.engine.url.render_as_string(hide_password=False)
        super().__init__(open_database(url, 1, name=database.name), name)

    async def close(self) -> None:
        """Close the connection for good."""
        await super().close()
        await self._database.dispose()
