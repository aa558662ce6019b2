"""The pages tell the truth: files, tests and commands that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from astral_core.host.discover import from_file
from astral_playground.testkit.bot import bot_kit

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "README.ru.md",
    ROOT / "docs/explanation/architecture.md",
    ROOT / "docs/explanation/guarantees.md",
]
NAMES = {
    match
    for folder in (ROOT / "tests", ROOT / "plugins")
    for path in folder.rglob("test_*.py")
    for match in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    """A path in backticks or in a link leads somewhere; short ones stand below astral_core."""
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/.]+/[\w.]+\.(?:py|md|toml|ini))`", text)) | set(
        re.findall(r"\]\(([\w/.]+)\)", text)
    )
    assert named
    places = (ROOT, ROOT / "astral_core", page.parent)
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    """`test_...` in backticks is the name of a test."""
    named = set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8")))
    assert named <= NAMES, named - NAMES


@pytest.mark.parametrize("page", ["README.md", "docs/explanation/guarantees.md"])
def test_every_command_of_a_page_selects_tests(page: str) -> None:
    """`-k word` fits the name of some test, and a folder is there."""
    commands = re.findall(r"`python3 dev\.py test ([^`]*)`", (ROOT / page).read_text(encoding="utf-8"))
    assert commands
    files = {path.stem for folder in ("tests", "plugins") for path in (ROOT / folder).rglob("test_*.py")}
    for command in commands:
        folder, _, word = command.partition("-k ")
        assert (ROOT / (folder.strip() or ".")).is_dir(), command
        words = word.strip('"').split(" or ")
        assert all(any(part in name for name in NAMES | files) for part in words), command


async def test_the_first_plugin_of_the_readme_answers(sqlite_url: str) -> None:
    """The dozen lines are the example file, and the bot runs it: a command, a button with a typed argument."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0].removeprefix("# examples/hello.py\n")
    example = ROOT / "examples/hello.py"
    assert example.read_text(encoding="utf-8").endswith(code.lstrip())
    async with bot_kit(sqlite_url, [from_file(example)]) as kit:
        ben = kit.user("Ben")
        await ben.send("/hello")
        await ben.wait_for("Hello, Ben!")
        await ben.press("Again")
        await ben.wait_for("Pressed: 1")
        await ben.press("Again")
        await ben.wait_for("Pressed: 2")
