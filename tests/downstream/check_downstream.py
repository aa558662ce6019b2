# ruff: noqa: T201
"""Install Astral and the plugins of `examples/` as other people do, and see that these still work with it.

    python -m tests.downstream.check_downstream FOLDER    (from the root; an empty or missing folder; build and uv)

The six wheels are built and installed alone into a clean environment. Then each example is built from its sdist and
installed with its own extra. Its tests run away from its sources, its own checks of style and types run over these,
it imports nothing but public names, and the host takes it and finds nothing wrong with it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.wheels.check_wheels import ROOT, WheelError, build, install

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
PUBLIC = re.compile(r"astral_core(\.errors)?|astral_[a-z0-9]+\.api")
KIT = re.compile(r"astral_playground(\..+)?")  # for tests


class DownstreamError(Exception):
    """An example does not work with these wheels, or reaches for what is not public."""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without the settings of a bot and without another Python's paths; return what it printed."""
    words = [str(word) for word in command]
    kept = {name: value for name, value in os.environ.items() if not re.match("ASTRAL_(?!TEST_)|PY|VIRTUAL_", name)}
    done = subprocess.run(words, cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DownstreamError(f"{' '.join(words)} in {cwd} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def install_example(project: Path, scripts: Path, folder: Path) -> None:
    """Build an example and install it with what its author works with."""
    dist = folder / project.name / "dist"
    dist.mkdir(parents=True)
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", dist, project, cwd=folder)
    (wheel,) = dist.glob("*.whl")
    uv = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", scripts.parent)
    run(*uv, f"{project.name}[dev] @ {wheel.as_uri()}", cwd=folder)


def check_imports(project: Path) -> None:
    """See that it imports public names alone: of the core, of other plugins' api, and of itself."""
    package = project.name.replace("-", "_")
    for file in sorted(project.rglob("*.py")):
        allowed = [PUBLIC, re.compile(rf"{package}(\..+)?"), *([KIT] if file.parent.name == "tests" else [])]
        for line, module in imports(file):
            if module.startswith("astral_") and not any(pattern.fullmatch(module) for pattern in allowed):
                raise DownstreamError(
                    f"{file.relative_to(ROOT)}:{line} imports {module}, which is not public. Fix: import from "
                    "astral_core, or from another plugin's api; if a name is missing there, make it public."
                )


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """The modules that a file imports, each with its line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


def check_tests(project: Path, scripts: Path, folder: Path) -> str:
    """Run its tests against the installed wheel; return pytest's last line."""
    away = folder / project.name / "tests-alone"
    shutil.copytree(project / "tests", away / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / "pyproject.toml", away)
    return run(scripts / "pytest", "-q", "-p", "no:cacheprovider", cwd=away).strip().splitlines()[-1]


def check_sources(project: Path, scripts: Path) -> None:
    """See that it passes its own checks of style and types."""
    run(scripts / "ruff", "check", "--no-cache", cwd=project)
    run(scripts / "ruff", "format", "--check", "--no-cache", cwd=project)
    run(scripts / "mypy", "--no-incremental", "--cache-dir", os.devnull, cwd=project)


def check_host(project: Path, scripts: Path, folder: Path) -> None:
    """See that the host takes it, and that the audit finds nothing wrong."""
    plugin = project.name.removeprefix("astral-")
    listed = json.loads(run(scripts / "astral", "plugins", "list", "--json", cwd=folder))
    states = {item["id"]: item["state"] for item in listed}
    if states.get(plugin) not in {"loaded", "active"}:
        raise DownstreamError(f"astral plugins list does not take {plugin!r}: {listed}")
    run(scripts / "astral", "plugins", "check", plugin, cwd=folder)


def check(folder: Path) -> None:
    """Do everything in `folder`."""
    (folder / "dist").mkdir(parents=True, exist_ok=True)
    scripts = install(build(folder / "dist"), folder / "venv")
    for project in EXAMPLES:
        print(f"installing {project.name}", flush=True)
        install_example(project, scripts, folder)
    for project in EXAMPLES:
        check_imports(project)
        check_host(project, scripts, folder)
        check_sources(project, scripts)
        print(f"{project.name}: loaded, nothing found; {check_tests(project, scripts, folder)}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.downstream.check_downstream FOLDER")
    try:
        check(Path(sys.argv[1]).resolve())
    except (DownstreamError, WheelError) as error:
        sys.exit(f"check_downstream: {error}")
