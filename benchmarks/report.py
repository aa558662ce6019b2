"""What was found: sections of figures and the budgets, printed by rich and written as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PATIENCE = 60.0  # seconds without any progress after which a measurement is given up


class BenchError(RuntimeError):
    """Something could not be measured here; the message says what and why."""


@dataclass
class Section:
    """One table: what was measured side by side, in words and figures."""

    title: str
    note: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(cells)


@dataclass(frozen=True)
class Budget:
    """A promise and what was measured; `met` is None where it could not be measured."""

    what: str
    budget: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """In a word."""
        return {True: "met", False: "MISSED", None: "not measured"}[self.met]


@dataclass
class Report:
    """All of a run. `facts` are the machine and the versions."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)

    def section(self, title: str, note: str, *heads: str) -> Section:
        """Begin a table."""
        made = Section(title, note, heads)
        self.sections.append(made)
        return made

    def at_most(self, what: str, measured: float, limit: float, unit: str, detail: str = "") -> None:
        """Judge a figure that must not be above `limit`."""
        self._judge(what, f"<= {_figure(limit)} {unit}", f"{_figure(measured)} {unit}", detail, measured <= limit)

    def at_least(self, what: str, measured: float, limit: float, unit: str, detail: str = "") -> None:
        """Judge a figure that must not be below `limit`."""
        self._judge(what, f">= {_figure(limit)} {unit}", f"{_figure(measured)} {unit}", detail, measured >= limit)

    def missing(self, what: str, budget: str, reason: str) -> None:
        """Say that a budget was not measured, and why."""
        self.budgets.append(Budget(what, budget, reason, None))

    def missed(self, what: str, budget: str, reason: str) -> None:
        """Say that a budget is missed without a figure: it did not happen at all."""
        self.budgets.append(Budget(what, budget, reason, False))

    def _judge(self, what: str, budget: str, measured: str, detail: str, met: bool) -> None:
        self.budgets.append(Budget(what, budget, f"{measured} ({detail})" if detail else measured, met))

    def print(self, console: Console) -> None:
        """Print all tables, the budgets last."""
        for section in self.sections:
            _print(console, section)
        _print(console, self._judged())
        for name, value in self.facts:
            console.print(f"{name}: {value}", highlight=False, markup=False)

    def write(self, path: Path, how: str) -> None:
        """Write RESULTS.md; `how` says how to repeat it."""
        lines = ["# Results", "", how, ""]
        lines += [f"- {name}: {value}" for name, value in self.facts]
        for section in (self._judged(), *self.sections):
            lines += ["", f"## {section.title}", "", *([section.note, ""] if section.note else [])]
            lines += _markdown(section)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _judged(self) -> Section:
        kept = sum(item.met is True for item in self.budgets)
        table = Section("Budgets", f"{kept} of {len(self.budgets)} met.", ("what", "budget", "measured", "verdict"))
        for item in self.budgets:
            table.add(item.what, item.budget, item.measured, item.verdict)
        return table


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def _print(console: Console, section: Section) -> None:
    table = Table(title=section.title, caption=section.note or None, title_justify="left", caption_justify="left")
    for index, head in enumerate(section.heads):
        table.add_column(head, justify="left" if _is_text(section.rows, index) else "right", overflow="fold")
    for row in section.rows:
        missed = row[-1] == "MISSED"
        table.add_row(*(escape(cell) for cell in row), style="bold red" if missed else None)
    console.print(table)
    console.print()


def _is_text(rows: Sequence[tuple[str, ...]], index: int) -> bool:
    return any(row[index][:1].isalpha() for row in rows if len(row) > index)


def _markdown(section: Section) -> list[str]:
    marks = ["---" if _is_text(section.rows, index) else "---:" for index in range(len(section.heads))]
    lines = [f"| {' | '.join(section.heads)} |", f"| {' | '.join(marks)} |"]
    for row in section.rows:
        cells = (*row, *("" for _ in range(len(section.heads) - len(row))))
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines
