"""`astral new`: what it makes, what it refuses, and that it never takes anything away."""

from __future__ import annotations

import ast
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from packaging.requirements import Requirement

from astral_core._version import __version__
from astral_core.cli import cli
from astral_core.core_plugin import plugin as core_plugin
from astral_core.errors import AstralError, PluginError
from astral_core.host.discover import RESERVED
from astral_core.host.host import load
from astral_core.host.state import LoadedPlugin, State
from astral_core.scaffold.make import core_range, new_bot, new_plugin

PLUGIN_FILES = {
    ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml",
    "astral_weather/__init__.py", "astral_weather/locales/ru.po",
    "astral_weather/migrations/versions/0001_initial.py", "astral_weather/py.typed", "astral_weather/tables.py",
}  # fmt: skip
BOT_FILES = {
    ".dockerignore", ".env.example", ".gitignore", "Dockerfile", "README.md", "astral.toml", "compose.yaml",
    "requirements.txt", "sky.service",
}  # fmt: skip


def astral(*arguments: object) -> Result:
    """`astral new ...` in this process."""
    return CliRunner().invoke(cli, ["new", *map(str, arguments)])


def files(folder: Path) -> dict[str, str]:
    """Every file of a folder, with its text."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_plugin_is_a_whole_project(tmp_path: Path) -> None:
    """The command makes a package with all that a plugin has, and tells what to type next."""
    result = astral("plugin", "weather", "--path", tmp_path)
    assert result.exit_code == 0, result.output
    made = files(tmp_path / "astral-weather")
    assert {name for name in made if not name.startswith("tests/")} == PLUGIN_FILES
    assert "tests/test_weather.py" in made
    assert f"cd {tmp_path / 'astral-weather'}" in result.output
    assert "pytest" in result.output


def test_nothing_of_the_templates_is_left(tmp_path: Path) -> None:
    """Every placeholder is filled, every Python file is Python, every text ends with its last line."""
    for folder in (new_plugin("weather", tmp_path), new_bot("sky", tmp_path)):
        for name, text in files(folder).items():
            assert not re.search(r"\{\{|\{%|NAME\b(?!=value)", text), name
            assert not name.endswith(".tmpl")
            assert not text or text.endswith("\n")
            if name.endswith(".py"):
                assert ast.parse(text)


def test_the_plugin_asks_for_this_core(tmp_path: Path) -> None:
    """Its metadata names the id as entry point, the author, and a range of the core that holds this version."""
    folder = new_plugin("weather", tmp_path, 'Ann "Tester" Ивановна')
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "astral-weather"
    assert project["entry-points"] == {"astral.plugins": {"weather": "astral_weather:plugin"}}
    assert project["authors"] == [{"name": 'Ann "Tester" Ивановна'}]
    assert 'Ann "Tester" Ивановна' in (folder / "LICENSE").read_text(encoding="utf-8")
    (core,) = [line for line in project["dependencies"] if line.startswith("astral-core")]
    assert Requirement(core).specifier.contains(__version__, prereleases=True)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.1.0", ">=0.1,<0.2"),
        ("0.12.3", ">=0.12,<0.13"),
        ("1.0.0", ">=1.0,<2"),
        ("2.4.1", ">=2.4,<3"),
        ("0.2.0rc1", ">=0.2.0rc1,<0.3"),
    ],
)
def test_the_range_of_the_core_ends_where_it_may_break(version: str, expected: str) -> None:
    """Until 1.0 that is the next minor version, afterwards the next major one; a pre-release is not left out."""
    assert core_range(version) == expected
    assert Requirement(f"astral-core{expected}").specifier.contains(version, prereleases=True)


@pytest.mark.parametrize("name", ["Weather", "w", "9lives", "my_plugin", "my-plugin", "погода", "a" * 17, "", "../x"])
def test_a_name_that_the_host_would_refuse_makes_nothing(name: str, tmp_path: Path) -> None:
    """The error says the rule; the folder stays as empty as it was."""
    with pytest.raises(PluginError, match="2-16 of a-z 0-9"):
        new_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_is_refused(name: str, tmp_path: Path) -> None:
    """What the core keeps for itself is no plugin's name."""
    with pytest.raises(PluginError, match="not admin, astral, core"):
        new_plugin(name, tmp_path)


