"""The audit of migrations: up, compared with the models, down and up again, on every database that it is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from astral_core.audit import audit_plugin, package
from astral_core.db.engine import open_database
from astral_core.db.migrate import revisions
from astral_core.finding import Finding

MODELS = """
from sqlalchemy import Column, Index, Integer, String, Table
from astral_core import Plugin, Tables, UtcDateTime, plugin_metadata

metadata = plugin_metadata("weather")
cities = Table("weather_cities", metadata, Column("id", Integer, primary_key=True), Column("name", String(64)),
               Column("seen_at", UtcDateTime))
Index("ix_weather_cities_name", cities.c.name)

plugin = Plugin(tables=Tables(metadata))
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "weather_0001", None
def upgrade():
    op.create_table("weather_cities", sa.Column("id", sa.Integer, nullable=False), sa.Column("name", sa.String(64)),
                    sa.PrimaryKeyConstraint("id", name="pk_weather_cities"))
def downgrade():
    op.drop_table("weather_cities")
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "weather_0002", "weather_0001"
def upgrade():
    with op.batch_alter_table("weather_cities") as batch:
        batch.add_column(sa.Column("seen_at", sa.DateTime(timezone=True)))
        batch.create_index("ix_weather_cities_name", ["name"])
def downgrade():
    with op.batch_alter_table("weather_cities") as batch:
        batch.drop_index("ix_weather_cities_name")
        batch.drop_column("seen_at")
"""
Install = Callable[..., None]
OTHERS = ("analytics", "natal", "playground", "profile")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: None) -> Install:
    """`install(FIRST, SECOND, models=MODELS)`: an installed plugin with a table and these versions."""

    def make(*versions: str, models: str = MODELS) -> None:
        info = tmp_path / "astral_weather-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: astral-weather\nVersion: 1.0\nRequires-Dist: astral-core>=0.1,<0.2\n",
            "utf-8",
        )
        (info / "entry_points.txt").write_text("[astral.plugins]\nweather = astral_weather.plugin:plugin\n", "utf-8")
        folder = tmp_path / "astral_weather" / "migrations" / "versions"
        folder.mkdir(parents=True)
        for place in (folder.parent, folder.parent.parent):
            (place / "__init__.py").touch()
        (tmp_path / "astral_weather" / "py.typed").touch()
        (tmp_path / "astral_weather" / "plugin.py").write_text(models, encoding="utf-8")
        for number, source in enumerate(versions, 1):
            (folder / f"{number:04}_step.py").write_text(source, encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))

    return make


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong with how the plugin is imported: to try it takes a process, and is tried elsewhere."""
    monkeypatch.setattr(package, "check_import", lambda _plugin: iter(()))


def only(findings: list[Finding]) -> Finding:
    """The one finding that there is."""
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


@pytest.mark.postgres
@pytest.mark.parametrize(
    "plugin",
    ["payments", *(pytest.param(name, marks=pytest.mark.rest) for name in OTHERS)],
)
def test_the_shipped_plugins_have_no_findings(plugin: str, postgres_url: str, request: pytest.FixtureRequest) -> None:
    """Each of them passes everything that is asked of anybody's plugin, on SQLite and on PostgreSQL.

    One is imported in a process of its own here, all of them by `tox -e wheels`.
    """
    if plugin != "payments":
        request.getfixturevalue("trusted")
    assert audit_plugin(plugin, (postgres_url,)) == []


@pytest.mark.postgres
async def test_good_migrations_have_no_findings_and_end_at_the_head(install: Install, postgres_url: str) -> None:
    """The audit may be asked from inside a running loop; the database that it was given is at the newest revision."""
    install(FIRST, SECOND)
    assert audit_plugin("weather", (postgres_url,)) == []
    database = open_database(postgres_url)
    try:
        assert (await revisions(database))["weather"] == "weather_0002"
    finally:
        await database.dispose()


@pytest.mark.postgres
def test_a_model_without_its_migration_is_drift_on_each_engine(install: Install, postgres_url: str) -> None:
    """What the models have and the migrations do not is told, with the command that writes it."""
    install(FIRST)
    found = audit_plugin("weather", (postgres_url,))
    assert {finding.code for finding in found} == {"migrations-drift"}
    assert {finding.where for finding in found} == {"weather on sqlite", "weather on postgresql"}
    causes = " ".join(finding.cause for finding in found)
    assert "add_column weather_cities.seen_at" in causes
    assert "add_index ix_weather_cities_name on weather_cities" in causes
    assert "astral db revision weather" in found[0].fix


