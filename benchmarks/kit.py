"""The test kit as the author of a plugin meets it: the tests that `astral new plugin` writes, run by pytest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.report import BenchError
from benchmarks.setting import Setting

PLUGIN = "weather"
# Loaded into that pytest: when each test was green, and how long it took with its set-up and its end.
PROBE = """
import json, os, time

seconds = {}

def pytest_runtest_logreport(report):
    seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration
    if report.when == "call" and report.passed:
        with open(os.environ["KIT_PROBE"], "a") as file:
            print(json.dumps({"test": report.nodeid, "green": time.time()}), file=file)
    elif report.when == "teardown":
        with open(os.environ["KIT_PROBE"], "a") as file:
            print(json.dumps({"test": report.nodeid, "seconds": seconds[report.nodeid]}), file=file)
"""


class Run(NamedTuple):
    """Seconds from pytest's start to the first green test, and those of each further test."""

    first: float
    others: list[float]


async def measure(setting: Setting) -> None:
    """Make the plugin, then run its tests on SQLite some times."""
    table = setting.report.section(
        "The test kit", "The tests of a plugin that `astral new plugin` has just made, on SQLite; medians.",
        "what", "seconds",
    )  # fmt: skip
    project = _project(setting.bots.folder)
    _run(project)  # the very first run compiles what pip would have compiled
    runs = []
    for turn in range(setting.pick(7, 3)):
        setting.say(f"kit: run {turn + 1}")
        runs.append(_run(project))
    first, other = median(run.first for run in runs), median(second for run in runs for second in run.others)
    table.add("from pytest's start to the first green test", f"{first:.2f}")
    table.add("each further test", f"{other:.3f}")
    setting.report.at_most("first green test of a new plugin, after pytest's start", first, 3.0, "s")
    setting.report.at_most("each further test of a new plugin", other, 0.2, "s")


def _project(folder: Path) -> Path:
    """A plugin as the command makes it, and its metadata as an editable installation would leave it."""
    command = [sys.executable, "-m", "astral_core.cli", "new", "plugin", PLUGIN]
    subprocess.run(command, cwd=folder, env=_environment(folder), check=True, capture_output=True)
    project = folder / f"astral-{PLUGIN}"
    info = project / "site" / f"astral_{PLUGIN}-0.1.0.dist-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: astral-{PLUGIN}\nVersion: 0.1.0\n"
    (info / "METADATA").write_text(f"{head}Requires-Dist: astral-core>=0.1,<0.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[astral.plugins]\n{PLUGIN} = astral_{PLUGIN}:plugin\n")
    (project / "site" / "kit_probe.py").write_text(PROBE, encoding="utf-8")
    return project


def _environment(project: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not re.match("ASTRAL_|PYTEST_", name)}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, (project / "site", project))),
        "ASTRAL_CONFIG": str(project / "none.toml"),
        "KIT_PROBE": str(project / "probe.jsonl"),
    }


def _run(project: Path) -> Run:
    """Run the tests once."""
    probe = project / "probe.jsonl"
    probe.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "kit_probe", "-p", "no:cacheprovider"]
    began = time.time()
    done = subprocess.run(
        [*command, "-k", "sqlite", f"tests/test_{PLUGIN}.py"], cwd=project, env=_environment(project), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise BenchError(f"the tests of a new plugin failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    lines = [json.loads(line) for line in probe.read_text(encoding="utf-8").splitlines()]
    green = [line["green"] for line in lines if "green" in line]
    seconds = [line["seconds"] for line in lines if "seconds" in line]
    return Run(green[0] - began, seconds[1:])
