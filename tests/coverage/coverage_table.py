# ruff: noqa: T201
"""Print the branch coverage of each package as a table: `tox -e cov` runs it.

    python tests/coverage/coverage_table.py FILE      (what `coverage json` has written)

A package's figure counts statements and branches alike, as `coverage report` does.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

PARTS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def totals(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, Counter[str]]:
    """Sum up the files of each package."""
    found: dict[str, Counter[str]] = {}
    for name, file in report["files"].items():
        package = re.search(r"astral_\w+", name.replace("\\", "/"))
        if package is not None:
            summary = {part: file["summary"][part] for part in PARTS}
            found.setdefault(package[0], Counter()).update(summary)
    return found


def main() -> None:
    """Print the table, one package a line."""
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(f"{'package':<20} {'statements':>10} {'branches':>9} {'covered':>8}")
    for package, sums in sorted(totals(report).items()):
        covered = (sums["covered_lines"] + sums["covered_branches"]) / (sums["num_statements"] + sums["num_branches"])
        print(f"{package:<20} {sums['num_statements']:>10,} {sums['num_branches']:>9,} {covered:>8.2%}")


if __name__ == "__main__":
    main()
