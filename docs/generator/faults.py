"""The table of faults: docs/faults.toml, and which of its tests there are."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.text import code, page, sentence, table

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "docs/faults.toml"
SLOW = "rest"  # the mark of a test that takes long


@dataclass(frozen=True)
class Fault:
    """A row. `tests` are `path::function`, `commands` arguments of dev.py; `point` is 0 of what is no crash point."""

    group: str
    name: str
    what: str
    then: str
    tests: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    point: int = 0

    @property
    def slow_tests(self) -> tuple[str, ...]:
        """Those of its tests that take long."""
        return tuple(test for test in self.tests if is_slow(test))

    @property
    def takes_minutes(self) -> bool:
        """Whether `python3 dev.py faults` runs something of it."""
        return bool(self.commands or self.slow_tests)


def groups() -> list[tuple[str, str, list[Fault]]]:
    """Title, introduction and rows of each group."""
    with DATA.open("rb") as file:
        content: list[dict[str, Any]] = tomllib.load(file)["group"]
    return [(each["title"], each.get("about", ""), [_fault(each["title"], row) for row in each["fault"]])
            for each in content]  # fmt: skip


def all_faults() -> list[Fault]:
    """Every row, in order."""
    return [fault for _, _, rows in groups() for fault in rows]


def _fault(group: str, row: Mapping[str, Any]) -> Fault:
    lists = {name: tuple(row.get(name, ())) for name in ("tests", "commands")}
    return Fault(group, **{**row, **lists})


@functools.cache
def tests_of(path: Path) -> dict[str, bool]:
    """The test functions of a file, and whether they are marked as slow. Nothing is imported."""
    if not path.is_file():
        return {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    marks = [node.value for node in tree.body if isinstance(node, ast.Assign) and _named(node) == "pytestmark"]
    every = any(_is_slow(mark) for mark in marks)
    return {name: every or slow for name, slow in _functions(tree)}


def _functions(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, any(_is_slow(mark) for mark in node.decorator_list)


def _named(node: ast.Assign) -> str:
    return node.targets[0].id if isinstance(node.targets[0], ast.Name) else ""


def _is_slow(mark: ast.expr) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == SLOW for node in ast.walk(mark))


def is_slow(test: str) -> bool:
    """Whether a test is marked as slow."""
    path, _, name = test.partition("::")
    return tests_of(ROOT / path).get(name, False)


def missing(fault: Fault, root: Path = ROOT) -> list[str]:
    """The tests that a row names and that are not there."""
    parts = [(test, *test.partition("::")[::2]) for test in fault.tests]
    return [test for test, path, name in parts if name not in tests_of(root / path)]


def faults() -> str:
    """The page."""
    intro = (
        "What may go wrong, what then happens, and which test or command shows it. `python3 dev.py test PATH::TEST` "
        "runs a test, `python3 dev.py faults` all that needs minutes (marked ⏱), `python3 dev.py faults NAME` one "
        "row. The table is `docs/faults.toml`; what is promised is in [guarantees](../explanation/guarantees.md)."
    )
    blocks = []
    for title, about, rows in groups():
        numbered = any(fault.point for fault in rows)
        head = [*(["#"] if numbered else []), "name", "fault", "what happens", "shown by"]
        lines = [[*([str(fault.point or "")] if numbered else []), code(fault.name), sentence(fault.what),
                  sentence(fault.then), _shown(fault)] for fault in rows]  # fmt: skip
        blocks += [f"## {title}", about, table(head, lines)]
    return page("Faults", intro, *blocks).replace(
        "from the code: change the code", "from docs/faults.toml: change that"
    )


def _shown(fault: Fault) -> str:
    tests = [f"{code(test.partition('::')[2])}{' ⏱' if is_slow(test) else ''}" for test in fault.tests]
    return ", ".join(tests + [f"{code(f'python3 dev.py {command}')} ⏱" for command in fault.commands])
