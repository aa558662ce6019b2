"""SQLite's driver with fewer hops: one for a statement and its rows, none for what changes nothing.

aiosqlite hops to its connection's thread for the cursor, the statement, its rows, the cursor's end, and a rollback
where the connection goes back to the pool. A hop costs more than a small statement. So the cursor is made, run, read
and closed in one; BEGIN goes with the statement that it is for; and a connection outside of a transaction has nothing
to commit or to roll back.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import aiosqlite

T = TypeVar("T")
FIRST = 100  # rows that come with the statement; of a longer result the rest is fetched when somebody asks for it


@dataclass(slots=True)
class _Answer:
    """What a statement gave; `open` is its cursor where there may be more rows."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: list[Any] = field(default_factory=list)
    open: sqlite3.Cursor | None = None


class Driver(aiosqlite.Connection):
    """aiosqlite's connection. With `begins` the next statement of a cursor stands in a transaction that may write."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=FIRST)
        self.begins = False
        self._asked = 0
        self._ended = 0  # the thread has done this many of those that were asked for, in their order

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of `work(connection, *arguments)` with SQLite's own connection, in its thread: one hop."""
        result: T = await self._execute(work, self._conn, *arguments)
        return result

    def cursor(self) -> Cursor:  # type: ignore[override]  # aiosqlite's is awaited, because it hops
        """A cursor, which costs nothing before its first statement."""
        return Cursor(self)

    async def commit(self) -> None:
        """Commit, if there is a transaction."""
        self.begins = False
        if not self._at_rest:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back, if there is a transaction."""
        self.begins = False
        if not self._at_rest:
            await super().rollback()

    @property
    def _at_rest(self) -> bool:
        """Whether no transaction is open. Where a wait was cancelled, its statement may be about to open one."""
        return self._ended == self._asked and not self.in_transaction

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._asked += 1
        number = self._asked
        try:
            result = await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]  # as aiosqlite wrote it
        except Exception:
            self._ended = max(self._ended, number)
            raise
        self._ended = max(self._ended, number)
        return result


class Cursor:
    """A cursor as SQLAlchemy uses it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._answer = _Answer()
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        """The columns of the result; None where there is none."""
        return self._answer.description

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._answer.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number of the row that was inserted last."""
        return self._answer.lastrowid

    async def execute(self, statement: str, parameters: Iterable[Any] = ()) -> Cursor:
        """Run a statement, and fetch its first rows."""
        return await self._run(sqlite3.Cursor.execute, statement, parameters)

    async def executemany(self, statement: str, parameters: Iterable[Any]) -> Cursor:
        """Run a statement for each of `parameters`."""
        return await self._run(sqlite3.Cursor.executemany, statement, parameters)

    async def _run(self, how: Callable[..., Any], statement: str, parameters: Iterable[Any]) -> Cursor:
        begins, self._driver.begins = self._driver.begins, False
        before, self._answer = self._answer.open, _Answer()
        self._answer = await self._driver.run(_answer, how, statement, parameters, begins, before)
        return self

    async def fetchone(self) -> Any:
        """The next row; None after the last."""
        found = await self.fetchmany(1)
        return found[0] if found else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """The next `size` rows, as far as there are any."""
        size = self.arraysize if size is None else size
        rows, left = self._answer.rows, self._answer.open
        if len(rows) < size and left is not None:
            more = max(size - len(rows), FIRST)
            rows += await self._driver.run(lambda _: left.fetchmany(more))
        found = rows[:size]
        del rows[:size]
        return found

    async def fetchall(self) -> Sequence[Any]:
        """All rows that are left."""
        found, left = self._answer.rows, self._answer.open
        self._answer.rows, self._answer.open = [], None
        if left is not None:
            found += await self._driver.run(_rest, left)
        return found

    async def close(self) -> None:
        """Let go of the rows that nobody fetched."""
        left = self._answer.open
        self._answer.rows, self._answer.open = [], None
        if left is not None:
            await self._driver.run(lambda _: left.close())


def _rest(connection: sqlite3.Connection, cursor: sqlite3.Cursor) -> list[Any]:
    del connection
    with contextlib.closing(cursor):
        return cursor.fetchall()


def _answer(
    connection: sqlite3.Connection, how: Callable[..., Any], statement: str, parameters: Iterable[Any], begins: bool,
    before: sqlite3.Cursor | None,
) -> _Answer:  # fmt: skip
    """In the connection's thread: run `statement`; a result that ends within its first rows is closed at once."""
    if before is not None:
        before.close()
    if begins and not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    cursor = connection.cursor()
    try:
        how(cursor, statement, parameters)
        rows = cursor.fetchmany(FIRST) if cursor.description is not None else []
        more = len(rows) == FIRST
        return _Answer(cursor.description, cursor.rowcount, cursor.lastrowid, rows, cursor if more else None)
    except BaseException:
        more = False
        raise
    finally:
        if not more:
            cursor.close()
