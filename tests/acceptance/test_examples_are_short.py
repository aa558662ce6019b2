"""What the examples promise: with so many lines of code a plugin does this much."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
HELPDESK = EXAMPLES / "astral-helpdesk/astral_helpdesk"
REMINDERS = EXAMPLES / "astral-reminders/astral_reminders"
DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def lines_of_code(file: Path) -> int:
    """The lines of a file without docstrings, comments and blank lines."""
    source = file.read_text("utf-8")
    told = set[int]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            told |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = [line.strip() for number, line in enumerate(source.splitlines(), 1) if number not in told]
    return sum(bool(line) and not line.startswith("#") for line in lines)


@pytest.mark.parametrize(
    ("files", "most"),
    [
        pytest.param([EXAMPLES / "order.py"], 90, id="an order form with questions alone"),
        pytest.param(
            [HELPDESK / f"{name}.py" for name in ("private", "settings", "store", "tables")], 80,
            id="a helpdesk's private side",
        ),
        pytest.param(sorted(REMINDERS.glob("*.py")), 120, id="reminders"),
    ],
)  # fmt: skip
def test_it_is_short(files: list[Path], most: int) -> None:
    """Tables, settings and the reading of what people write are counted; texts of other languages are not."""
    assert sum(lines_of_code(file) for file in files) <= most
