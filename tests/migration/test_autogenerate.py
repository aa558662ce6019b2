"""The next version file of a plugin: written out of its models, portable, about its own tables alone."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import UserDefinedType

from astral_core import Serial, UtcDateTime, core_users, now, plugin_metadata
from astral_core.db.autogenerate import differences, merged, write_revision
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import CORE, Chain, downgrade, upgrade
from astral_core.db.tables import metadata as core_metadata
from astral_core.errors import MigrationError

Package = Callable[[str], Chain]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database."""
    made = open_database(database_url)
    yield made
    await made.dispose()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """`package("weather")`: the source of a plugin's package, without migrations yet, and the chain that it names."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def make(plugin: str) -> Chain:
        name = f"astral_{plugin}_{uuid4().hex}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        importlib.invalidate_caches()
        return Chain(plugin, f"{name}.migrations")

    yield make
    for module in set(sys.modules) - before:
        if module.startswith(("astral_weather_", "astral_sky_")):
            del sys.modules[module]


def cities(metadata: MetaData) -> Table:
    """A table with all that a version file has to write: keys, types, indexes, defaults."""
    table = Table(
        "weather_cities",
        metadata,
        Column("id", Serial, primary_key=True, autoincrement=True),
        Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
        Column("guest_id", BigInteger, ForeignKey("core_users.id")),
        Column("name", String(64), nullable=False, server_default="Omsk"),
        Column("kind", Enum("town", "village", native_enum=False, length=16), nullable=False),
        Column("code", Uuid, unique=True),
        Column("picture", LargeBinary),
        Column("active", Boolean, nullable=False),
        Column("seen_at", UtcDateTime, nullable=False, default=now, server_default=func.now()),
    )
    Index("uq_weather_cities_active", table.c.user_id, unique=True, sqlite_where=text("active"),
          postgresql_where=text("active"))  # fmt: skip
    return table


def days(metadata: MetaData) -> Table:
    """A second table, which refers to the first."""
    return Table(
        "weather", metadata, Column("id", Integer, primary_key=True),
        Column("city", BigInteger, ForeignKey("weather_cities.id", ondelete="CASCADE"), nullable=False, index=True),
    )  # fmt: skip


async def write(chain: Chain, *models: MetaData, empty: bool = False, before: tuple[Chain, ...] = ()) -> Path | None:
    """The next version file of `chain`."""
    together = merged([core_metadata, *models])
    return await write_revision([CORE, *before, chain], together, "Cities and days", empty=empty)


async def drift(database: Database, plugin: str, *models: MetaData) -> list[str]:
    """What the database lacks of the models."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(differences, plugin, merged([core_metadata, *models]))


async def test_the_first_file_makes_the_package_and_all_tables(database: Database, package: Package) -> None:
    """Written with SQLite, it makes the declared tables on both engines, without a difference, and goes down."""
    metadata = plugin_metadata("weather")
    cities(metadata)
    days(metadata)
    chain = package("weather")
    file = await write(chain, metadata)
    assert file is not None
    assert file.name == "0001_cities_and_days.py"
    assert file.parent.parent.joinpath("__init__.py").is_file()
    source = file.read_text("utf-8")
    assert "revision = 'weather_0001'" in source
    assert "down_revision = None" in source
    assert "core_" not in source.replace("core_users", "")
    assert (await upgrade(database, [CORE, chain]))[1].current == "weather_0001"
    assert await drift(database, "weather", metadata) == []
    await downgrade(database, chain, "base")
    assert {line.partition(" ")[0] for line in await drift(database, "weather", metadata)} >= {"add_table"}


async def test_the_types_are_portable_and_import_nothing_of_the_code(package: Package) -> None:
    """A migration says what a column is in the database: the class that the code uses today may be gone tomorrow."""
    metadata = plugin_metadata("weather")
    cities(metadata)
    file = await write(package("weather"), metadata)
    assert file is not None
    source = file.read_text("utf-8")
    assert "sa.Column('seen_at', sa.DateTime(timezone=True)" in source
    assert "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')" in source
    assert "astral_core" not in source
    compile(source, str(file), "exec")


class Point(UserDefinedType[str]):
    """A type of the plugin's own."""

    cache_ok = True

    def get_col_spec(self) -> str:
        """As in the database."""
        return "TEXT"

    def __repr__(self) -> str:
        return "Point()"


async def test_types_of_engines_and_plugins_come_with_their_imports(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be said in SQLAlchemy's own words is imported by the file that says it."""
    types = ModuleType("astral_weather_types")
    types.Point = Point  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "astral_weather_types", types)
    monkeypatch.setattr(Point, "__module__", "astral_weather_types")
    metadata = plugin_metadata("weather")
    json = postgresql.JSONB().with_variant(String(9), "sqlite")
    Table("weather", metadata, Column("id", Integer, primary_key=True), Column("at", Point), Column("data", json))
    file = await write(package("weather"), metadata)
    assert file is not None
    source = file.read_text("utf-8")
    assert "import astral_weather_types\n" in source
    assert "sa.Column('at', astral_weather_types.Point()" in source
    assert "from sqlalchemy.dialects import postgresql\n" in source
    exec(compile(source, str(file), "exec"), {})  # noqa: S102  # all names in it are there


