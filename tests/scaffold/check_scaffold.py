# ruff: noqa: T201
"""Make a plugin and a bot with an installed `astral new`, and see that both are what their READMEs promise.

    python tests/scaffold/check_scaffold.py      (it needs build, uv and PyYAML, and works in a temporary folder)

Only wheels are installed, into a clean environment: the core's, the playground's and that of the generated plugin.
There the generated tests run, away from the generated sources, then ruff and mypy run over these, and the host
takes the plugin. Names of every length are formatted as ruff would do it. The bot's settings are read by the core,
its containers by a YAML parser, and its service by systemd where there is one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "weather"
SHORTEST, LONGEST = "ab", "abcdefghijklmnop"
BOT = "sky-bot"
FOLLOW = (
    "tests/scaffold/follow_tutorial.py"  # pytest runs it where it is named; `dev.py test` leaves it to this check
)
SAME = """
import os
from astral_core.config import config_file, load_settings
found, given = config_file().is_file(), load_settings()
os.environ["ASTRAL_CONFIG"] = "missing.toml"
print(found and given == load_settings())
"""


class ScaffoldError(Exception):
    """What was generated is not as it must be."""


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a shell that has no settings of a bot, and no Python but the one it names."""
    kept = {name: value for name, value in os.environ.items() if not re.match("ASTRAL_(?!TEST_)|PY|VIRTUAL_", name)}
    return {**kept, "ASTRAL_CONFIG": str(folder / "astral.toml")}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; return what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment(cwd), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ScaffoldError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(project: Path, target: Path) -> Path:
    """Build a project's wheel from its sdist; return it."""
    print(f"building {project.name}", flush=True)
    before = set(target.glob("*.whl"))
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", target, project, cwd=target)
    (wheel,) = set(target.glob("*.whl")) - before
    return wheel


def make_venv(folder: Path) -> Path:
    """Make a clean environment; return its folder of scripts."""
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--clear", "--python", sys.executable, "venv", cwd=folder)
    return folder / "venv" / ("Scripts" if os.name == "nt" else "bin")


def install(scripts: Path, folder: Path, *packages: str | Path) -> None:
    """Install into the environment of `scripts`."""
    uv = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", scripts.parent)
    run(*uv, *packages, cwd=folder)


def check_sources(scripts: Path, project: Path) -> None:
    """See that the generated project passes its own checks of style and types."""
    run(scripts / "ruff", "check", "--no-cache", cwd=project)
    run(scripts / "ruff", "format", "--check", "--no-cache", cwd=project)
    run(scripts / "mypy", "--no-incremental", cwd=project)


def check_tests(scripts: Path, project: Path, folder: Path) -> str:
    """Run the generated tests against the installed wheel; return pytest's last line."""
    away = folder / "tests-alone"
    shutil.copytree(project / "tests", away / "tests")
    shutil.copy(project / "pyproject.toml", away)
    return run(scripts / "pytest", "-q", "-p", "no:cacheprovider", cwd=away).strip().splitlines()[-1]


def check_listed(scripts: Path, folder: Path) -> str:
    """See that the host takes the installed plugin; return its state."""
    listed = json.loads(run(scripts / "astral", "plugins", "list", "--json", cwd=folder))
    states: dict[str, str] = {item["id"]: item["state"] for item in listed}
    if states.get(PLUGIN) not in {"loaded", "active"}:
        raise ScaffoldError(f"astral plugins list does not take {PLUGIN!r}: {listed}")
    return states[PLUGIN]


def check_plugin(scripts: Path, folder: Path, wheels: list[Path]) -> None:
    """Generate, build, install and test a plugin."""
    run(scripts / "astral", "new", "plugin", PLUGIN, "--author", 'Ann "A" Иванова', cwd=folder)
    project = folder / f"astral-{PLUGIN}"
    wheel = build(project, folder / "dist")
    install(scripts, folder, f"astral-{PLUGIN}[dev] @ {wheel.as_uri()}", *wheels)
    print(f"its tests: {check_tests(scripts, project, folder)}", flush=True)
    check_sources(scripts, project)
    for name in (SHORTEST, LONGEST):
        run(scripts / "astral", "new", "plugin", name, cwd=folder)
        check_sources(scripts, folder / f"astral-{name}")
    print(f"style and types of three names, and {PLUGIN!r} is {check_listed(scripts, folder)}", flush=True)


def check_tutorial(scripts: Path, folder: Path) -> None:
    """Follow docs/tutorial/first-plugin.md with wheels alone, away from the repository."""
    install(scripts, folder, "pytest>=9,<10", "pytest-asyncio>=1.2,<2", "ruff>=0.17,<0.18")
    away = folder / "tutorial"
    for name in ("docs/tutorial/first-plugin.md", FOLLOW):
        (away / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, away / name)
    (away / "pytest.ini").write_text("[pytest]\nmarkers = timeout: not here\n", encoding="utf-8")
    said = run(scripts / "pytest", "-q", "-p", "no:cacheprovider", FOLLOW, cwd=away).strip().splitlines()[-1]
    print(f"the tutorial, followed with the wheels: {said}", flush=True)


def check_bot(scripts: Path, folder: Path) -> None:
    """Generate a bot; see that its settings load and that its service and containers can be read."""
    run(scripts / "astral", "new", "bot", BOT, cwd=folder)
    project = folder / BOT
    if run(scripts / "python", "-c", SAME, cwd=project).strip() != "True":
        raise ScaffoldError("the generated astral.toml changes a setting")
    check_compose(yaml.safe_load((project / "compose.yaml").read_text(encoding="utf-8")))
    print(f"the bot's settings load, its containers are read, its service is {check_service(scripts, project)}")


def check_compose(content: Any) -> None:
    """See that the bot waits for its database, is asked for its health, and is reached by this machine alone."""
    bot, database = content["services"]["bot"], content["services"]["database"]
    if bot["depends_on"]["database"]["condition"] != "service_healthy" or "pg_isready" not in str(database):
        raise ScaffoldError("compose.yaml: the bot does not wait for its database")
    if "/healthz" not in str(bot["healthcheck"]["test"]):
        raise ScaffoldError("compose.yaml: nobody asks the bot for its health")
    if "ports" in database or not all(port.startswith("127.0.0.1:") for port in bot["ports"]):
        raise ScaffoldError("compose.yaml: a port is open to other machines")


def check_service(scripts: Path, project: Path) -> str:
    """Let systemd read the service, with this environment's command as the one to start."""
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        return "not read: no systemd here"
    text = (project / f"{BOT}.service").read_text(encoding="utf-8")
    unit = project.parent / f"{BOT}.service"
    unit.write_text(text.replace(f"/opt/{BOT}/.venv/bin", str(scripts)), encoding="utf-8")
    run(systemd, "verify", unit, cwd=project)
    return "read by systemd"


def check(folder: Path) -> None:
    """Do everything in an empty folder outside of the repository, so that nothing of that is found by chance."""
    (folder / "dist").mkdir()
    wheels = [build(project, folder / "dist") for project in (ROOT, ROOT / "plugins/playground")]
    scripts = make_venv(folder)
    install(scripts, folder, *wheels)
    check_tutorial(scripts, folder)
    check_plugin(scripts, folder, wheels)
    check_bot(scripts, folder)


if __name__ == "__main__":
    try:
        with tempfile.TemporaryDirectory(prefix="astral-scaffold-") as temporary:
            check(Path(temporary).resolve())
    except ScaffoldError as error:
        sys.exit(f"check_scaffold: {error}")
