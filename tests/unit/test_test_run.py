"""What the root conftest.py promises of a run: what is left to the rest, the order, the cost, the second tries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

SETTINGS = """
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
asyncio_default_fixture_loop_scope = "function"
markers = ["rest", "long"]
"""

TWINS = """
import pytest

@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"])
def test_flow(database_url): ...

@pytest.mark.long
def test_slow(): ...
"""

FLAKY = """
tries = []

def test_flaky():
    tries.append(1)
    assert len(tries) == 2, "only the first time"

def test_firm(): ...
"""

LEAD = """
import os, time
from pathlib import Path

worker = os.environ["PYTEST_XDIST_WORKER"]
log = Path(__file__).with_name("log")
with log.open("a") as file:
    file.write(f"{worker} begins\\n")
if worker == "gw0":
    time.sleep(1)
with log.open("a") as file:
    file.write(f"{worker} ends\\n")

def test_one(): ...
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with this one's conftest.py and an empty test suite."""
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    return tmp_path


def put(project: Path, name: str, text: str) -> None:
    """Write a test file of the project."""
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)


@pytest.mark.parametrize(
    ("folder", "kept"), [("tests/integration", ["sqlite"]), ("tests/integration/inbox", ["sqlite", "postgresql"])]
)
def test_a_whole_bot_on_postgresql_is_left_to_the_rest(
    project: Path, run_project: Callable[..., Any], folder: str, kept: list[str]
) -> None:
    """The twin of a flow carries the marker; what has statements of its own stays on both databases."""
    put(project, f"{folder}/test_twins.py", TWINS)
    ran = run_project("-v", "-m", "not rest")
    assert [name for name in ("sqlite", "postgresql") if f"test_flow[{name}] PASSED" in ran.text] == kept


def test_what_takes_long_begins_first(project: Path, run_project: Callable[..., Any]) -> None:
    """At the end everybody would wait for it."""
    put(project, "tests/test_twins.py", TWINS)
    text = run_project("-v").text
    assert text.index("test_slow PASSED") < text.index("test_flow[sqlite] PASSED")


def test_a_second_try_is_said_and_written_down(
    project: Path, run_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run names the test and what was wrong at first; CI counts the lines of the file. The run's cost is said."""
    put(project, "tests/test_flaky.py", FLAKY)
    monkeypatch.setenv("ASTRAL_TEST_RERUNS", str(project / "again"))
    ran = run_project("--reruns", "1")
    assert ran.outcomes == {"passed": 2, "rerun": 1}
    assert "RERUN tests/test_flaky.py::test_flaky: AssertionError: only the first time" in ran.text
    assert (project / "again").read_text() == "tests/test_flaky.py::test_flaky\n"
    assert "CPU: " in ran.text


def test_a_firm_run_writes_nothing_down(
    project: Path, run_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No second try, no file."""
    put(project, "tests/test_flaky.py", "def test_firm(): ...\n")
    monkeypatch.setenv("ASTRAL_TEST_RERUNS", str(project / "again"))
    assert run_project("--reruns", "1").outcomes == {"passed": 1}
    assert not (project / "again").exists()


@pytest.mark.rest
def test_the_first_worker_reads_the_tests_before_the_others(project: Path) -> None:
    """The others find its bytecode: in a fresh clone they would all compile the same libraries side by side."""
    put(project, "tests/test_lead.py", LEAD)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:playwright", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (project / "tests" / "log").read_text().splitlines()
    assert lines == ["gw0 begins", "gw0 ends", "gw1 begins", "gw1 ends"]
