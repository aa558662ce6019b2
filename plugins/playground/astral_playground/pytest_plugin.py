"""Fixtures for tests of Astral and of plugins, loaded by pytest through the entry point ``pytest11``.

Imports stand inside the fixtures: pytest loads this module in every run, also in those that need none of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from astral_playground.testkit.postgres import PostgresServer


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers that the fixtures set, for projects that run with --strict-markers."""
    config.addinivalue_line("markers", "postgres: needs a PostgreSQL server (found or brought by a wheel)")


def pytest_report_header() -> str:
    """Say in the head of the report which PostgreSQL the tests will use."""
    from astral_playground.testkit.postgres import PostgresUnavailableError, find_source

    try:
        source = find_source()
    except PostgresUnavailableError as error:
        return f"postgresql: {error}"
    return f"postgresql: {source.origin}{'' if source.origin == 'url' else f' ({source.place})'}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL of this test session; skips where there is none, fails where a forced one is missing."""
    import os

    from astral_playground.testkit.postgres import FORCE, PostgresUnavailableError, find_source, postgres

    try:
        source = find_source()
    except PostgresUnavailableError as error:
        if os.environ.get(FORCE):
            raise
        pytest.skip(str(error))
    with postgres(source) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template() -> str | None:
    """Override this to return the name of a migrated database that every ``postgres_url`` is copied from."""
    return None


@pytest.fixture(scope="session")
def sqlite_template() -> Path | None:
    """Override this to return a migrated SQLite file that every ``sqlite_url`` is copied from."""
    return None


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str | None) -> Iterator[str]:
    """The URL (asyncpg) of this test's own database: empty or a copy of the template, dropped afterwards."""
    name = postgres_server.create_database(postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path | None) -> str:
    """The URL (aiosqlite) of this test's own file: not there yet, or a copy of the template."""
    path = tmp_path / "astral.db"
    if sqlite_template is not None:
        shutil.copyfile(sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """``sqlite_url`` and ``postgres_url`` in turn; the second carries the marker ``postgres``."""
    engine = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(engine)
    return url
