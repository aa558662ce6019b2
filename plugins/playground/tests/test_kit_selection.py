"""How a project tells the kit what to test, and what the kit costs those who do not use it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from astral_playground.testkit.postgres import FORCE, PostgresServer

RunProject = Callable[..., Any]
HELLO = Path(__file__).parents[3] / "examples/hello.py"
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
GREETING = """
    async def test_hello(chat):
        await chat.send("/hello")
        assert chat.last.text == "Hello, Anna!"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the one-file plugin hello.py and pytest-asyncio in auto mode."""
    (tmp_path / "pytest.ini").write_text(INI)
    shutil.copy(HELLO, tmp_path)
    return tmp_path


def write(path: Path, text: str) -> None:
    """Write a file of the project, without the indentation that it has here."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")


def test_a_marker_takes_a_path_a_module_and_an_id(project: Path, run_project: RunProject) -> None:
    """Each of the three runs; a path starts in the test's folder."""
    write(
        project / "test_it.py",
        """
        import pytest, hello

        @pytest.mark.astral(plugins=["hello.py"])
        async def test_path(chat):
            await chat.send("/hello")
            assert chat.last.text == "Hello, Anna!"

        @pytest.mark.astral(plugins=[hello])
        async def test_module(bot, chat):
            await chat.send("/hello")
            assert chat.last.text == "Hello, Anna!"
            assert [plugin.id for plugin in bot.running.host.alive] == ["core", "hello"]

        @pytest.mark.astral(plugins=["natal"])
        async def test_id(bot):
            assert {plugin.id for plugin in bot.running.host.alive} == {"core", "natal", "profile"}
        """,
    )
    assert run_project("--import-mode=prepend").outcomes == {"passed": 3}


def test_the_setting_names_the_plugin_of_a_whole_project(project: Path, run_project: RunProject) -> None:
    """No test has to say what it is about."""
    write(project / "pytest.ini", INI + "astral_plugins = hello.py\n")
    write(project / "test_it.py", GREETING)
    assert run_project().outcomes == {"passed": 1}


def test_a_project_with_an_entry_point_tests_its_own_plugin(project: Path, run_project: RunProject) -> None:
    """The nearest pyproject.toml says whose tests these are."""
    write(
        project / "pyproject.toml",
        '[project.entry-points."astral.plugins"]\nprofile = "astral_profile.plugin:plugin"\n',
    )
    test = "async def test_it(bot):\n    assert [one.id for one in bot.running.host.alive] == ['core', 'profile']\n"
    write(project / "tests/test_it.py", test)
    assert run_project().outcomes == {"passed": 1}


WRONG = {
    "": "no plugin to test is named",
    "@pytest.mark.astral(plugins=['weathre'])": "no plugin 'weathre' is installed; these are: .*profile",
    "@pytest.mark.astral(plugins=['weather.py'])": "there is no one-file plugin .*weather.py",
    "@pytest.mark.astral(plugin='hello.py')": "takes plugins, settings, database, now, config by name, not plugin",
    "@pytest.mark.astral(plugins=['hello.py'], database='mysql')": "no database 'mysql'.*sqlite, postgresql",
    "@pytest.mark.astral(plugins=['hello.py'], now='2026-03-01 09:00')": "'2026-03-01 09:00' has no zone. Fix: write",
    "@pytest.mark.astral(plugins=['Bad_Name.py'])": "Bad_Name.py' must be 2-16 of a-z 0-9",
}


def test_a_wrong_wish_is_an_error_that_says_what_to_write(project: Path, run_project: RunProject) -> None:
    """Nothing is started for it."""
    write(project / "Bad_Name.py", "")
    tests = [f"{marker}\nasync def test_{n}(chat):\n    pass\n" for n, marker in enumerate(WRONG)]
    write(project / "test_it.py", "\n".join(["import pytest", *tests]))
    ran = run_project("--tb=short")
    assert ran.outcomes == {"error": len(WRONG)}
    parts = re.split(r"^_+ ERROR at setup of test_\d _+$", ran.text, flags=re.MULTILINE)[1:]
    assert [
        sentence for sentence, part in zip(WRONG.values(), parts, strict=True) if not re.search(sentence, part)
    ] == []