async def test_the_next_file_holds_the_change_alone(database: Database, package: Package) -> None:
    """Numbers go on, the change is made in SQLite's batch mode, and rows are kept on both engines."""
    old, new = plugin_metadata("weather"), plugin_metadata("weather")
    cities(old)
    chain = package("weather")
    await write(chain, old)
    await upgrade(database, [CORE, chain])
    async with database.engine.begin() as connection:
        await connection.execute(core_users.insert().values(id=7, first_name="Vera"))
        await connection.execute(text(
            "INSERT INTO weather_cities (user_id, kind, active) VALUES (7, 'town', true)"
        ))  # fmt: skip
    changed = cities(new)
    changed.append_column(Column("height", Integer))
    changed.c.name.type = String(128)
    changed.c.picture.nullable = True
    days(new)
    lines = await drift(database, "weather", new)
    assert {line.partition(":")[0] for line in lines} >= {"add_column weather_cities.height", "add_table weather"}
    file = await write(chain, new)
    assert file is not None
    assert file.name == "0002_cities_and_days.py"
    source = file.read_text("utf-8")
    assert "down_revision = 'weather_0001'" in source
    assert "with op.batch_alter_table('weather_cities'" in source
    assert "seen_at" not in source
    await upgrade(database, [CORE, chain])
    assert await drift(database, "weather", new) == []
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT name FROM weather_cities"))).scalars().all() == ["Omsk"]
    await downgrade(database, chain, "weather_0001")
    assert await drift(database, "weather", old) == []


async def test_nothing_changed_writes_nothing(package: Package) -> None:
    """Asked again without a change, there is no file; `empty` gives one to be written by hand."""
    metadata = plugin_metadata("weather")
    cities(metadata)
    chain = package("weather")
    first = await write(chain, metadata)
    assert first is not None
    assert await write(chain, metadata) is None
    assert [file.name for file in first.parent.glob("*.py")] == [first.name]
    by_hand = await write(chain, metadata, empty=True)
    assert by_hand is not None
    assert by_hand.name == "0002_cities_and_days.py"
    assert by_hand.read_text("utf-8").startswith('"""Cities and days."""\n')
    assert by_hand.read_text("utf-8").count("    pass\n") == 2
    assert await write(chain, metadata) is None


async def test_tables_of_dependencies_resolve_and_stay_out(package: Package) -> None:
    """A foreign key by name to a plugin that it depends on is written, that plugin's table is not."""
    sky, weather = plugin_metadata("sky"), plugin_metadata("weather")
    Table("sky_stars", sky, Column("id", Integer, primary_key=True))
    Table("weather", weather, Column("star", Integer, ForeignKey("sky_stars.id"), primary_key=True))
    below = package("sky")
    await write(below, sky)
    file = await write(package("weather"), sky, weather, before=(below,))
    assert file is not None
    source = file.read_text("utf-8")
    assert "sa.ForeignKeyConstraint(['star'], ['sky_stars.id']" in source
    assert "create_table('sky_stars'" not in source


async def test_a_module_has_no_place_for_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin in one file is told the way out."""
    name = f"astral_weather_{uuid4().hex}"
    (tmp_path / f"{name}.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for wanted in (f"{name}.migrations", name, "migrations_of_nobody"):
        with pytest.raises(
            MigrationError, match=r"plugin 'weather': .* lie in no package. Fix: make the plugin a pa"
        ):
            await write(Chain("weather", wanted), plugin_metadata("weather"))


async def test_an_installed_copy_is_not_written_to(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in site-packages would be gone with the next installation."""
    chain = package("weather")
    place = importlib.import_module(chain.package.partition(".")[0]).__path__[0]
    paths = {**sysconfig.get_paths(), "purelib": str(Path(place).parent)}
    monkeypatch.setattr(sysconfig, "get_paths", lambda: paths)
    with pytest.raises(MigrationError, match=r"is an installed copy.*pip install -e"):
        await write(chain, plugin_metadata("weather"))
    assert not (Path(place) / "migrations").exists()


async def test_a_chain_with_two_heads_is_the_authors_to_mend(package: Package) -> None:
    """Alembic's words, with the plugin's name and the folder."""
    chain = package("weather")
    first = await write(chain, plugin_metadata("weather"), empty=True)
    assert first is not None
    (first.parent / "0001_other.py").write_text(
        "revision, down_revision = 'w', None\ndef upgrade():\n    pass\n", encoding="utf-8"
    )
    with pytest.raises(MigrationError, match=r"plugin 'weather': .*heads"):
        await write(chain, plugin_metadata("weather"), empty=True)
