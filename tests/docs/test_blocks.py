"""What stands between fences in the pages runs, or is checked as far as it can be; nothing is there for show alone.

A block whose first line names a file (`# hello.py`) is that file; the files of a page are laid out together, and
where there are tests among them, these run. `<!-- not run: why -->` before a block is the one exception.
docs/reference is written from the code (test_reference.py), the tutorial is followed by `tox -e scaffold`,
and docs/how-to/test-a-plugin.md is run by the playground's tests, on both databases.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import io
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from astral_core.cli import cli
from astral_core.config import Host, load_settings
from astral_core.core_plugin import plugin as core_plugin
from astral_core.host.discover import discover, from_file
from astral_core.host.host import load
from astral_core.languages.po import read
from astral_playground.__main__ import main as playground

RunProject = Callable[..., Any]
ROOT = Path(__file__).parents[2]
MARK = re.compile(r"<!-- not run:(.*)-->", re.DOTALL)
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
ELSEWHERE = {"docs/tutorial/first-plugin.md": "tests/scaffold/follow_tutorial.py",
             "docs/how-to/test-a-plugin.md": "plugins/playground/tests/test_kit_docs.py"}  # fmt: skip
OURS = re.compile(r"(^|[\s/])(astral|dev\.py|astral_playground)(\s|$)")
CONSOLES = ("", "console", "bash")
# What nothing is done with: the output of a program, files of other programs, changes that the tutorial's test makes.
SILENT = ("text", "ini", "{toctree}")
ONLY_FOLLOWED = ("diff",)


class Block(NamedTuple):
    """A fenced block: the page, the line, the language, the text, and why it is not run, if it is not."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None

    @property
    def file(self) -> str | None:
        """The file that the block is."""
        found = FILE.match(self.text)
        return found[1] if found else None

    @property
    def commands(self) -> list[str]:
        """The lines that somebody types; what a console prints is not among them."""
        prompt = [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]
        lines = prompt if self.language == "console" else self.text.splitlines()
        return [line for line in lines if OURS.search(line)]


