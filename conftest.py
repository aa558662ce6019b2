"""What all tests of this repository share: Ctrl-C that reaches children, a run's cost, pytest inside of pytest."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Container
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

RERUNS = "ASTRAL_TEST_RERUNS"  # a file: each run adds the tests that passed only when they were run once more
EXAMPLES = "ASTRAL_TEST_EXAMPLES"  # "thorough": two hundred examples for each property, not twenty-five
MEMORY = Path("/dev/shm")  # noqa: S108  # pytest makes directories of its own inside, for this user alone
ROOT = Path(__file__).parent
# Whole bots on both databases. The inbox, migrations and what plugins ask of their tables are not among them.
FLOWS = (
    "tests/chaos/", "tests/integration/test_", "plugins/natal/tests/test_bot", "plugins/payments/tests/test_pages",
    "plugins/payments/tests/test_stars", "plugins/payments/tests/test_yookassa", "plugins/profile/",
    "tests/acceptance/test_order_form",
)  # fmt: skip
ROOM = 4 * 2**30  # bytes
FIRST = 60.0  # seconds that the other workers wait for the first one


def pytest_configure() -> None:
    """Make this process one that tests run well in.

    A shell that starts the run in the background makes it ignore Ctrl-C. Programs that the tests start inherit that,
    and those that wait for Ctrl-C would wait for ever: it is taken back.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(
        200_000, 20, 50
    )  # `astral run` does the same; looking for garbage takes a tenth of the time else
    settings.register_profile("quick", max_examples=25, deadline=None)  # no test asserts a speed
    settings.register_profile("thorough", max_examples=200, deadline=None)
    settings.load_profile(os.environ.get(EXAMPLES, "quick"))
    if _is_roomy(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection(session: pytest.Session) -> None:
    """Let the first of xdist's workers read all tests before the others do.

    In a fresh clone each of them would compile all libraries and tests side by side; now the others find bytecode.
    """
    first = _first_is_through(session.config)
    deadline = time.monotonic() + FIRST
    while first is not None and _worker(session.config) != "gw0" and time.monotonic() < deadline:
        if first.exists():
            return
        time.sleep(0.05)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave twins to the rest, and begin with what takes longest: at the end, everybody would wait for it."""
    for item in items:
        if item.path.is_relative_to(ROOT) and _is_twin(item):
            item.add_marker("rest")
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def _is_twin(item: pytest.Item) -> bool:
    """Whether the test runs on SQLite, too, and has no statements of its own to try."""
    engine = getattr(getattr(item, "callspec", None), "params", {}).get("database_url")
    return engine == "postgresql" and item.path.relative_to(ROOT).as_posix().startswith(FLOWS)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take what is there by now out of the garbage collector's sight: it stays, and is most of the heap."""
    first = _first_is_through(session.config)
    if first is not None:
        first.touch()
    gc.collect()
    gc.freeze()


def _worker(config: pytest.Config) -> str | None:
    """xdist's name of this worker; None in a process that is none."""
    found: dict[str, str] = getattr(config, "workerinput", {})
    return found.get("workerid")


def _first_is_through(config: pytest.Config) -> Path | None:
    """A file of this run of many workers, there when one of them has read the tests."""
    found: dict[str, str] = getattr(config, "workerinput", {})
    run = found.get("testrunuid")
    return Path(tempfile.gettempdir()) / f"astral-tests-{run}" if run else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """All workers have read the tests by now: take the file away."""
    first = _first_is_through(session.config)
    if first is not None:
        first.unlink(missing_ok=True)


def _is_roomy(folder: Path) -> bool:
    """Whether temporary files may lie there: in memory, SQLite does not wait for a disk at each commit.

    Some tests write programs and run them, which containers forbid in /dev/shm.
    """
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the CPU seconds, which say more than the seconds of a machine that others share."""
    if _worker(terminalreporter.config) is not None:
        return  # one of xdist's workers: the process that started it sums up
    times = os.times()
    own, children = times.user + times.system, times.children_user + times.children_system
    terminalreporter.write_line(
        f"CPU: {own + children:.0f} s; {children:.0f} s of them in test workers and the programs that they started"
    )
    again = {report.nodeid: _reason(report) for report in terminalreporter.stats.get("rerun", ())}
    for nodeid, reason in sorted(again.items()):
        terminalreporter.write_line(f"RERUN {nodeid}: {reason}")
    if again and (file := os.environ.get(RERUNS)):
        with Path(file).open("a", encoding="utf-8") as log:
            log.writelines(f"{nodeid}\n" for nodeid in sorted(again))


def _reason(report: pytest.TestReport) -> str:
    """The first line of what was wrong."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(getattr(crash, "message", report.longrepr)).partition("\n")[0]


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


def _forget(folder: Path, before: Container[str]) -> None:
    for name in [name for name in sys.modules if name not in before]:
        module = sys.modules[name]
        known = getattr(module, "__dict__", {})
        places = [known.get("__file__")]
        with contextlib.suppress(KeyError):  # a namespace package whose parent is not loaded cannot tell its folders
            places += known.get("__path__") or ()
        if any(str(place).startswith(f"{folder}{os.sep}") for place in places):
            del sys.modules[name]


@pytest.fixture
def forget() -> Callable[[Path], None]:
    """`forget(folder)`: what this test imported from there is not the next test's module of the same name."""
    return partial(_forget, before=frozenset(sys.modules))


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
    for name in ("PYTEST_ADDOPTS", "CI", "BUILD_NUMBER"):  # with the last two pytest says more in its summary
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Ran:
        counted, said, path, modules = _Outcomes(), io.StringIO(), list(sys.path), dict(sys.modules)
        with contextlib.redirect_stdout(said):
            code = pytest.main(["-p", "no:cacheprovider", "-p", "no:faulthandler", *arguments], plugins=[counted])
        sys.path[:] = path
        sys.modules.update(modules)  # the project may have a package `tests`, as we have
        forget(tmp_path)
        return Ran(dict(counted.found), said.getvalue(), int(code))

    return run
