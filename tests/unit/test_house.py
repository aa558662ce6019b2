"""The house: no circles of imports, and parts that are whole when they are made."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {name: ROOT / "plugins" / name / f"astral_{name}" for name in
            ("analytics", "natal", "payments", "playground", "profile")}  # fmt: skip


def modules(package: Path) -> dict[str, ast.Module]:
    """The syntax of each module of a package, by its name."""
    found = {}
    for path in package.rglob("*.py"):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text("utf-8"))
    return found


def imports(tree: ast.Module, known: set[str]) -> set[str]:
    """The modules of the same package that a module imports, also where only a type checker does."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= names or ({node.module} & known)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_plugin_has_no_circle_of_imports(package: str) -> None:
    """Also not for type checkers: each module can be read after those that it needs."""
    trees = modules(PACKAGES[package])
    graph = {name: imports(tree, set(trees)) - {name} for name, tree in trees.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("path", ["app/composition.py", "inbox/build.py", "bot/bot.py"])
def test_parts_are_whole_when_they_are_made(path: str) -> None:
    """Where parts are put together no attribute is set: what a part needs is given to it when it is made."""
    tree = ast.parse((ROOT / "astral_core" / path).read_text("utf-8"))
    targets = [target for node in ast.walk(tree) if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign))
               for target in (node.targets if isinstance(node, ast.Assign) else [node.target])]  # fmt: skip
    assert [ast.unparse(target) for target in targets if isinstance(target, ast.Attribute)] == []
