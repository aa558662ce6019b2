"""Migrations: one chain a plugin, safe to repeat, safe side by side, never a silent downgrade."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from astral_core.db import engine, migrate
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import CORE, Chain, downgrade, revisions, status, upgrade, upgrade_each
from astral_core.db.tables import metadata
from astral_core.errors import DatabaseError, MigrationError

FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "w1", None
def upgrade():
    op.create_table("weather_cities", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
    op.create_table(
        "weather_days", sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("city", sa.Integer, sa.ForeignKey("weather_cities.id", ondelete="CASCADE", name="fk_city")),
    )
    op.execute("INSERT INTO weather_cities VALUES (1, 'Omsk')")
    op.execute("INSERT INTO weather_days VALUES (1, 1)")
"""
BATCH = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "w2", "w1"
def upgrade():
    with op.batch_alter_table("weather_cities") as batch:
        batch.alter_column("name", existing_type=sa.Text(), nullable=False)
"""
BROKEN = """
from alembic import op
revision, down_revision = "w2", "w1"
def upgrade():
    op.execute("DELETE FROM weather_days")
    op.execute("INSERT INTO nowhere VALUES (1)")
"""
ORPHAN = """
from alembic import op
revision, down_revision = "w2", "w1"
def upgrade():
    op.execute("INSERT INTO weather_days VALUES (2, 77)")
"""


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a lock in vain waits shortly."""
    monkeypatch.setattr(engine, "PATIENCE", 0.3)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database."""
    made = open_database(database_url)
    yield made
    await made.dispose()


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Chain]:
    """`plugin(FIRST, BATCH)`: the chain of a plugin with these versions; called again, it is another release."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(*versions: str, plugin: str = "weather") -> Chain:
        name = f"{plugin}_migrations_{uuid4().hex}"
        folder = tmp_path / name / "versions"
        folder.mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("")
        for number, source in enumerate(versions):
            (folder / f"{number:04}_step.py").write_text(source)
        importlib.invalidate_caches()
        return Chain(plugin, name)

    return make


async def scalars(database: Database, query: str) -> list[object]:
    """The first column of a query."""
    async with database.engine.connect() as connection:
        return list((await connection.execute(text(query))).scalars())


async def test_from_nothing_to_the_head_and_again(database: Database) -> None:
    """The second run changes nothing; before the first one the status says that everything is missing."""
    before = await status(database, [CORE])
    assert [(item.plugin, item.current, item.up_to_date) for item in before] == [("core", None, False)]
    first = await upgrade(database, [CORE])
    assert all(item.up_to_date and item.current == item.head for item in first)
    assert await upgrade(database, [CORE]) == first
    assert await scalars(database, "SELECT count(*) FROM core_schema_version") == [1]


