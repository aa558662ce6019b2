"""The house: no circles of imports, and parts that are whole when they are made."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {name: ROOT / "plugins" / name / f"astral_{name}" for name in
            ("analytics", "natal", "payments", "playground", "profile")}  # fmt: skip
PACKAGES["core"] = ROOT / "astral_core"
IMPORT = re.compile(r"^ *from ([\w.]+) import (\([^)]*\)|[^\n]*)$", re.MULTILINE)


def modules(package: Path) -> dict[str, str]:
    """The source of each module of a package, by its name; relative imports are written in full."""
    found = {}
    for path in package.rglob("*.py"):
        folder = path.relative_to(package.parent).parent.parts
        name = ".".join(folder if path.stem == "__init__" else (*folder, path.stem))
        source = path.read_text("utf-8")
        for dots in range(len(folder), 0, -1):
            outside = ".".join(folder[: len(folder) - dots + 1])
            source = re.sub(rf"^( *from ){re.escape('.' * dots)}(?=\w)", rf"\1{outside}.", source, flags=re.MULTILINE)
            source = re.sub(rf"^( *from ){re.escape('.' * dots)}(?= )", rf"\1{outside}", source, flags=re.MULTILINE)
        found[name] = source
    return found


def imports(source: str, known: set[str]) -> set[str]:
    """The modules of the same package that a module imports, also where only a type checker does."""
    found = set()
    for module, names in IMPORT.findall(source):
        inside = {f"{module}.{name}" for name in re.findall(r"\w+", names)} & known
        found |= inside or ({module} & known)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_no_circle_of_imports(package: str) -> None:
    """Also not for type checkers: each module can be read after those that it needs."""
    sources = modules(PACKAGES[package])
    graph = {name: imports(source, set(sources)) - {name} for name, source in sources.items()}
    assert any(graph.values())
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("path", ["app/composition.py", "inbox/build.py", "bot/bot.py"])
def test_parts_are_whole_when_they_are_made(path: str) -> None:
    """Where parts are put together no attribute is set: what a part needs is given to it when it is made."""
    source = (ROOT / "astral_core" / path).read_text("utf-8")
    assert re.findall(r"^ +[a-z_]+(?:\.[a-z_]+)+(?:: \S+)? \+?= .*$", source, re.MULTILINE) == []


# What authors wrote before a plugin was one object, a context came first and a route was called.
OLD = re.compile(
    r"""\bfrom\ astral_core\ import\ .*\bhookimpl\b|@hookimpl\b
    |\bastral_(?:config|schema|routes|web|middleware|menu|events|jobs|cli)\(
    |\(update(?::\ [\w.]+)?,\ ctx\b|\bplugin_context\(
    |\.defer_once\(|\.defer_to\(|\bctx\.(?:run\b|api\(|chat_id\b|is_admin\b)
    |\b(?:WebRoute|TelemetrySubscriber|Subscriber|Schema|Job|Middleware)\(\w""",
    re.VERBOSE,
)
SELF = {
    "tests/unit/test_house.py", "tests/unit/test_declarations.py", "tests/integration/test_broken_plugins.py",
    "plugins/playground/tests/test_kit_report.py",
    "CHANGELOG.md",
}  # fmt: skip
HIDDEN = (
    "astral_core/kinds",
    "astral_core/plugin.py",
    "astral_core/routes.py",
    "astral_core/hookspecs.py",
    "astral_core/host/runner.py",
)


def test_nothing_uses_the_old_shape_of_plugins() -> None:
    """Code, docs, examples, templates and tests declare plugins in one way."""
    found = []
    for path in sorted(path for ending in ("py", "md", "tmpl") for path in ROOT.rglob(f"*.{ending}")):
        name = path.relative_to(ROOT).as_posix()
        skipped = (
            name in SELF or name.startswith((*HIDDEN, "build/")) or any(part[0] == "." for part in name.split("/"))
        )
        if not skipped:
            lines = path.read_text("utf-8").splitlines()
            found += [f"{name}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if OLD.search(line)]
    assert found == []


def test_all_errors_are_in_one_tree() -> None:
    """A plugin imports `astral_core.errors` and no other module inside; so all errors of the core are there."""
    for path in (ROOT / "astral_core").rglob("*.py"):
        if path.name not in ("errors.py", "__main__.py") and "migrations" not in path.parts:
            assert not re.search(
                r"^class \w+\((?:\w*Error|Refuse|Exception)\):", path.read_text("utf-8"), re.MULTILINE
            ), path
