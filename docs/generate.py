"""Write docs/reference/ from the code: `python docs/generate.py`; with `--check` only say what differs.

Every page is what the code says of itself: docstrings, models, the tree of commands, the registry of metrics. So a
page can be old, but not wrong; `--check` ends with 1 and a diff if it is old.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click
from generator.api import api
from generator.commands import commands
from generator.faults import faults
from generator.hooks import hooks
from generator.lists import error_classes, findings, kinds, metrics
from generator.settings import settings

from astral_core.config import PREFIX

TARGET = Path(__file__).resolve().parent / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "kinds.md": kinds,
    "hooks.md": hooks,
    "settings.md": settings,
    "cli.md": commands,
    "metrics.md": metrics,
    "errors.md": error_classes,
    "findings.md": findings,
    "faults.md": faults,
    "api.md": api,
}


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 and a diff where a page is old.")
def main(check: bool) -> None:
    """Write docs/reference/ from the code."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]  # the pages are the same on every machine
    os.environ["ASTRAL_CONFIG"] = os.devnull
    old = False
    for name, make in PAGES.items():
        path, text = TARGET / name, make()
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if check and before != text:
            old = True
            lines = difflib.unified_diff(
                before.splitlines(), text.splitlines(), str(path), "from the code", lineterm=""
            )
            click.echo("\n".join(lines))
        elif not check:
            TARGET.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    if old:
        click.echo("docs/reference is older than the code. Fix: python docs/generate.py", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
