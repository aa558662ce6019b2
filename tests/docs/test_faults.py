"""The table of faults is true: each row names tests and commands that are there."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table() -> ModuleType:
    """docs/generator/faults.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        return importlib.import_module("generator.faults")


def wrong(words: str) -> str:
    """What is wrong with a command of dev.py; "" if nothing is."""
    spec = importlib.util.spec_from_file_location("dev_of_faults", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    dev: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = dev
    spec.loader.exec_module(dev)
    name, *rest = shlex.split(words)
    if name not in dev.COMMANDS:
        return f"dev.py has no {name}"
    with pytest.MonkeyPatch.context() as patch:
        for folder in ("chaos", "books"):
            patch.syspath_prepend(ROOT / "tests" / folder)
        command: click.Command = getattr(importlib.import_module(f"{name}_kit.main"), name)
        try:
            command.make_context(name, rest)
        except click.UsageError as error:
            return error.format_message()
    return ""


def test_each_test_of_the_table_is_there(table: ModuleType) -> None:
    """A row whose test was renamed or deleted shows nothing any more."""
    assert {fault.name: gone for fault in table.all_faults() if (gone := table.missing(fault))} == {}


def test_each_command_of_the_table_is_one_of_dev_py(table: ModuleType) -> None:
    """With options that it takes."""
    commands = {command for fault in table.all_faults() for command in fault.commands}
    assert {command: fault for command in commands if (fault := wrong(command))} == {}


def test_what_is_not_there_is_found(table: ModuleType, tmp_path: Path) -> None:
    """A missing file, a missing function, one inside of a string; a wrong command and a wrong option."""
    (tmp_path / "test_it.py").write_text(
        'TEXT = """\ndef test_no(): ...\n"""\n\nasync def test_yes(): ...\n', "utf-8"
    )
    tests = ("test_it.py::test_yes", "test_it.py::test_no", "test_it.py::test_gone", "gone.py::test_yes")
    assert table.missing(table.Fault("", "", "", "", tests), tmp_path) == list(tests[1:])
    assert wrong("chaso")
    assert wrong("chaos --enigne sqlite")


def test_a_slow_test_is_known_by_its_mark(table: ModuleType, tmp_path: Path) -> None:
    """Its own, or that of its file; so that `dev.py faults` runs it."""
    text = "import pytest\n@pytest.mark.rest\ndef test_slow(): ...\ndef test_quick(): ...\n"
    (tmp_path / "test_one.py").write_text(text, "utf-8")
    (tmp_path / "test_all.py").write_text(f"{text}pytestmark = [pytest.mark.rest]\n", "utf-8")
    assert table.tests_of(tmp_path / "test_one.py") == {"test_slow": True, "test_quick": False}
    assert table.tests_of(tmp_path / "test_all.py") == {"test_slow": True, "test_quick": True}


def test_each_row_has_a_name_of_its_own_and_shows_something(table: ModuleType) -> None:
    """The names are what `dev.py faults NAME` takes; the points at which a process may die are the eighteen."""
    rows = table.all_faults()
    assert len({fault.name for fault in rows}) == len(rows)
    assert [fault.name for fault in rows if not fault.tests] == []
    assert [fault.point for fault in rows if fault.point] == list(range(1, 19))
