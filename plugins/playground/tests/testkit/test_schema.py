"""A database of a test gets its schema as a copy, and only where there is nothing to lose."""

from __future__ import annotations

from sqlalchemy import inspect, text

from astral_core.db.engine import open_database
from astral_core.db.migrate import CORE, Chain, revisions
from astral_playground.testkit.schema import fill


async def tables(url: str) -> set[str]:
    """The tables that are there."""
    database = open_database(url)
    try:
        async with database.engine.connect() as connection:
            return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
    finally:
        await database.dispose()


async def test_an_empty_database_is_at_the_newest_revision(database_url: str) -> None:
    """As if it had been migrated."""
    await fill(database_url, [CORE])
    database = open_database(database_url)
    try:
        assert await revisions(database) == {"core": CORE.head()}
    finally:
        await database.dispose()


async def test_a_database_that_holds_something_is_left_alone(database_url: str) -> None:
    """A test that has made tables keeps them; the bot migrates beside them when it starts."""
    database = open_database(database_url)
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE mine (n int)"))
    await database.dispose()
    await fill(database_url, [CORE])
    assert await tables(database_url) == {"mine"}


async def test_a_schema_that_cannot_be_had_is_the_bots_business(sqlite_url: str) -> None:
    """Migrations that cannot be imported leave it empty: the bot's start says what is wrong with them."""
    await fill(sqlite_url, [CORE, Chain("weather", "no_such_package")])
    assert await tables(sqlite_url) == set()
