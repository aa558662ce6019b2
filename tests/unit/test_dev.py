"""dev.py: the way from a fresh clone to a running Astral."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DEV = Path(__file__).resolve().parents[2] / "dev.py"
PYPROJECT = """
[dependency-groups]
test = ["pytest>=9"]
dev = [{ include-group = "test" }, "tox"]
"""
posix = pytest.mark.skipif(os.name == "nt", reason="signals and shell scripts of POSIX")
SIDE_BY_SIDE = ["-n", str(min(4, (os.cpu_count() or 1) + 1)), "--dist", "worksteal"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with dev.py, a core and two plugins, nothing installed."""
    shutil.copy(DEV, tmp_path)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in ("natal", "profile"):
        (tmp_path / "plugins" / name).mkdir(parents=True)
        (tmp_path / "plugins" / name / "pyproject.toml").write_text(f'[project]\nname = "astral-{name}"\n')
    return tmp_path


@pytest.fixture
def dev(clone: Path) -> ModuleType:
    """The module of that clone."""
    spec = importlib.util.spec_from_file_location("dev_of_a_clone", clone / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ran(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that dev.py would run; none is run, all succeed."""
    commands: list[list[str]] = []

    def record(*command: str | Path) -> bool:
        commands.append([str(part) for part in command])
        return True

    monkeypatch.setattr(dev, "run", record)
    monkeypatch.setattr(dev, "works", record)
    return commands


def made(dev: ModuleType, **fields: Any) -> None:
    """Leave a .venv as an earlier run of dev.py does."""
    dev.PYTHON.parent.mkdir(parents=True, exist_ok=True)
    dev.PYTHON.touch()
    dev.Stamp(dev.identity(), dev.fingerprint(), "")._replace(**fields).write()


def call(clone: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run dev.py of the clone by this Python."""
    command = [sys.executable, "dev.py", *arguments]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False, **options)


def test_old_pythons_can_read_it() -> None:
    """The file is valid syntax from Python 3.6 on, so that its refusal is what an old Python shows."""
    ast.parse(DEV.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13)])
