"""A link: one connection that stays, small statements, and a fresh connection where the old one broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.exc import DBAPIError

from astral_core.db.engine import Database, is_transient, open_database
from astral_core.db.link import Link
from astral_core.errors import DatabaseError


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database on one connection."""
    made = open_database(database_url, pool_size=1)
    yield made
    assert made.engine.pool.checkedout() == 0
    await made.dispose()


@pytest.fixture
async def link(database: Database) -> AsyncIterator[Link]:
    """A link of it, closed at the end."""
    made = Link(database, "test")
    yield made
    await made.close()


async def test_statements_of_many_run_one_after_the_other_on_one_connection(link: Link, database: Database) -> None:
    """Nobody waits for the pool, which has a single connection."""
    mark = "?" if database.is_sqlite else "$1::int"
    found = await asyncio.gather(*(link.fetch(f"SELECT {mark} + 1", number) for number in range(20)))
    assert [tuple(rows[0]) for rows in found] == [(number + 1,) for number in range(20)]


async def test_a_wrong_statement_is_the_callers_error_and_the_link_goes_on(link: Link) -> None:
    """The error is SQLAlchemy's, nobody takes it for the database's condition, and it shows no values."""
    with pytest.raises(DBAPIError) as caught:
        await link.fetch("SELECT secret FROM nowhere")
    assert not is_transient(caught.value)
    assert [tuple(row) for row in await link.fetch("SELECT 1")] == [(1,)]


async def test_who_is_cancelled_leaves_no_answer_to_the_next(link: Link, database: Database) -> None:
    """The next statement gets its own rows."""
    slow = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n"
        if database.is_sqlite
        else "SELECT pg_sleep(5)"
    )
    await link.fetch("SELECT 1")
    waiting = asyncio.create_task(link.fetch(slow))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert [tuple(row) for row in await link.fetch("SELECT 7")] == [(7,)]


async def test_a_connection_that_was_cut_is_replaced(postgres_url: str) -> None:
    """One statement fails, and its error counts as the database's condition; the next runs."""
    database, other = open_database(postgres_url, pool_size=1), open_database(postgres_url, pool_size=1)
    link, killer = Link(database, "test"), Link(other, "other")
    try:
        ((number,),) = await link.fetch("SELECT pg_backend_pid()")
        await killer.fetch("SELECT pg_terminate_backend($1, 10000)", number)  # and wait until it is gone
        with pytest.raises(DBAPIError) as caught:
            await link.fetch("SELECT 1")
        assert is_transient(caught.value)
        assert [tuple(row) for row in await link.fetch("SELECT 2")] == [(2,)]
    finally:
        await link.close()
        await killer.close()
        await database.dispose()
        await other.dispose()


async def test_a_closed_link_says_so_until_it_is_opened(link: Link) -> None:
    """It holds no connection meanwhile."""
    await link.fetch("SELECT 1")
    await link.close()
    with pytest.raises(DatabaseError, match="test: the connection is closed"):
        await link.fetch("SELECT 1")
    link.open()
    assert [tuple(row) for row in await link.fetch("SELECT 3")] == [(3,)]
