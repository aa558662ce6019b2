"""Dropping a plugin's tables: all of them, in any order of their references, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import inspect, text

from astral_core.db import engine
from astral_core.db.drop import drop_tables, refuse_referred, tables_of
from astral_core.db.engine import Database, open_database
from astral_core.errors import DatabaseError

TABLES = (
    "CREATE TABLE weather (id INTEGER PRIMARY KEY)",
    'CREATE TABLE "weather_Old Days" (id INTEGER PRIMARY KEY)',
    "CREATE TABLE weather_cities (id INTEGER PRIMARY KEY, day INTEGER REFERENCES weather)",
    "CREATE TABLE weather_schema_version (version_num VARCHAR(32) PRIMARY KEY)",
    "CREATE TABLE weatherman (id INTEGER PRIMARY KEY)",
    "INSERT INTO weather VALUES (1)",
    "INSERT INTO weather VALUES (2)",
    "INSERT INTO weather_cities VALUES (1, 2)",
)


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a lock in vain waits shortly."""
    monkeypatch.setattr(engine, "PATIENCE", 0.3)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with the tables of a plugin that is not installed any more, and one of another's."""
    made = open_database(database_url)
    async with made.engine.begin() as connection:
        for statement in TABLES:
            await connection.execute(text(statement))
    yield made
    await made.dispose()


async def names(database: Database) -> set[str]:
    """All tables that there are."""
    async with database.engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_all_its_tables_go_and_no_others(database: Database) -> None:
    """They are told with their numbers of rows; references among them are in nobody's way."""
    assert await tables_of(database, "weather") == {
        "weather": 2,
        "weather_Old Days": 0,
        "weather_cities": 1,
        "weather_schema_version": 0,
    }
    await drop_tables(database, "weather")
    assert await names(database) == {"weatherman"}
    assert await tables_of(database, "weather") == {}
    await drop_tables(database, "weather")


async def test_tables_that_refer_to_each_other_go_together(database: Database) -> None:
    """A circle has no order that foreign keys would allow."""
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE weather ADD COLUMN city INTEGER REFERENCES weather_cities"))
        await connection.execute(text("UPDATE weather SET city = 1"))
    await drop_tables(database, "weather")
    assert await names(database) == {"weatherman"}


async def test_a_table_of_another_that_refers_to_them_keeps_them(database: Database) -> None:
    """Both ends are named, and nothing is lost."""
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE sky_days (day INTEGER REFERENCES weather)"))
    before = await names(database)
    with pytest.raises(DatabaseError, match=r"plugin 'weather': .*sky_days -> weather\. Fix: drop"):
        await refuse_referred(database, "weather")
    with pytest.raises(DatabaseError, match="sky_days -> weather"):
        await drop_tables(database, "weather")
    assert await names(database) == before


async def test_what_else_depends_on_them_keeps_them_all(
    little_patience: None, database: Database, database_url: str
) -> None:
    """A view or a lock in the way: none of the tables is dropped, and the references hold as before."""
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE VIEW weather_now AS SELECT day FROM weather_cities"))
    other = open_database(database_url)
    try:
        async with other.engine.connect() as holder:
            await holder.execute(text("INSERT INTO weather VALUES (3)"))
            with pytest.raises(DatabaseError, match="could not be dropped, none of them was"):
                await drop_tables(database, "weather")
            await holder.rollback()
    finally:
        await other.dispose()
    assert len(await names(database)) == 5
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        async with database.engine.begin() as connection:
            await connection.execute(text("INSERT INTO weather_cities VALUES (2, 77)"))