def test_old_python_is_refused_in_one_sentence(clone: Path, version: tuple[int, int, int]) -> None:
    """Below 3.11 one line says so, nothing is made, and no import of a newer module comes first."""
    code = f"import runpy, sys; sys.version_info = {version}; sys.modules['tomllib'] = None; runpy.run_path('dev.py')"
    done = subprocess.run([sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"needs Python 3.11 or newer, this is Python 3.{version[1]}" in done.stderr
    assert not (clone / ".venv").exists()


def test_fingerprint_follows_the_pyproject_files(dev: ModuleType, clone: Path) -> None:
    """It changes with each pyproject file and with a new plugin, and with nothing else."""
    seen = {dev.fingerprint()}
    (clone / "README.md").write_text("news")
    assert dev.fingerprint() in seen
    (clone / "plugins" / "natal" / "pyproject.toml").write_text("[project]\n")
    seen.add(dev.fingerprint())
    (clone / "plugins" / "natal").rename(clone / "plugins" / "tarot")
    seen.add(dev.fingerprint())
    shutil.rmtree(clone / "plugins" / "tarot")
    seen.add(dev.fingerprint())
    assert len(seen) == 4


def test_groups_are_read_with_their_includes(dev: ModuleType) -> None:
    """A dependency group becomes plain requirements, because old pips know no --group."""
    assert dev.group("dev") == ["pytest>=9", "tox"]


def test_second_start_does_nothing(dev: ModuleType, ran: list[list[str]]) -> None:
    """With a stamp that fits, no process is started; an environment with the tools serves both needs."""
    made(dev)
    dev.prepare(tools=False)
    made(dev, tools="tools")
    dev.prepare(tools=False)
    dev.prepare(tools=True)
    assert ran == []


def test_everything_is_installed_in_one_command(
    dev: ModuleType, clone: Path, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv of PATH gets the core, all plugins and the tools in one call, so that they find each other."""
    monkeypatch.setattr(dev.shutil, "which", lambda _name: "/bin/uv")
    made(dev, projects="of yesterday")
    dev.prepare(tools=True)
    (command,) = ran
    assert command[:3] == ["/bin/uv", "pip", "install"]
    assert command[command.index("--python") + 1] == str(dev.PYTHON)
    editables = [command[i + 1] for i, part in enumerate(command) if part == "-e"]
    assert editables == [str(clone), str(clone / "plugins" / "natal"), str(clone / "plugins" / "profile")]
    assert command[-2:] == ["pytest>=9", "tox"]
    assert dev.Stamp.read() == (dev.identity(), dev.fingerprint(), "tools")


def test_tools_stay_when_only_the_playground_is_asked_for(
    dev: ModuleType, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed pyproject file renews the tools too, else the stamp would promise old ones."""
    monkeypatch.setattr(dev.shutil, "which", lambda _name: "/bin/uv")
    made(dev, projects="of yesterday", tools="tools")
    dev.prepare(tools=False)
    assert "tox" in ran[-1]
    assert dev.Stamp.read().tools == "tools"


def test_without_uv_pip_brings_it(dev: ModuleType, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where uv is missing it is installed into .venv first; should it fail there, pip does the work."""
    monkeypatch.setattr(dev.shutil, "which", lambda _name: None)
    ways = list(dev.installers())
    assert [str(part) for part in ways[0][:4]] == [str(dev.PYTHON), "-m", "uv", "pip"]
    assert "pip" in ways[1]
    monkeypatch.setattr(dev, "works", lambda *command: "uv" not in command)
    (only,) = dev.installers()
    assert "uv" not in only


@pytest.mark.parametrize("own", [True, False])
def test_pip_of_the_system_or_of_the_venv(dev: ModuleType, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip --python is used where this Python has a pip that knows it, else ensurepip fills .venv."""
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setattr(dev, "works", lambda *command: ("--python" in command) == own)
    found = dev.pip()
    assert found[0] == (sys.executable if own else dev.PYTHON)
    assert ("--python" in found) == own


def test_no_pip_at_all_names_the_package(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian without python3-venv and python3-pip: one sentence with the command that mends it."""
    monkeypatch.setattr(dev, "works", lambda *_command: False)
    with pytest.raises(SystemExit, match="sudo apt install python3-venv"):
        dev.pip()


def test_no_venv_names_the_package(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python without the module venv: the same sentence, before anything is downloaded."""
    monkeypatch.setattr(dev, "run", lambda *_command: False)
    with pytest.raises(SystemExit, match="sudo apt install python3-venv"):
        dev.prepare(tools=False)


def test_no_network_is_said_and_mended_later(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """When every way to install fails, one sentence asks for the network, and the next start tries again."""
    made(dev, projects="", tools="")
    monkeypatch.setattr(dev, "run", lambda *_command: False)
    monkeypatch.setattr(dev, "works", lambda *_command: True)
    with pytest.raises(SystemExit, match="is there a network"):
        dev.prepare(tools=False)
    assert dev.Stamp.read().projects == ""
    assert capfd.readouterr().err.startswith("[")


def test_another_python_makes_it_anew(dev: ModuleType, ran: list[list[str]]) -> None:
    """A .venv of dev.py from another Python or place is removed and made again."""
    made(dev, identity="cpython 3.10.1 /elsewhere")
    (dev.VENV / "old").touch()
    dev.make_venv()
    assert not (dev.VENV / "old").exists()
    assert ran[-1] == [sys.executable, "-m", "venv", "--without-pip", str(dev.VENV)]


def test_a_foreign_venv_is_not_touched(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .venv that dev.py did not make is used when its Python fits, else left alone and named."""
    dev.PYTHON.parent.mkdir(parents=True)
    dev.PYTHON.touch()
    monkeypatch.setattr(dev, "works", lambda *_command: False)
    with pytest.raises(SystemExit, match="move it away"):
        dev.make_venv()
    assert dev.PYTHON.exists()
    monkeypatch.setattr(dev, "works", lambda *_command: True)
    monkeypatch.setattr(dev, "run", lambda *_command: pytest.fail("must not make one"))
    dev.make_venv()


def test_help_and_unknown_commands(clone: Path) -> None:
    """--help prints all commands and ends with 0; a misspelt one prints them as an error with 2."""
    shown = call(clone, "--help")
    assert shown.returncode == 0
    missed = call(clone, "tests")
    assert missed.returncode == 2
    assert "'tests'" in missed.stderr
    for name in ("playground", "test", "bench", "chaos", "books", "soak"):
        assert f"\n  {name} " in shown.stdout
        assert f"\n  {name} " in missed.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("name", ["bench", "chaos", "books", "soak"])
def test_a_command_without_its_module(clone: Path, name: str) -> None:
    """A copy without the benchmarks says so in one sentence, ends with 2 and installs nothing."""
    done = call(clone, name)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"benchmarks/{name}.py" in done.stderr
    assert not (clone / ".venv").exists()


@pytest.fixture
def ready(dev: ModuleType, clone: Path) -> Path:
    """The clone with a real .venv, prepared, and modules that show how they were started."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", dev.VENV], check=True)
    made(dev, tools="tools")
    shows = "import os, sys\nprint(sys.argv[1:], os.getcwd(), sys.prefix)\nsys.exit(7)\n"
    for name in ("astral_playground", "pytest"):
        (clone / f"{name}.py").write_text(shows)
    (clone / "benchmarks").mkdir()
    (clone / "benchmarks" / "bench.py").write_text(shows)
    return clone


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ([], []),
        (["--port", "9000"], ["--port", "9000"]),
        (["playground", "--help"], ["--help"]),
        (["test", "-k", "a b"], [*SIDE_BY_SIDE, "-k", "a b"]),
        (["test", "-q"], [*SIDE_BY_SIDE, "-m", "not rest", "-q"]),
        (["test", "--durations", "5"], [*SIDE_BY_SIDE, "-m", "not rest", "--durations", "5"]),
        (["test", "--lf"], [*SIDE_BY_SIDE, "--lf"]),
        (["test", "benchmarks/bench.py::one"], [*SIDE_BY_SIDE, "benchmarks/bench.py::one"]),
        (["bench", "--quick"], ["--quick"]),
    ],
)
def test_command_runs_in_the_venv(ready: Path, arguments: list[str], passed: list[str], tmp_path: Path) -> None:
    """The module gets the remaining arguments, in the clone's folder and .venv; its exit code is ours."""
    command = [sys.executable, str(ready / "dev.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path.parent, capture_output=True, text=True, check=False)
    assert done.stdout.split(str(ready))[0].strip() == str(passed)
    assert done.stdout.strip().endswith(f"{ready} {ready / '.venv'}")
    assert done.returncode == 7
    assert done.stderr == ""


@pytest.mark.parametrize("forbidden", [True, False])
def test_bytecode_is_kept_where_none_may_be_written(ready: Path, forbidden: bool) -> None:
    """PYTHONDONTWRITEBYTECODE keeps it out of the tree; the many processes of a test run find it in .venv."""
    (ready / "astral_playground.py").write_text("import hello\n")
    (ready / "hello.py").write_text("")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    assert call(ready, env={**kept, **({"PYTHONDONTWRITEBYTECODE": "1"} if forbidden else {})}).returncode == 0
    assert bool(list((ready / "__pycache__").glob("hello.*.pyc"))) is not forbidden
    assert bool(list((ready / ".venv" / "bytecode").rglob("hello.*.pyc"))) is forbidden


@posix
def test_interrupt_reaches_the_program(ready: Path) -> None:
    """Ctrl-C goes to the program that runs, which decides how to end; dev.py adds no traceback."""
    (ready / "astral_playground.py").write_text(
        "import time\n"
        "try:\n"
        "    print('up', flush=True)\n"
        "    time.sleep(100)\n"
        "except KeyboardInterrupt:\n"
        "    print('bye')\n"
        "    raise SystemExit(3)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "dev.py"], cwd=ready, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("bye\n", "", 3)


@posix
def test_interrupt_while_installing(clone: Path, tmp_path: Path) -> None:
    """Ctrl-C during the first start ends with 130, without a traceback; the next start goes on from there."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text("#!/bin/sh\ntouch started\nexec sleep 100\n")
    (tools / "uv").chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "dev.py"],
        cwd=clone,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (clone / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    (tools / "uv").write_text("#!/bin/sh\nexit 0\n")
    (clone / "astral_playground.py").write_text("raise SystemExit(5)\n")
    done = call(clone, env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"})
    assert done.returncode == 5
    assert "Making .venv" not in done.stderr
    assert "Ready" in done.stderr
