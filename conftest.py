"""What all tests of this repository share: Ctrl-C that reaches children, a run's cost, pytest inside of pytest."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

RERUNS = "ASTRAL_TEST_RERUNS"  # a file: each run adds the tests that passed only when they were run once more


def pytest_configure() -> None:
    """Take Ctrl-C back where a shell has started the run in the background, which makes it ignored.

    Programs that the tests start inherit that, and those that wait for Ctrl-C would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(20_000, 20, 20)  # `astral run` does the same; looking for garbage takes a tenth of the time else


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the CPU seconds, which say more than the seconds of a machine that others share."""
    if hasattr(terminalreporter.config, "workerinput"):
        return  # one of xdist's workers: the process that started it sums up
    times = os.times()
    own, children = times.user + times.system, times.children_user + times.children_system
    terminalreporter.write_line(
        f"CPU: {own + children:.0f} s; {children:.0f} s of them in test workers and the programs that they started"
    )
    again = sorted({report.nodeid for report in terminalreporter.stats.get("rerun", ())})
    if again and (file := os.environ.get(RERUNS)):
        with Path(file).open("a", encoding="utf-8") as log:
            log.writelines(f"{nodeid}\n" for nodeid in again)


class Ran(NamedTuple):
    """How many tests of an inner run ended in which way, what it printed, and pytest's exit code."""

    outcomes: dict[str, int]
    text: str
    code: int


class _Outcomes:
    """A plugin of an inner run: it counts."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.found["error" if report.failed and report.when != "call" else report.outcome] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.found["error"] += 1


def _forget(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        known = getattr(module, "__dict__", {})
        places = [known.get("__file__")]
        with contextlib.suppress(KeyError):  # a namespace package whose parent is not loaded cannot tell its folders
            places += known.get("__path__") or ()
        if any(str(place).startswith(f"{folder}{os.sep}") for place in places):
            del sys.modules[name]


@pytest.fixture
def forget() -> Callable[[Path], None]:
    """`forget(folder)`: what was imported from there is not the next test's module of the same name."""
    return _forget


@pytest.fixture
def run_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: Callable[[Path], None]
) -> Callable[..., Ran]:
    """`run_project("-k", "word")`: run the tests in `tmp_path` by a pytest inside of this one.

    A pytest of its own would import for seconds. What the project has imported of others stays loaded (an extension
    module must not be loaded twice), its own modules are forgotten.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*arguments: str) -> Ran:
        counted, said, path, modules = _Outcomes(), io.StringIO(), list(sys.path), dict(sys.modules)
        with contextlib.redirect_stdout(said):
            code = pytest.main(["-p", "no:cacheprovider", "-p", "no:faulthandler", *arguments], plugins=[counted])
        sys.path[:] = path
        sys.modules.update(modules)  # the project may have a package `tests`, as we have
        forget(tmp_path)
        return Ran(dict(counted.found), said.getvalue(), int(code))

    return run