def test_settings_reach_the_plugin_from_the_marker_and_from_a_fixture(
    project: Path, run_project: RunProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are what astral.toml would say; the machine's own settings are out of sight."""
    write(
        project / "weather.py",
        """
        from pydantic import BaseModel
        from astral_core import Plugin

        class Weather(BaseModel):
            city: str = "Nowhere"

        plugin = Plugin(settings=Weather)

        @plugin.command("city")
        async def city(ctx):
            ctx.reply(ctx.settings(Weather).city)
        """,
    )
    write(
        project / "test_it.py",
        """
        import pytest

        @pytest.mark.astral(settings={"plugins": {"weather": {"city": "Omsk"}}})
        async def test_marker(chat):
            await chat.send("/city")
            assert chat.last.text == "Omsk"

        async def test_default(chat):
            await chat.send("/city")
            assert chat.last.text == "Nowhere"

        class TestFixture:
            @pytest.fixture
            def astral_settings(self):
                return {"plugins": {"weather": {"city": "Tomsk"}}}

            async def test_it(self, chat):
                await chat.send("/city")
                assert chat.last.text == "Tomsk"
        """,
    )
    write(project / "pytest.ini", INI + "astral_plugins = weather.py\n")
    monkeypatch.setenv("ASTRAL_PLUGINS__WEATHER__CITY", "Paris")
    assert run_project().outcomes == {"passed": 3}


@pytest.mark.postgres
def test_each_test_has_a_database_of_its_own_on_both_engines(
    project: Path, run_project: RunProject, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is there, the rows of the test before are not, whether the marker or `database_url` chose."""
    monkeypatch.setenv(FORCE, postgres_server.url())  # one server is enough
    write(project / "pytest.ini", INI + "astral_plugins = profile\n")
    write(
        project / "test_it.py",
        """
        import pytest
        from sqlalchemy import func, select
        from astral_core import core_users

        async def people(bot):
            async with bot.running.database.engine.connect() as connection:
                return (await connection.execute(select(func.count()).select_from(core_users))).scalar()

        @pytest.mark.parametrize("n", [1, 2])
        async def test_both(n, database_url, bot, chat):
            assert bot.running.database.is_sqlite == database_url.startswith("sqlite")
            await chat.send("/help")
            assert await people(bot) == 1

        @pytest.mark.astral(database="postgresql")
        @pytest.mark.parametrize("n", [1, 2])
        async def test_marker(n, bot, chat):
            assert not bot.running.database.is_sqlite
            await chat.send("/help")
            assert await people(bot) == 1
        """,
    )
    assert run_project().outcomes == {"passed": 6}


@pytest.mark.parametrize("arguments", [["-p", "no:asyncio"], ["-o", "asyncio_mode=strict"]], ids=["away", "strict"])
def test_a_missing_pytest_asyncio_is_said_in_words(
    project: Path, run_project: RunProject, arguments: list[str]
) -> None:
    """What to install and what to set."""
    scope = "asyncio_default_fixture_loop_scope = function"
    write(project / "pytest.ini", f"[pytest]\nastral_plugins = hello.py\n{scope}\n")
    write(project / "test_it.py", GREETING)
    ran = run_project(*arguments)
    assert ran.code != 0
    assert "Fix: pip install pytest-asyncio, and set asyncio_mode = " in ran.text


def test_who_does_not_use_the_kit_does_not_pay_for_it(tmp_path: Path) -> None:
    """A project without Astral tests collects without telegram, SQLAlchemy, aiohttp and the core's own modules."""
    write(
        tmp_path / "conftest.py",
        """
        import sys

        def pytest_sessionfinish():
            heavy = [name for name in ("telegram", "sqlalchemy", "aiohttp", "astral_core") if name in sys.modules]
            print("imported:", heavy)
        """,
    )
    write(tmp_path / "test_it.py", "def test_it(): pass")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-s", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "plugins:" in done.stdout
    assert "astral" in done.stdout
    assert "imported: []" in done.stdout


def test_a_bot_has_the_settings_and_the_texts_of_its_owner(project: Path, run_project: RunProject) -> None:
    """A test names the owner's file; the catalogues are beside it. A file that is not there is told."""
    (project / "astral.toml").write_text('languages = ["en", "de"]\n', "utf-8")
    folder = project / "locales/de"
    folder.mkdir(parents=True)
    (folder / "astral_core.po").write_text('msgid "What I can do"\nmsgstr "Was ich kann"\n', "utf-8")
    (project / "test_it.py").write_text(
        """
import pytest


@pytest.mark.astral(plugins=["hello.py"], config="astral.toml")
async def test_german(bot):
    anna = bot.chat("Anna", language_code="de")
    await anna.send("/start")
    assert anna.keyboard[-1][0] == "Was ich kann"


@pytest.mark.astral(plugins=["hello.py"], config="other.toml")
async def test_other(bot):
    pass
""",
        "utf-8",
    )
    ran = run_project()
    assert ran.outcomes == {"passed": 1, "error": 1}
    assert "there is no other.toml. Fix: name an astral.toml, beside the test" in ran.text