def test_a_plugin_is_not_named_like_a_command_of_the_core(tmp_path: Path) -> None:
    """Its own command would clash at the first start, and so it is refused before there is anything to rename."""
    with pytest.raises(PluginError, match="/start is a command of the bot itself"):
        new_plugin("start", tmp_path)


@pytest.mark.parametrize(
    "name", ["Sky", "sky_bot", "-sky", "sky-", "sky--bot", "1sky", "", "a" * 32, "../sky", "небо"]
)
def test_a_bot_that_no_service_can_be_called_is_refused(name: str, tmp_path: Path) -> None:
    """A bot's name is also that of a user, a service and a database."""
    with pytest.raises(AstralError, match="single hyphens"):
        new_bot(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """The command line says in one sentence what is in the way, and every file is as it was."""
    (tmp_path / "astral-weather").mkdir()
    (tmp_path / "astral-weather/notes.txt").write_text("mine")
    result = astral("plugin", "weather", "--path", tmp_path)
    assert isinstance(result.exception, AstralError)
    assert "is not an empty folder. Nothing was changed" in str(result.exception)
    assert files(tmp_path) == {"astral-weather/notes.txt": "mine"}


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_a_file_or_a_link_in_the_way_is_left_alone(kind: str, tmp_path: Path) -> None:
    """Neither is replaced, nor is anything written through a link."""
    target, elsewhere = tmp_path / "sky", tmp_path / "elsewhere"
    if kind == "file":
        target.write_text("mine")
    else:
        if kind == "link":
            elsewhere.mkdir()
        target.symlink_to(elsewhere)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(AstralError, match="is there already"):
        new_bot("sky", tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """Who made the folder beforehand gets the project in it, with the usual permissions."""
    (tmp_path / "sky").mkdir()
    folder = new_bot("sky", tmp_path)
    assert set(files(folder)) == BOT_FILES
    (tmp_path / "usual").mkdir()
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_missing_place_is_named(tmp_path: Path) -> None:
    """No folder is made where nobody has one."""
    with pytest.raises(AstralError, match=r"missing/astral-weather cannot be made.*--path"):
        new_plugin("weather", tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a full disk after some files there is no half project, and nothing beside it."""
    write, written = Path.write_text, []

    def full(path: Path, text: str, **options: object) -> int:
        if len(written) == 5:
            raise OSError(28, os.strerror(28))
        written.append(path)
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(AstralError, match="No space left on device"):
        new_plugin("weather", tmp_path)
    assert len(written) == 5
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_comes_up_meanwhile_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody else made in the same moment is not overwritten."""
    rename = Path.rename

    def late(path: Path, target: Path) -> Path:
        target.mkdir()
        (target / "theirs").write_text("theirs")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(AstralError, match="cannot be made"):
        new_bot("sky", tmp_path)
    assert files(tmp_path) == {"sky/theirs": "theirs"}


@pytest.mark.parametrize("author", ["two\nlines", "bell\x07", "delete\x7f"])
def test_an_author_is_one_line(author: str, tmp_path: Path) -> None:
    """What would break the metadata is refused before anything is written."""
    with pytest.raises(PluginError, match="one line"):
        new_plugin("weather", tmp_path, author)
    assert list(tmp_path.iterdir()) == []


def test_the_generated_plugin_is_taken_by_the_host(
    tmp_path: Path, make_settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All checks of a start pass: hooks, names, texts, tables, and what is demanded for personal data."""
    monkeypatch.syspath_prepend(str(new_plugin("scaffolded", tmp_path)))
    plugin = LoadedPlugin("scaffolded", "astral-scaffolded", "0.1.0", "astral_scaffolded")
    host = load(make_settings(host={"on_error": "stop"}), core_plugin, [plugin])
    assert plugin.state is State.LOADED
    assert host.registry.commands["scaffolded"].plugin == "scaffolded"
    assert "scaffolded:add" in host.registry.callbacks
    assert host.catalogs()["scaffolded"].languages() == ("en", "ru")
