"""The engine: reads are cheap, the first write decides, nobody ever sees "database is locked"."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text, union, update
from sqlalchemy.engine import make_url

from astral_core.db.engine import Database, WriteMark, mark_writes, open_database
from astral_core.db.session import Session
from astral_core.errors import ConfigError

counters = Table(
    "counters", MetaData(), Column("id", Integer, primary_key=True), Column("value", Integer, nullable=False)
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with one table."""
    made = open_database(database_url, pool_size=8)
    async with made.engine.begin() as connection:
        await connection.run_sync(counters.metadata.create_all)
        await connection.execute(insert(counters).values(id=1, value=0))
    yield made
    assert made.lock is None or not made.lock.held
    assert made.engine.pool.checkedout() == 0
    await made.dispose()


async def value(database: Database) -> int:
    """What the counter holds."""
    async with database.engine.connect() as connection:
        return int((await connection.execute(select(counters.c.value))).scalar_one())


@pytest.mark.parametrize(
    ("statement", "writes"),
    [
        (select(counters), False),
        (select(func.count()).select_from(counters), False),
        (union(select(counters.c.id), select(counters.c.value)), False),
        (select(counters).with_for_update(), True),
        (text("SELECT 1"), True),
        (update(counters).values(value=5), True),
        (select(update(counters).values(value=5).returning(counters.c.id).cte()), True),
        (insert(counters).values(id=2, value=0), True),
    ],
    ids=["select", "count", "union", "for-update", "text", "update", "cte", "insert"],
)
async def test_what_counts_as_a_write(database: Database, statement: Any, writes: bool) -> None:
    """Only a compiled SELECT without FOR UPDATE and without a writing CTE is a read, on both engines alike."""
    if database.is_sqlite and str(statement).startswith("WITH"):
        return  # SQLite has no writing CTEs
    async with database.engine.connect() as connection:
        mark = WriteMark()
        mark_writes(await connection.run_sync(lambda sync: sync), mark)
        await connection.execute(statement)
        assert mark.wrote is writes
        if database.lock is not None:
            assert database.lock.held is writes
    assert await value(database) == 0


async def test_two_hundred_units_that_read_and_then_write(database: Database) -> None:
    """Every one of them succeeds: readers that become writers wait for their turn instead of failing."""

    async def unit(number: int) -> None:
        async with database.engine.connect() as connection:
            await connection.execute(select(counters))
            await asyncio.sleep(0)
            first = update(counters).where(counters.c.id == 1)
            await connection.execute(first.values(value=counters.c.value + 1))
            await connection.execute(insert(counters).values(id=number + 10, value=number))
            await connection.commit()

    await asyncio.gather(*(unit(number) for number in range(200)))
    async with database.engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(counters))).scalar_one() == 201
        assert (await connection.execute(select(counters.c.value).where(counters.c.id == 1))).scalar_one() == 200


async def test_a_connection_that_goes_on_after_its_commit_is_in_a_transaction_again(database: Database) -> None:
    """What is written after a commit on the same connection can still be rolled back."""
    async with database.engine.connect() as connection:
        await connection.execute(update(counters).values(value=1))
        await connection.commit()
        await connection.execute(update(counters).values(value=2))
        await connection.rollback()
    assert await value(database) == 1


async def test_savepoints_undo_a_part(database: Database) -> None:
    """A savepoint is a write, so that it stands inside the transaction."""
    async with Session(database, "weather") as session:
        await session.execute(update(counters).values(value=1))
        async with session.begin_nested() as savepoint:
            await session.execute(update(counters).values(value=2))
            await savepoint.rollback()
        await session.commit_unit()
    assert await value(database) == 1


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_cancelling_a_writer_at_any_moment_frees_the_lock(database: Database, turns: int) -> None:
    """Wherever the cancellation hits, waiting, beginning, writing or committing, the next writer gets through."""

    async def unit(add: int) -> None:
        async with database.engine.begin() as connection:
            await connection.execute(select(counters))
            await connection.execute(update(counters).values(value=counters.c.value + add))

    warm = [await database.engine.connect() for _ in range(3)]
    for connection in warm:
        await connection.close()
    tasks = [asyncio.create_task(unit(1000)) for _ in range(2)]
    for _ in range(turns):
        await asyncio.sleep(0 if turns % 2 else 0.0003)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(20):
        await unit(1)
    assert await value(database) % 1000 == 1