def pages() -> list[Path]:
    """All pages but those that are written from the code."""
    found = [ROOT / "README.md", ROOT / "README.ru.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if "reference" not in path.parts]


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    page, found = path.relative_to(ROOT).as_posix(), []
    before: Token | None = None
    for token in MarkdownIt().parse(path.read_text(encoding="utf-8")):
        if token.type == "fence":
            mark = MARK.search(before.content) if before is not None and before.type == "html_block" else None
            reason = mark[1].strip() if mark else None
            line = token.map[0] + 1 if token.map else 0
            found.append(Block(page, line, token.info.strip().partition("\n")[0], token.content, reason))
        before = token
    return found


PAGES = {path.relative_to(ROOT).as_posix(): blocks_of(path) for path in pages()}
BLOCKS = [block for blocks in PAGES.values() for block in blocks]


def name(block: Block) -> str:
    """A test's id."""
    return f"{block.page}:{block.line}"


def chosen(*languages: str) -> list[Block]:
    """The blocks in these languages that are not excepted."""
    return [block for block in BLOCKS if block.language in languages and block.reason is None]


def is_plugin(block: Block) -> bool:
    """Whether the block is a whole plugin: a file that makes one and belongs to no package."""
    folder = str(Path(block.file).parent) if block.file else ""
    return "\nplugin = Plugin(" in block.text and folder in (".", "examples")


def lay_out(page: str, folder: Path) -> list[Path]:
    """Write the files of a page; one that comes twice is what it was last."""
    found = []
    for block in PAGES[page]:
        if block.file is not None and block.reason is None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            found.append(path)
    return found


def test_the_pages_are_found() -> None:
    """The README in both languages, and every kind of page."""
    assert {"README.md", "README.ru.md", "docs/tutorial/first-plugin.md", "docs/index.md"} <= set(PAGES)
    assert len(BLOCKS) > 60


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_run_says_why(page: str) -> None:
    """Every mark has a reason and a block behind it; every other block is of a kind that is checked."""
    text = (ROOT / page).read_text(encoding="utf-8")
    reasons = [block.reason for block in PAGES[page] if block.reason is not None]
    assert len(reasons) == text.count("<!-- not run:")
    assert all(len(reason.split()) >= 3 for reason in reasons)
    known = {"python", "toml", "po", *CONSOLES, *SILENT, *(ONLY_FOLLOWED if page in ELSEWHERE else ())}
    assert [name(block) for block in PAGES[page] if block.reason is None and block.language not in known] == []
    if page in ELSEWHERE:
        assert Path(page).name in (ROOT / ELSEWHERE[page]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page", [page for page, blocks in PAGES.items() if any(b.language == "python" for b in blocks)]
)
def test_python_compiles_and_what_it_imports_is_there(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every import of a page is executed, beside the page's own files."""
    blocks = [block for block in chosen("python") if block.page == page]
    lines = []
    for block in blocks:
        tree = ast.parse(block.text, f"{name(block)}")
        lines += [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    future = [line for line in lines if "__future__" in line][:1]
    lay_out(page, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    code = "\n".join([*future, *(line for line in lines if "__future__" not in line)])
    exec(compile(code, page, "exec"), {"__name__": "page"})  # noqa: S102  # our own pages


@pytest.mark.parametrize("block", [block for block in chosen("python") if is_plugin(block)], ids=name)
def test_a_plugin_in_one_file_is_taken_by_the_host(block: Block, tmp_path: Path) -> None:
    """The host imports it, checks its hooks and its declarations, and lets it take part."""
    file = tmp_path / Path(block.file or "").name
    file.write_text(block.text, encoding="utf-8")
    host = load(load_settings(), core_plugin, [from_file(file)], enforce=False)
    (plugin,) = [plugin for plugin in host.plugins if plugin.id != "core"]
    assert plugin.alive, f"{plugin.phase}: {plugin.reason}"
    assert plugin.declared.routes


@pytest.mark.parametrize(
    "page",
    [
        page
        for page, blocks in PAGES.items()
        if page not in ELSEWHERE and any(Path(block.file or "").name.startswith("test_") for block in blocks)
    ],
)
def test_the_tests_of_a_page_pass(page: str, tmp_path: Path, run_project: RunProject) -> None:
    """The page's files are a project, and all of its tests run in it."""
    files = lay_out(page, tmp_path)
    wanted = sum(len(re.findall(r"^(?:async )?def test_", file.read_text("utf-8"), re.MULTILINE)) for file in files)
    ran = run_project("-o", "asyncio_default_fixture_loop_scope=function")
    assert set(ran.outcomes) == {"passed"}, ran.text
    assert ran.outcomes["passed"] >= wanted > 0


def check_astral(words: list[str]) -> None:
    """Parse the words as `astral` does, and do nothing."""
    command: click.Command = cli
    context = click.Context(cli, info_name="astral")
    while isinstance(command, click.Group):
        assert words, f"{context.command_path} wants a command"
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no {context.command_path} {words[0]}"
        command, context = found, click.Context(found, info_name=words.pop(0), parent=context)
    command.make_context(context.info_name, words, parent=context.parent)


def check_playground(words: list[str]) -> None:
    """Parse the words as the playground does; a plugin's file need not be there."""
    there = [str(ROOT / "examples/hello.py") if word.endswith(".py") else word for word in words]
    playground.make_context("playground", there)


@functools.cache
def dev_commands() -> dict[str, str]:
    """The commands of dev.py, and the modules that they run."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    dev = importlib.util.module_from_spec(spec)
    sys.modules["dev"] = dev
    spec.loader.exec_module(dev)
    return {name: command.module for name, command in dev.COMMANDS.items()}


@functools.cache
def help_of(module: str) -> str:
    """What `python -m module --help` prints."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setattr(sys, "argv", [module, "--help"])
        patch.syspath_prepend(ROOT)
        with pytest.raises(SystemExit):
            runpy.run_module(module, run_name="__main__")
    return said.getvalue()


def check_dev(words: list[str]) -> None:
    """Look the command up in dev.py, and its options where it says what they are."""
    command, *rest = words or ["playground"]
    assert command in dev_commands()
    if command == "playground":
        check_playground(rest)
    elif command != "test":
        known = help_of(dev_commands()[command])
        assert [word for word in rest if word.startswith("--") and word not in known] == []


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in CONSOLES and b.reason is None], ids=name)
def test_commands_exist_with_their_options(block: Block) -> None:
    """`astral ...` and `python3 dev.py ...` are parsed by what would run them."""
    for line in block.commands:
        words = shlex.split(line, comments=True)
        for number, word in enumerate(words):
            if word == "astral" or word.endswith("/astral"):
                check_astral(words[number + 1 :])
            elif word == "dev.py":
                check_dev(words[number + 1 :])
            elif word == "astral_playground":
                check_playground(words[number + 1 :])


def test_a_command_that_is_not_there_would_be_found() -> None:
    """The check of commands fails for a wrong command, a wrong option and a missing argument."""
    for words in (["doctr"], ["run", "--poling"], ["plugins", "check"], ["db", "upgrade", "a", "b"]):
        with pytest.raises((AssertionError, click.UsageError)):
            check_astral(words)


@pytest.mark.parametrize("block", chosen("po"), ids=name)
def test_a_catalogue_can_be_read(block: Block) -> None:
    """Every text of it can be used."""
    language = "de" if block.file is not None and "/de/" in block.file else "ru"
    reading = read(block.text.encode(), language, name(block))
    assert [*reading.faults, *reading.broken.values()] == []
    assert reading.translated


@pytest.mark.parametrize("block", chosen("toml"), ids=name)
def test_toml_is_toml_and_settings_load(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that is astral.toml is read by the core, and its sections by the plugins that are there."""
    content = tomllib.loads(block.text)
    assert content
    if block.file == "astral.toml":
        (tmp_path / "astral.toml").write_text(block.text, encoding="utf-8")
        monkeypatch.setenv("ASTRAL_CONFIG", str(tmp_path / "astral.toml"))
        lay_out(block.page, tmp_path)
        own = [from_file(path) for path in tmp_path.glob("*.py") if path.stem in content.get("plugins", {})]
        host = load(load_settings(), core_plugin, [*discover(Host()), *own], enforce=False)
        assert [plugin.reason for plugin in host.plugins if plugin.phase == "configure"] == []
        assert set(content.get("plugins", {})) <= {plugin.id for plugin in host.alive}
