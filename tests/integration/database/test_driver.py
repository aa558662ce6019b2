"""SQLite's driver: one hop for a statement and its rows, none where nothing changes, and nothing left behind."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, delete, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.driver import FIRST, Driver
from astral_core.db.engine import Database, driver_of, open_database
from astral_core.db.session import Session

numbers = Table("numbers", MetaData(), Column("id", Integer, primary_key=True))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database with a table, on one connection."""
    made = open_database(f"sqlite+aiosqlite:///{tmp_path / 'numbers.db'}", pool_size=1)
    async with made.engine.begin() as connection:
        await connection.run_sync(numbers.metadata.create_all)
    yield made
    assert made.lock is not None
    assert not made.lock.held
    await made.dispose()


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the threads of connections."""
    asked: list[str] = []
    execute = Driver._execute

    async def counted(self: Driver, fn: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(fn.__name__)
        return await execute(self, fn, *args, **kwargs)

    monkeypatch.setattr(Driver, "_execute", counted)
    return asked


async def fill(database: Database, many: int) -> None:
    """Numbers from 1 to `many`."""
    if not many:
        return
    async with database.engine.begin() as connection:
        await connection.execute(insert(numbers), [{"id": number} for number in range(1, many + 1)])


async def opened(database: Database) -> AsyncConnection:
    """The one connection, that has been used before."""
    connection = await database.engine.connect()
    assert (await connection.execute(select(numbers.c.id))).first() is None
    return connection


async def test_a_read_is_one_hop(database: Database, hops: list[str]) -> None:
    """Cursor, statement, rows and end go together; to give the connection back costs nothing."""
    connection = await opened(database)
    hops.clear()
    assert (await connection.execute(select(numbers.c.id))).all() == []
    await connection.close()
    assert len(hops) == 1


async def test_a_unit_of_work_is_one_hop_a_statement_and_one_to_commit(database: Database, hops: list[str]) -> None:
    """BEGIN goes with the first write, whatever was read before."""
    connection = await opened(database)
    hops.clear()
    await connection.execute(insert(numbers).values(id=1))
    assert driver_of(connection).in_transaction
    await connection.execute(delete(numbers).where(numbers.c.id == 5))
    await connection.commit()
    await connection.close()
    assert len(hops) == 3


@pytest.mark.parametrize("many", [0, 1, FIRST - 1, FIRST, FIRST + 1, 3 * FIRST])
async def test_a_result_of_any_length_is_whole(database: Database, many: int) -> None:
    """Also around the number of rows that come with the statement."""
    await fill(database, many)
    wanted = list(range(1, many + 1))
    query = select(numbers.c.id).order_by(numbers.c.id)
    async with database.engine.connect() as connection:
        assert (await connection.execute(query)).scalars().all() == wanted
        first = (await connection.execute(query)).scalars().first()
        assert first == (wanted[0] if wanted else None)
        assert (await connection.execute(text("SELECT id FROM numbers ORDER BY id"))).scalars().all() == wanted


@pytest.mark.parametrize("size", [1, 7, FIRST, FIRST * 2])
async def test_a_stream_reads_as_far_as_it_is_asked(database: Database, hops: list[str], size: int) -> None:
    """A long result is not fetched as a whole, and one that is left in its middle holds nothing."""
    many = FIRST * 10
    await fill(database, many)
    async with database.engine.connect() as connection:
        found: list[int] = []
        query = select(numbers.c.id).order_by(numbers.c.id)
        async with connection.stream(query) as result:
            async for part in result.scalars().partitions(size):
                found += part
        assert found == list(range(1, many + 1))
        hops.clear()
        async with connection.stream(query) as result:
            assert await result.scalars().fetchmany(3) == [1, 2, 3]
        assert len(hops) == 2  # the first rows, and the end
    async with database.engine.begin() as connection:
        await connection.execute(text("DROP TABLE numbers"))  # fails while somebody reads it


async def test_what_a_write_returns_and_counts(database: Database) -> None:
    """RETURNING, rowcount and the number of the last row are as they are without this driver."""
    async with database.engine.begin() as connection:
        made = await connection.execute(insert(numbers).returning(numbers.c.id), [{"id": n} for n in (4, 5, 6)])
        assert made.scalars().all() == [4, 5, 6]
        assert (await connection.execute(insert(numbers).values(id=9))).inserted_primary_key == (9,)
        assert (await connection.execute(delete(numbers).where(numbers.c.id > 4))).rowcount == 3


async def test_a_statement_that_fails_leaves_its_transaction_open(database: Database) -> None:
    """The lock stays with who wrote until the end, and the next statement stands in the same transaction."""
    await fill(database, 1)
    async with Session(database, "test") as session:
        with pytest.raises(IntegrityError):
            await session.execute(insert(numbers).values(id=1))
        connection = await session.connection()
        assert driver_of(connection).in_transaction
        await session.execute(insert(numbers).values(id=2))
        await session.commit_unit()
    async with database.engine.connect() as connection:
        assert (await connection.execute(select(numbers.c.id))).scalars().all() == [1, 2]


async def test_a_begin_that_fails_is_the_databases_condition(database: Database) -> None:
    """Another process holds the file: the error is SQLAlchemy's, and the lock is free for the next writer."""
    assert database.engine.url.database is not None
    other = sqlite3.connect(database.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    connection = await database.engine.connect()
    await connection.exec_driver_sql("PRAGMA busy_timeout = 10")
    with pytest.raises(OperationalError, match="locked"):
        await connection.execute(insert(numbers).values(id=1))
    await connection.close()
    assert database.lock is not None
    assert not database.lock.held
    other.execute("ROLLBACK")
    other.close()
    await fill(database, 1)


@pytest.mark.parametrize("through", ["SQLAlchemy", "the driver"])
async def test_a_write_that_nobody_waits_for_is_rolled_back(database: Database, through: str) -> None:
    """Cancelled before its thread has even begun the transaction: the next has a connection without one."""
    connection = await opened(database)
    driver: Driver = driver_of(connection)
    turn = threading.Event()
    driver._tx.put_nowait((None, lambda: turn.wait(10)))  # keeps the thread busy
    while not driver._tx.empty():  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    if through == "SQLAlchemy":
        writing = asyncio.create_task(connection.execute(insert(numbers).values(id=1)))
    else:
        writing = asyncio.create_task(
            driver.run(lambda own: own.executescript("BEGIN; INSERT INTO numbers VALUES (1)"))
        )
    while driver._tx.empty():  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    assert not driver.in_transaction
    writing.cancel()
    asyncio.get_running_loop().call_later(0.2, turn.set)  # SQLAlchemy waits for the thread before it lets go
    with pytest.raises(asyncio.CancelledError):
        await writing
    await connection.close()
    async with database.engine.connect() as connection:
        assert (await connection.execute(select(numbers.c.id))).all() == []
        assert not driver_of(connection).in_transaction


async def test_a_begin_that_never_came_to_its_statement_is_forgotten(database: Database) -> None:
    """What is left of it at the end opens no transaction in the hands of the next."""
    connection = await opened(database)
    driver: Driver = driver_of(connection)
    driver.begins = True
    await connection.close()
    connection = await opened(database)
    assert driver_of(connection) is driver
    assert not driver.in_transaction
    await connection.close()


async def test_work_with_the_connection_itself_is_one_hop(database: Database, hops: list[str]) -> None:
    """`run` gives SQLite's own connection, in its thread, and raises what the work raises."""
    connection = await opened(database)
    hops.clear()

    def work(own: sqlite3.Connection, first: int) -> int:
        own.execute("BEGIN IMMEDIATE")
        own.execute("INSERT INTO numbers VALUES (?)", (first,))
        return own.execute("SELECT count(*) FROM numbers").fetchone()[0]  # type: ignore[no-any-return]

    assert await driver_of(connection).run(work, 3) == 1
    assert len(hops) == 1
    with pytest.raises(sqlite3.OperationalError):
        await driver_of(connection).run(work, 4)
    await connection.close()
    async with database.engine.connect() as connection:
        assert (await connection.execute(select(numbers.c.id))).all() == []