async def test_ingest_goes_before_waiting_handlers_on_sqlite(sqlite_url: str) -> None:
    """The execution option marks a writer as urgent."""
    from astral_core.db.engine import URGENT

    database = open_database(sqlite_url)
    order: list[str] = []
    async with database.engine.begin() as connection:
        await connection.run_sync(counters.metadata.create_all)

    async def unit(name: str, urgent: bool) -> None:
        async with database.engine.connect() as connection:
            if urgent:
                await connection.execution_options(**{URGENT: True})
            await connection.execute(insert(counters).values(value=0))
            order.append(name)
            await connection.commit()

    assert database.lock is not None
    await database.lock.acquire()
    handlers = [asyncio.create_task(unit(f"handler {n}", False)) for n in range(3)]
    while len(database.lock._others.get("", ())) < 3:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.001)
    ingest = asyncio.create_task(unit("ingest", True))
    while not database.lock._urgent:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.001)
    database.lock.release()
    await asyncio.gather(*handlers, ingest)
    assert order[0] == "ingest"
    assert sorted(order[1:]) == ["handler 0", "handler 1", "handler 2"]
    await database.dispose()


async def test_sqlite_is_durable_and_checks_references(sqlite_url: str) -> None:
    """WAL, synchronous=FULL and foreign keys hold on every connection of the pool."""
    database = open_database(sqlite_url, pool_size=3)
    connections = [await database.engine.connect() for _ in range(3)]
    for connection in connections:
        found = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
        assert found == ["wal", 2, 1, 5000]
        assert not database.lock.held  # type: ignore[union-attr]
        await connection.close()
    await database.dispose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root:hunter2@host/db", "runs on sqlite and postgresql"),
        ("no url hunter2", "is not a database URL"),
        ("sqlite://", "needs a file"),
        ("sqlite+aiosqlite:///:memory:", "needs a file"),
    ],
)
def test_wrong_urls_are_refused_without_showing_them(url: str, words: str) -> None:
    """The message says what to write; it never repeats the URL, which may hold a password."""
    with pytest.raises(ConfigError, match=words) as caught:
        open_database(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d", "sqlite:///x.db"])
async def test_the_driver_is_always_the_asynchronous_one(url: str) -> None:
    """Whatever driver the URL names."""
    database = open_database(url)
    assert database.engine.url.drivername in {"postgresql+asyncpg", "sqlite+aiosqlite"}
    assert database.is_sqlite is url.startswith("sqlite")
    await database.dispose()


@pytest.mark.parametrize("connected", [True, False])
def test_a_query_whose_user_was_cancelled_outlives_no_event_loop(sqlite_url: str, connected: bool) -> None:
    """Its connection is closed by its own thread, and `dispose` waits for that: no thread fails, no lock is left."""
    failed: list[Any] = []

    async def run() -> None:
        made = open_database(sqlite_url)
        slow = text(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n"
        )
        if connected:
            async with made.engine.connect() as connection:
                await connection.execute(select(1))

        async def ask() -> None:
            async with made.engine.connect() as connection:
                await connection.execute(slow)

        task = asyncio.create_task(ask())
        await asyncio.sleep(0.02 if connected else 0)
        for _ in range(3):  # a time limit, the end of its lane, the end of the bot
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(task, return_exceptions=True)
        await made.dispose()

    before = threading.excepthook
    threading.excepthook = failed.append
    try:
        threads = set(threading.enumerate())
        for _ in range(3):
            asyncio.run(run())
            with closing(sqlite3.connect(make_url(sqlite_url).database, timeout=0)) as other:
                other.execute("BEGIN IMMEDIATE")  # no lock is left behind
        for thread in set(threading.enumerate()) - threads:
            thread.join()
    finally:
        threading.excepthook = before
    assert failed == []
