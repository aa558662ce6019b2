"""What a run of tests shows when something is wrong: the chats as text, and one error for one wrong declaration."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RunProject = Callable[..., Any]
HELLO = Path(__file__).parents[3] / "examples/hello.py"
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
astral_plugins = {plugin}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the one-file plugin hello.py."""
    (tmp_path / "pytest.ini").write_text(INI.format(plugin="hello.py"))
    shutil.copy(HELLO, tmp_path)
    return tmp_path


def write(path: Path, text: str) -> None:
    """Write a file of the project, without the indentation that it has here."""
    path.write_text(textwrap.dedent(text), encoding="utf-8")


def test_a_failed_assertion_shows_the_chats_with_their_last_ten_messages(
    project: Path, run_project: RunProject
) -> None:
    """Who wrote what, in a section of the report; chats in which nothing happened are left out."""
    write(
        project / "test_it.py",
        """
        async def test_it(bot, chat):
            ben = bot.chat("Ben")
            for n in range(6):
                await chat.send("/hello")
            assert chat.last.text == "Bye"
        """,
    )
    text = run_project().text
    section = text.partition("- Anna's chat with the bot -")[2]
    assert "Anna's chat with the bot, the last 10 of 12 messages:" in section
    assert section.count("Anna: /hello") == 5
    assert section.count("bot: Hello, Anna!") == 5
    assert "Ben's chat" not in text


def test_an_error_that_shows_the_chat_itself_shows_it_once(project: Path, run_project: RunProject) -> None:
    """`tap` and `wait_for` have it in their own words."""
    write(
        project / "test_it.py",
        """
        async def test_tap(chat):
            await chat.send("/hello")
            await chat.tap("Nothing")

        async def test_wait(chat):
            await chat.send("/hello")
            await chat.user.wait_for("Bye", timeout=0.01)
        """,
    )
    ran = run_project("--tb=line")
    assert ran.outcomes == {"failed": 2}
    assert "has no button 'Nothing' to tap" in ran.text
    assert "Anna has waited 0.01 s for 'Bye'" in ran.text
    ran = run_project("--tb=short")
    assert ran.text.count("Anna's chat with the bot, all messages:") == 2


WRONG = {
    "declaration": (
        '@plugin.callback("days/{n:int")\nasync def days(ctx, n):\n    pass\n',
        '    @plugin.callback("days/{n:int")',
    ),
    "old handler": (
        '@plugin.command("rain")\nasync def rain(update, ctx):\n    pass\n',
        '    @plugin.command("rain")',
    ),
    "import": ("1 / 0\n", "    1 / 0"),
    "syntax": ("def broken(:\n", "    def broken(:"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_plugin_is_one_short_error_for_the_whole_run(
    project: Path, run_project: RunProject, kind: str
) -> None:
    """The first test says plugin, file, line and what stands there; the others refer to it in one line."""
    wrong, shown = WRONG[kind]
    (project / "weather.py").write_text(f"from astral_core import Plugin\n\nplugin = Plugin()\n\n{wrong}")
    (project / "pytest.ini").write_text(INI.format(plugin="weather.py"))
    write(
        project / "test_it.py",
        """
        import pytest

        @pytest.mark.parametrize("n", range(5))
        async def test_it(chat, n):
            pass

        @pytest.mark.astral(plugins=["hello.py"])
        async def test_other(chat):
            pass
        """,
    )
    ran = run_project("-rs")
    assert ran.outcomes == {"error": 1, "skipped": 4, "passed": 1}
    assert "plugin 'weather'" in ran.text
    assert f"{project / 'weather.py'}, line 5\n{shown}" in ran.text
    assert "the bot does not start: see the error of test_it.py::test_it[0]" in ran.text
    assert "Traceback" not in ran.text
    assert "host.py" not in ran.text
    assert len(ran.text.splitlines()) < 30


def test_other_settings_that_are_wrong_are_another_error(project: Path, run_project: RunProject) -> None:
    """Settings are part of what a test declares: each mistake is told once."""
    write(
        project / "test_it.py",
        """
        import pytest

        @pytest.mark.astral(settings={"web": {"port": "many"}})
        class TestPort:
            async def test_a(self, chat): pass
            async def test_b(self, chat): pass

        @pytest.mark.astral(settings={"wev": {}})
        async def test_section(chat): pass

        async def test_fine(chat): pass
        """,
    )
    assert run_project().outcomes == {"error": 2, "skipped": 1, "passed": 1}


def test_a_plugin_in_a_test_is_told_nothing_of_settings_that_are_the_machine_s(
    project: Path, run_project: RunProject
) -> None:
    """A failed test shows the plugin's own log lines, and no warning of the core about this machine."""
    write(project / "test_it.py", "async def test_it(chat):\n    await chat.send('/hello')\n    assert False\n")
    assert "WARNING" not in run_project().text
