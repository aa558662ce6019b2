"""What of the table of faults needs minutes: `python3 dev.py faults --help`."""

from __future__ import annotations

import importlib
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
NOTHING = 5  # pytest's exit code if it has found no test
console = Console()


def command_of(words: str) -> list[str]:
    """How dev.py's `words` are run with this Python."""
    return [sys.executable, str(ROOT / "dev.py"), *shlex.split(words)]


def run_tests(tests: list[str]) -> int:
    """Run tests, slow ones as well; the exit code, 5 if there are none."""
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], cwd=ROOT, check=False).returncode


def run_fault(fault: Any, *, every: bool) -> list[tuple[str, bool, float]]:
    """Run a row's commands and slow tests, or all of its tests: what, whether it passed, and the seconds."""
    tests = list(fault.tests if every else fault.slow_tests)
    work = [(f"{len(tests)} tests", lambda: run_tests(tests))] if tests else []
    work += [(words, lambda words=words: subprocess.run(command_of(words), cwd=ROOT, check=False).returncode)
             for words in fault.commands]  # fmt: skip
    results = []
    for what, act in work:
        console.rule(f"{fault.name}: {what}")
        began = time.monotonic()
        results.append((what, act() == 0, time.monotonic() - began))
    return results


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="Show all rows of the table, and run nothing.")
def faults(names: tuple[str, ...], listed: bool) -> None:
    """Run what of the table of faults needs minutes; of the rows with these NAMES, run everything."""
    sys.path.insert(0, str(ROOT / "docs"))
    rows = importlib.import_module("generator.faults").all_faults()
    unknown = set(names) - {fault.name for fault in rows}
    if unknown:
        raise click.BadParameter(f"no such faults: {', '.join(sorted(unknown))}. Fix: see --list.")
    chosen = [fault for fault in rows if fault.name in names or (not names and (listed or fault.takes_minutes))]
    if listed:
        table = Table("name", "fault", "what happens", "needs minutes")
        for fault in chosen:
            table.add_row(fault.name, fault.what, fault.then, "yes" if fault.takes_minutes else "")
        console.print(table)
        return
    table, failed = Table("fault", "run", "result", "seconds"), False
    for fault in chosen:
        for what, passed, seconds in run_fault(fault, every=bool(names)):
            failed = failed or not passed
            table.add_row(fault.name, what, "passed" if passed else "FAILED", f"{seconds:.0f}")
    console.print(table)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    faults()