@pytest.mark.parametrize(
    ("was", "becomes", "cause"),
    [
        ('Column("name", String(64))', 'Column("name", String(99))', "modify_type weather_cities.name: VARCHAR(le"),
        ('Column("name", String(64))', 'Column("name", String(64), nullable=False)', "modify_nullable"),
        (
            'Column("name", String(64))',
            'Column("name", String(64), server_default="Omsk")',
            "modify_default weather_cities.name: None -> ",
        ),
        (
            ', Column("name", String(64))',
            ', Column("name", String(64), unique=True)',
            "add_constraint uq_weather_citi",
        ),
        ('Column("id", Integer', 'Column("no", Integer), Column("id", Integer', "add_column weather_cities.no"),
        (
            'Index("ix_weather_cities_name", cities.c.name)',
            "",
            "remove_index ix_weather_cities_name on weather_cities",
        ),
    ],
)
def test_differences_of_every_kind_are_seen(install: Install, was: str, becomes: str, cause: str) -> None:
    """Types, NOT NULL, defaults, constraints, columns and indexes, in one line each."""
    assert was in MODELS
    install(FIRST, SECOND, models=MODELS.replace(was, becomes))
    found = only(audit_plugin("weather"))
    assert (found.code, found.where) == ("migrations-drift", "weather on sqlite")
    assert cause in found.cause


def test_a_migration_that_fails(install: Install) -> None:
    """The step's own error is told."""
    install(FIRST, SECOND.replace("weather_cities", "weather_towns"))
    found = only(audit_plugin("weather"))
    assert found.code == "migrations-failed"
    assert "weather_towns" in found.cause


@pytest.mark.postgres
def test_what_one_engine_alone_refuses_is_found_there(install: Install, postgres_url: str) -> None:
    """SQLite counts the letters of a number, PostgreSQL does not."""
    step = '    op.execute("UPDATE weather_cities SET id = length(4711)")\n'
    install(FIRST, SECOND.replace("def downgrade", f"{step}def downgrade"))
    found = only(audit_plugin("weather", (postgres_url,)))
    assert (found.code, found.where) == ("migrations-failed", "weather on postgresql")
    assert "length(integer)" in found.cause


@pytest.mark.parametrize(
    ("was", "becomes", "cause"),
    [
        ('        batch.drop_column("seen_at")\n', "", "weather_0002 cannot be taken back and done again"),
        (
            'drop_table("weather_cities")',
            'execute("SELECT 1")',
            "weather_0001 is taken back and leaves weather_cities",
        ),
        ('drop_table("weather_cities")', 'drop_table("weather_towns")', "weather_0001 cannot be taken back"),
    ],
)
def test_every_step_goes_down_and_up_again(install: Install, was: str, becomes: str, cause: str) -> None:
    """A way down that is missing, that forgets something, or that fails; the way up is not kept by it."""
    install(FIRST.replace(was, becomes), SECOND.replace(was, becomes))
    found = audit_plugin("weather")
    assert {(finding.code, finding.fatal) for finding in found} == {("migrations-down", False)}
    assert any(cause in finding.cause for finding in found)


@pytest.mark.parametrize("versions", [("x =",), (FIRST, FIRST.replace("0001", "0003"))])
def test_version_files_that_cannot_be_read(install: Install, versions: tuple[str, ...]) -> None:
    """Python that is none, and a chain with two heads."""
    install(*versions)
    found = {finding.code: finding for finding in audit_plugin("weather")}
    assert found["migrations-unreadable"].where == "astral_weather.migrations"
    assert found.keys() <= {"migrations-unreadable", "package-syntax"}


def test_tables_without_any_migration_are_drift(install: Install) -> None:
    """The package is there, its first version is not."""
    install()
    found = only([finding for finding in audit_plugin("weather") if "add_table" in finding.cause])
    assert (found.code, "weather_cities" in found.cause) == ("migrations-drift", True)


async def test_a_database_in_use_is_not_touched(install: Install, sqlite_url: str) -> None:
    """The way down would delete people's rows: a database that has such tables is refused."""
    install(FIRST, SECOND)
    assert audit_plugin("weather", (sqlite_url,)) == []
    found = only(audit_plugin("weather", (sqlite_url,)))
    assert found.code == "migrations-database"
    assert "would delete" in found.cause


def test_a_database_that_is_away_is_a_finding(install: Install) -> None:
    """SQLite was checked nevertheless."""
    install(FIRST, SECOND)
    found = only(audit_plugin("weather", ("postgresql://nobody:hush@127.0.0.1:1/none",)))
    assert found.code == "migrations-database"
    assert "hush" not in str(found)
