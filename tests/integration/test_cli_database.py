"""`astral db` on a real database: what is broken is told and stops nothing else, what is in use is not dropped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import inspect, text

from astral_core.cli.database import db
from astral_core.db.engine import open_database
from astral_core.errors import AstralError, DatabaseBusy
from astral_core.inbox.filelock import FileLock

Install = Callable[..., Path]
MODELS = """
from sqlalchemy import Column, Integer, Table
from astral_core import Plugin, Tables, plugin_metadata
metadata = plugin_metadata("{plugin}")
Table("{plugin}", metadata, Column("id", Integer, primary_key=True))
plugin = Plugin(tables=Tables(metadata))
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{plugin}_0001", None
def upgrade():
    op.create_table("{plugin}", sa.Column("id", sa.Integer, nullable=False), sa.PrimaryKeyConstraint("id"))
def downgrade():
    op.drop_table("{plugin}")
"""
BROKEN = 'revision, down_revision = "{plugin}_0001", None\ndef upgrade():\n    raise KeyError("no table")\n'


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install("weather", FIRST)`: an installed plugin with a table and these versions; gives its versions' folder.

    Nothing else is enabled in the settings of this test.
    """
    enabled: list[str] = []

    def make(plugin: str, *versions: str, models: str = MODELS, needs: tuple[str, ...] = ()) -> Path:
        site = tmp_path / f"site-{plugin}"
        info = site / f"astral_{plugin}-1.0.dist-info"
        info.mkdir(parents=True)
        requires = "".join(f"Requires-Dist: astral-{name}\n" for name in needs)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: astral-{plugin}\nVersion: 1.0\n{requires}", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(
            f"[astral.plugins]\n{plugin} = astral_{plugin}.plugin:plugin\n", "utf-8"
        )
        folder = site / f"astral_{plugin}" / "migrations" / "versions"
        folder.mkdir(parents=True)
        for place in (folder.parent, folder.parent.parent):
            (place / "__init__.py").touch()
        (folder.parent.parent / "plugin.py").write_text(models.format(plugin=plugin), encoding="utf-8")
        for number, source in enumerate(versions, 1):
            (folder / f"{number:04}_step.py").write_text(source.format(plugin=plugin), encoding="utf-8")
        monkeypatch.syspath_prepend(str(site))
        enabled.append(plugin)
        settings(tmp_path, enabled)
        return folder

    settings(tmp_path, enabled)
    return make


def settings(folder: Path, enabled: list[str], more: str = "") -> None:
    """An astral.toml that enables these plugins."""
    (folder / "astral.toml").write_text(f"[host]\nenabled = {json.dumps(enabled)}\n{more}", encoding="utf-8")