async def test_the_migrated_schema_is_the_declared_one(database: Database) -> None:
    """Alembic finds no difference between the migrations' result and the tables in the code."""
    await upgrade(database, [CORE])

    def compare(sync: object) -> list[object]:
        options = {"include_name": lambda name, kind, _: kind != "table" or not name.endswith("_schema_version")}
        return compare_metadata(MigrationContext.configure(sync, opts=options), metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_every_plugin_has_its_own_version_table(database: Database, plugin: Callable[..., Chain]) -> None:
    """A removed plugin leaves its tables and disturbs nobody; put back, it goes on where it was."""
    first = plugin(FIRST)
    await upgrade(database, [CORE, first])
    await upgrade(database, [CORE])
    result = await upgrade(database, [CORE, plugin(FIRST, BATCH)])
    assert [(item.plugin, item.current) for item in result] == [("core", result[0].head), ("weather", "w2")]
    assert await scalars(database, "SELECT name FROM weather_cities") == ["Omsk"]


async def test_copying_a_table_keeps_the_rows_that_refer_to_it(
    database: Database, plugin: Callable[..., Chain]
) -> None:
    """SQLite changes a column by copying the table: ON DELETE CASCADE must not fire; afterwards it holds again."""
    await upgrade(database, [plugin(FIRST)])
    await upgrade(database, [plugin(FIRST, BATCH)])
    assert await scalars(database, "SELECT city FROM weather_days") == [1]
    async with database.engine.begin() as connection:
        await connection.execute(text("DELETE FROM weather_cities"))
    assert await scalars(database, "SELECT city FROM weather_days") == []


async def test_an_unknown_revision_is_refused_by_the_plugins_name(
    database: Database, plugin: Callable[..., Chain]
) -> None:
    """An older release over a newer schema: the error says whose it is and what to install."""
    await upgrade(database, [plugin(FIRST, BATCH)])
    with pytest.raises(MigrationError, match=r"plugin 'weather': the database is at revision 'w2'.*Fix: install"):
        await upgrade(database, [CORE, plugin(FIRST)])
    assert await scalars(database, "SELECT version_num FROM weather_schema_version") == ["w2"]
    assert (await upgrade(database, [plugin(FIRST, BATCH)]))[0].up_to_date


async def test_a_broken_migration_keeps_nothing_and_frees_the_lock(
    database: Database, database_url: str, plugin: Callable[..., Chain]
) -> None:
    """The error names the plugin, its half-done work is rolled back, and another process can migrate at once."""
    await upgrade(database, [plugin(FIRST)])
    with pytest.raises(MigrationError, match=r"plugin 'weather': its migrations from 'w1' to 'w2' failed"):
        await upgrade(database, [plugin(FIRST, BROKEN)])
    assert await scalars(database, "SELECT id FROM weather_days") == [1]
    assert await scalars(database, "SELECT version_num FROM weather_schema_version") == ["w1"]
    other = open_database(database_url)
    try:
        async with asyncio.timeout(20):
            assert (await upgrade(other, [plugin(FIRST, BATCH)]))[0].current == "w2"
    finally:
        await other.dispose()


async def test_a_migration_that_breaks_references_keeps_nothing(
    database: Database, plugin: Callable[..., Chain]
) -> None:
    """References are checked before the commit, on SQLite too, where they are switched off during the change."""
    await upgrade(database, [plugin(FIRST)])
    with pytest.raises(MigrationError, match="plugin 'weather'"):
        await upgrade(database, [plugin(FIRST, ORPHAN)])
    assert await scalars(database, "SELECT id FROM weather_days") == [1]


async def test_status_neither_writes_nor_waits_for_a_writer(database: Database) -> None:
    """The check at start works beside a process that writes, and leaves an empty database empty."""
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE other (id INTEGER)"))
        async with asyncio.timeout(20):
            assert [item.current for item in await status(database, [CORE])] == [None]
    async with database.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["other"]


@pytest.mark.postgres
async def test_connections_that_upgrade_at_the_same_time(postgres_url: str) -> None:
    """The server's lock lets one migrate while the others wait; all end well, and the lock is free afterwards."""
    databases = [open_database(postgres_url) for _ in range(3)]
    try:
        results = await asyncio.gather(*(upgrade(database, [CORE]) for database in databases))
        assert all(item.up_to_date for result in results for item in result)
        query = f"SELECT pg_try_advisory_lock({migrate._LOCK})"
        assert await scalars(databases[0], query) == [True]
    finally:
        for database in databases:
            await database.dispose()


ANNOTATED = """
revision: str = "w2"
down_revision: str | None = "w1"
branch_labels = depends_on = None
def upgrade():
    pass
"""
MERGE = """
revision, down_revision = "w4", ("w2", "w3")
def upgrade():
    pass
"""
BRANCH = 'revision = "w3"\ndown_revision = "w1"\ndef upgrade():\n    pass\n'


def test_the_head_is_what_alembic_says(plugin: Callable[..., Chain]) -> None:
    """It is read without Alembic, which a start with nothing to migrate need not load, in all forms of a file."""
    for files in ([FIRST], [FIRST, BATCH], [FIRST, ANNOTATED], [FIRST, ANNOTATED, BRANCH, MERGE]):
        chain = plugin(*files)
        assert chain.head() == chain.script().get_current_head()
    assert CORE.head() == CORE.script().get_current_head()


def test_two_heads_are_refused_with_alembics_words(plugin: Callable[..., Chain]) -> None:
    """A chain that forks is a mistake of its author."""
    with pytest.raises(Exception, match="multiple heads"):
        plugin(FIRST, ANNOTATED, BRANCH).head()


SKY = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "s1", None
def upgrade():
    op.create_table("sky_stars", sa.Column("id", sa.Integer, primary_key=True))
def downgrade():
    op.drop_table("sky_stars")
"""
NO_MODULE = 'import nowhere\nrevision, down_revision = "w2", "w1"\n'
NO_CODE = """
from alembic import op
revision, down_revision = "w2", "w1"
def upgrade():
    op.execute("DELETE FROM weather_days")
    {}["nothing"]
"""


@pytest.mark.parametrize("broken", [BROKEN, NO_CODE, "revision, down_revision = 'w9', 'w8'", NO_MODULE, "x ="])
async def test_one_plugins_failure_stops_no_other(
    database: Database, plugin: Callable[..., Chain], broken: str
) -> None:
    """Wrong SQL, wrong Python, a hole in the chain, a file that cannot be read: its reason is returned, nothing of
    it is kept, and the core and the plugins before and after it are at their heads."""
    await upgrade(database, [plugin(FIRST)])
    failed = await upgrade_each(database, [CORE, plugin(FIRST, broken), plugin(SKY, plugin="sky")])
    assert failed.keys() == {"weather"}
    assert "plugin 'weather'" in str(failed["weather"])
    assert await revisions(database) == {"core": CORE.head(), "sky": "s1", "weather": "w1"}
    assert await scalars(database, "SELECT id FROM weather_days") == [1]
    assert await upgrade_each(database, [CORE, plugin(FIRST, BATCH), plugin(SKY, plugin="sky")]) == {}


async def test_a_broken_chain_is_told_by_the_status(database: Database, plugin: Callable[..., Chain]) -> None:
    """What the database has is known, what the code wants is not, and so it is not up to date."""
    await upgrade(database, [plugin(FIRST)])
    gone = Chain("sky", "there_is_no_such_package")
    weather, sky = await status(database, [plugin(FIRST, "x ="), gone])
    assert (weather.current, weather.head, weather.up_to_date) == ("w1", None, False)
    assert "cannot be read" in str(weather.problem)
    assert "there_is_no_such_package" in str(sky.problem)


async def test_the_cores_failure_is_raised(database: Database, plugin: Callable[..., Chain]) -> None:
    """Nothing works without the core's tables: no plugin is tried."""
    broken = plugin("revision, down_revision = 'c1', None\ndef upgrade():\n    raise KeyError", plugin="core")
    with pytest.raises(MigrationError, match="plugin 'core'"):
        await upgrade_each(database, [broken, plugin(SKY, plugin="sky")])
    assert await revisions(database) == {}


async def test_a_database_that_is_busy_is_no_plugins_fault(
    little_patience: None, database: Database, database_url: str, plugin: Callable[..., Chain]
) -> None:
    """A lock that somebody holds stops the upgrade as a whole: no plugin is blamed, nothing is kept."""
    await upgrade(database, [plugin(FIRST)])
    other = open_database(database_url)
    try:
        async with other.engine.connect() as holder:
            if not database.is_sqlite:
                await holder.execute(text("LOCK TABLE weather_days IN ACCESS EXCLUSIVE MODE"))
            else:
                await holder.execute(text("DELETE FROM weather_days"))
            with pytest.raises(DatabaseError, match="the database failed during its migrations") as caught:
                await upgrade_each(database, [plugin(FIRST, BROKEN)])
            assert not isinstance(caught.value, MigrationError)
            await holder.rollback()
    finally:
        await other.dispose()
    assert await scalars(database, "SELECT id FROM weather_days") == [1]


async def test_a_chain_goes_down_and_up_again(database: Database, plugin: Callable[..., Chain]) -> None:
    """One step, or all the way; others are left alone; a step that cannot go back is refused and keeps all."""
    sky = plugin(SKY, plugin="sky")
    await upgrade(database, [CORE, sky])
    await downgrade(database, sky, "base")
    assert await revisions(database) == {"core": CORE.head(), "sky": None}
    assert (await upgrade(database, [sky]))[0].current == "s1"
    await upgrade(database, [plugin(FIRST)])
    with pytest.raises(MigrationError, match="plugin 'weather': its migrations from 'w1' to 'base' failed"):
        await downgrade(database, plugin(FIRST), "base")
    assert await scalars(database, "SELECT name FROM weather_cities") == ["Omsk"]


@pytest.mark.postgres
async def test_the_lock_leaves_no_patience_behind(postgres_url: str) -> None:
    """Who waits for the right to migrate waits for ever; what handlers then get from the pool does not."""
    database = open_database(postgres_url, pool_size=2)
    try:
        before = [await scalars(database, f"SHOW {name}") for name in ("lock_timeout", "statement_timeout")]
        await upgrade(database, [CORE])
        async with database.engine.connect() as first, database.engine.connect() as second:
            for connection in (first, second):
                for name, value in zip(("lock_timeout", "statement_timeout"), before, strict=True):
                    assert [(await connection.execute(text(f"SHOW {name}"))).scalar()] == value
    finally:
        await database.dispose()


async def test_status_of_a_made_schema_does_not_wait_either(sqlite_url: str, plugin: Callable[..., Chain]) -> None:
    """The start's look at the revisions takes no lock: a command that writes just now is in nobody's way."""
    database = open_database(sqlite_url)
    try:
        chain = plugin(FIRST)
        await upgrade(database, [chain])
        async with database.engine.connect() as writer:
            await writer.execute(text("DELETE FROM weather_days"))
            async with asyncio.timeout(20):
                assert (await status(database, [chain]))[0].up_to_date
            await writer.rollback()
    finally:
        await database.dispose()
