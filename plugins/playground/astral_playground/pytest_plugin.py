"""Fixtures for tests of Astral and of plugins, loaded by pytest through the entry point ``pytest11``.

Imports stand inside the fixtures: pytest loads this module in every run, also in those that need none of it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from astral_playground.testkit.bot import BotKit
    from astral_playground.testkit.chat import Chat
    from astral_playground.testkit.postgres import PostgresServer
    from astral_playground.testkit.selection import Selection


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting that names the plugins under test."""
    parser.addini(
        "astral_plugins", "plugins under test: ids of installed ones, or files like weather.py", "args", default=[]
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers that the fixtures set, for projects that run with --strict-markers."""
    config.addinivalue_line("markers", "postgres: needs a PostgreSQL server (found or brought by a wheel)")
    config.addinivalue_line(
        "markers",
        "astral(plugins=[...], settings={...}, database='sqlite', now='2026-03-01 09:00+00:00'): the bot of the "
        "fixtures `bot` and `chat`",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the chats of a test that failed."""
    report = yield
    if report.failed and "astral_playground.testkit.report" in sys.modules:
        from astral_playground.testkit.report import chats, shorten

        shorten(item, report)
        if report.when == "call":
            report.sections += chats(item, str(call.excinfo.value) if call.excinfo is not None else "")
    return report


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
def unmade_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database that is yet to be made: a `BotKit` makes it, faster than it fills an empty one."""
    from uuid import uuid4

    name = f"astral_test_{uuid4().hex[:12]}"
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


@pytest.fixture(scope="session")
def _astral_selection() -> Selection:
    from astral_playground.testkit.selection import Selection

    return Selection()


@pytest.fixture
def _astral_environment(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bot of a test reads the settings of the machine that it runs on."""
    from astral_playground.testkit.fixture import check_asyncio, owners_file

    check_asyncio(request.config)
    for name in [name for name in os.environ if name.startswith("ASTRAL_")]:
        if not name.startswith("ASTRAL_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ASTRAL_CONFIG", str(owners_file(request) or tmp_path / "astral.toml"))


@pytest.fixture
def astral_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What astral.toml would say, on top of the kit's own settings: the marker's `settings`. Override it at will."""
    from astral_playground.testkit.fixture import wishes

    return dict(wishes(request.node).get("settings", {}))


@pytest.fixture
async def bot(
    request: pytest.FixtureRequest,
    _astral_environment: None,
    _astral_selection: Selection,
    astral_settings: dict[str, Any],
) -> AsyncIterator[BotKit]:
    """A running bot with the plugin under test and those that it requires, on a database of its own."""
    from astral_playground.testkit.fixture import wished_bot

    async with wished_bot(request, _astral_selection, astral_settings) as kit:
        yield kit


@pytest.fixture
def chat(bot: BotKit) -> Chat:
    """The private chat of one person, Anna, with `bot`."""
    return bot.chat("Anna")