@pytest.fixture
def astral(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`astral("status")`: `astral db ...` with this test's database."""
    monkeypatch.setenv("ASTRAL_DATABASE__URL", database_url)

    def run(*arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(db, list(arguments), input=answer)

    return run


def told(result: Result) -> str:
    """The one sentence of an error that Astral raised on purpose."""
    assert isinstance(result.exception, AstralError), result.exception
    return str(result.exception)


def records(result: Result) -> dict[str, dict[str, Any]]:
    """The records of --json, by plugin."""
    assert result.exit_code in (0, 1), result.exception
    return {record["plugin"]: record for record in json.loads(result.stdout)}


def on_database(url: str, *statements: str) -> list[str]:
    """Run statements; the names of all tables afterwards."""

    async def run() -> list[str]:
        database = open_database(url)
        try:
            async with database.engine.begin() as connection:
                for statement in statements:
                    await connection.execute(text(statement))
                return await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        finally:
            await database.dispose()

    return asyncio.run(run())


def test_a_plugin_that_cannot_be_imported_keeps_nobody_from_the_database(
    install: Install, astral: Callable[..., Result], tmp_path: Path
) -> None:
    """Though it is required: its chain is unknown and says why, the others are upgraded and shown."""
    install("weather", FIRST)
    install("sky", models="raise RuntimeError('no stars')")
    settings(tmp_path, ["weather", "sky"], 'required = ["sky"]\non_error = "stop"\n')
    upgraded = astral("upgrade")
    assert upgraded.exit_code == 0, upgraded.output
    assert "plugin 'sky' is left out" in upgraded.stderr
    found = records(astral("status", "--json"))
    assert (found["weather"]["current"], found["weather"]["up_to_date"]) == ("weather_0001", True)
    assert (found["sky"]["current"], found["sky"]["head"], found["sky"]["up_to_date"]) == (None, None, False)
    assert "no stars" in found["sky"]["problem"]
    assert "unknown  failed in phase import: RuntimeError: no stars" in astral("status").output


def test_a_migration_that_fails_is_told_and_the_others_go_on(install: Install, astral: Callable[..., Result]) -> None:
    """Exit code 1 and the reason; the plugin after it is at its head, it itself is behind."""
    install("sky", BROKEN)
    install("weather", FIRST)
    result = astral("upgrade", "--json")
    assert result.exit_code == 1
    assert "plugin 'sky': its migrations from None to 'sky_0001' failed" in result.stderr
    found = records(result)
    assert found["weather"]["up_to_date"]
    assert not found["sky"]["up_to_date"]
    assert "behind" in astral("status").output


def test_one_plugin_is_upgraded_with_what_it_needs(
    install: Install, astral: Callable[..., Result], database_url: str
) -> None:
    """The core's tables and its dependencies' come with it, the others' do not; a strange name is told."""
    install("sky", FIRST)
    install("weather", FIRST, needs=("sky",))
    assert set(records(astral("upgrade", "sky", "--json"))) == {"core", "sky"}
    assert "weather" not in on_database(database_url)
    assert set(records(astral("upgrade", "weather", "--json"))) == {"core", "sky", "weather"}
    assert "plugin 'wether': is not installed." in told(astral("upgrade", "wether"))
    install("hill", models="raise RuntimeError('too steep')")
    assert "too steep" in told(astral("upgrade", "hill"))


def test_an_uninstalled_plugin_is_shown_and_can_be_dropped(
    install: Install, astral: Callable[..., Result], database_url: str, tmp_path: Path
) -> None:
    """Names and numbers of rows come first, and a question: no keeps all, yes removes all of it and no more."""
    install("weather", FIRST)
    astral("upgrade")
    on_database(database_url, "ALTER TABLE weather_schema_version RENAME TO gone_schema_version",
                "ALTER TABLE weather RENAME TO gone_days", "INSERT INTO gone_days VALUES (1)")  # fmt: skip
    assert records(astral("status", "--json"))["gone"]["problem"] == "not installed"
    refused = astral("drop", "gone", answer="n\n")
    assert refused.exit_code == 1
    assert "gone_days                                         1 rows" in refused.output
    assert "gone_days" in on_database(database_url)
    dropped = astral("drop", "gone", answer="y\n")
    assert "removed 2 tables of gone" in dropped.output
    assert not [name for name in on_database(database_url) if name.startswith("gone")]
    assert "plugin 'gone' has no tables here" in told(astral("drop", "gone"))


def test_a_plugin_in_use_is_dropped_with_yes_alone(
    install: Install, astral: Callable[..., Result], database_url: str, tmp_path: Path
) -> None:
    """Without --yes it is refused, unless it is switched off; the core never goes."""
    install("weather", FIRST)
    astral("upgrade")
    assert "plugin 'weather' is in use. Fix: disable it in [host] first" in told(astral("drop", "weather"))
    assert "removed 2 tables" in astral("drop", "weather", "--yes").output
    assert "weather" not in on_database(database_url)
    assert records(astral("upgrade", "--json"))["weather"]["up_to_date"]
    settings(tmp_path, [])
    assert "switched off" in records(astral("status", "--json"))["weather"]["problem"]
    assert "removed 2 tables" in astral("drop", "weather", answer="y\n").output
    assert "a bot cannot be without these tables" in told(astral("drop", "core", "--yes"))


def test_tables_that_others_need_are_kept(install: Install, astral: Callable[..., Result], database_url: str) -> None:
    """Also with --yes: the referring table is named, and it is told before anybody is asked."""
    install("weather", FIRST)
    astral("upgrade")
    on_database(database_url, "CREATE TABLE sky_days (day INTEGER REFERENCES weather)")
    assert "sky_days -> weather" in told(astral("drop", "weather", "--yes"))
    assert "weather" in on_database(database_url)


def test_nothing_is_changed_under_a_running_bot(
    install: Install, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite the bot's own lock refuses upgrade and drop; looking is allowed."""
    monkeypatch.setenv("ASTRAL_DATABASE__URL", sqlite_url)
    install("weather", FIRST)
    assert CliRunner().invoke(db, ["upgrade"]).exit_code == 0
    lock = FileLock(sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    lock.acquire()
    try:
        for command in (["upgrade"], ["drop", "weather", "--yes"]):
            assert isinstance(CliRunner().invoke(db, command).exception, DatabaseBusy)
        assert CliRunner().invoke(db, ["status"]).exit_code == 0
    finally:
        lock.release()


@pytest.mark.parametrize(
    "url", ["postgresql://owner:hush-hush@127.0.0.1:1/none", "sqlite+aiosqlite:////nowhere/at/all/x.db"]
)
def test_a_database_that_is_away_is_one_sentence(install: Install, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting's name and no password, for each command that needs a database."""
    monkeypatch.setenv("ASTRAL_DATABASE__URL", url)
    for command in (["status"], ["upgrade"], ["drop", "gone"]):
        said = told(CliRunner().invoke(db, command))
        assert said.startswith("the database cannot be reached or used (")
        assert "ASTRAL_DATABASE__URL" in said
        assert "hush-hush" not in said


def test_an_author_writes_the_next_version(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a database, also where the plugin is switched off: the file, then nothing, then an empty one."""
    monkeypatch.setenv("ASTRAL_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/none")
    folder = install("weather")

    def revise(*arguments: str) -> str:
        result = CliRunner().invoke(db, ["revision", "weather", *arguments])
        assert result.exit_code == 0, result.exception
        return result.output.strip()

    assert revise("-m", "first tables") == f"wrote {folder / '0001_first_tables.py'}"
    assert revise("-m", "again") == "weather: nothing changed, no file was written"
    settings(folder.parents[3], [])
    assert revise("-m", "fill it", "--empty") == f"wrote {folder / '0002_fill_it.py'}"
    assert [file.name for file in sorted(folder.glob("*.py"))] == ["0001_first_tables.py", "0002_fill_it.py"]


def test_what_has_no_versions_is_told_to_its_author(install: Install) -> None:
    """A plugin that is not installed (as one in a file), that is broken, or that has no tables."""
    install("sky", models="raise RuntimeError('no stars')")
    install("weather", models="from astral_core import Plugin\nplugin = Plugin()\n")

    def revise(plugin: str) -> str:
        return told(CliRunner().invoke(db, ["revision", plugin, "-m", "x"]))

    assert "A plugin in one file has none: make it a package" in revise("hello")
    assert "no stars" in revise("sky")
    assert "declares no tables. Fix: Plugin(tables=Tables(metadata))" in revise("weather")
