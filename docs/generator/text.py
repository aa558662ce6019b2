"""Markdown, and signatures as they stand in the source."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any


class _Plain(str):
    """An annotation as it stands in the source: `inspect` shows strings in quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def signature(function: Callable[..., Any]) -> str:
    """The arguments and the result, with the annotations of the source."""
    found = inspect.signature(function)
    parameters = [
        item.replace(annotation=_annotation(item.annotation))
        for name, item in found.parameters.items()
        if name != "self"
    ]
    result = found.empty if isinstance(function, type) else _annotation(found.return_annotation)
    return str(found.replace(parameters=parameters, return_annotation=result))


def _annotation(value: Any) -> Any:
    return _Plain(value) if isinstance(value, str) else value


def page(title: str, intro: str, *blocks: str) -> str:
    """A page; who reads its source learns not to change it."""
    note = "% Written by docs/generate.py from the code: change the code, then run it again."
    return (
        "\n\n".join(
            [note, f"# {title}", intro, *(block.strip("\n") for block in blocks if block.strip()), ""]
        ).rstrip()
        + "\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a bar inside a cell does not end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') or ' ' for cell in line)} |" for line in lines)


def code(text: object) -> str:
    """Text between backticks; nothing where there is none."""
    return f"`{text}`" if str(text) else ""


def sentence(text: str) -> str:
    """`text` as a table's cell: one line."""
    return " ".join(text.split())
