"""Markdown, and signatures as the source has them."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args, get_origin

WIDTH = 100


class _Plain(str):
    """An annotation as the source has it: `inspect` shows strings in quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def signature(function: Callable[..., Any], owner: type | None = None) -> str:
    """The arguments and the result, with the annotations of the source; a choice of words is written out.

    `owner` is the class whose module has the names of the annotations, if it is not the function's own.
    """
    return str(_signature(function, owner))


def call(head: str, function: Callable[..., Any], owner: type | None = None) -> str:
    """A call of `head` with all arguments, one on each line if they are too long for one.

    What makes decorators is shown as one: what that returns is a matter for type checkers.
    """
    found = _signature(function, owner)
    if str(found.return_annotation).startswith("Callable["):
        head, found = f"@{head}", found.replace(return_annotation=found.empty)
    line = f"{head}{found}"
    if len(line) <= WIDTH or not found.parameters:
        return line
    result = str(found.replace(parameters=[])).removeprefix("()")
    inner = re.sub(r"^\(|\)$", "", str(found.replace(return_annotation=found.empty)))
    return f"{head}(\n{''.join(f'    {part},{chr(10)}' for part in _parts(inner))}){result}"


def _parts(text: str) -> list[str]:
    """The arguments of a signature: split at the commas outside of brackets and quotes."""
    depth, quoted, parts = 0, "", [""]
    for sign in text:
        quoted = "" if sign == quoted else quoted or (sign if sign in "'\"" else "")
        depth += (sign in "([{") - (sign in ")]}") if not quoted else 0
        if sign == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _signature(function: Callable[..., Any], owner: type | None) -> inspect.Signature:
    found = inspect.signature(function)
    names = vars(sys.modules[(owner or inspect.unwrap(function)).__module__])
    parameters = [
        item.replace(annotation=_annotation(item.annotation, names))
        for name, item in found.parameters.items()
        if name not in ("self", "cls")
    ]
    result = found.empty if isinstance(function, type) else _annotation(found.return_annotation, names)
    return found.replace(parameters=parameters, return_annotation=result)


def _annotation(value: Any, names: dict[str, Any]) -> Any:
    return _Plain(re.sub(r"\w+", lambda word: _choice(word[0], names), value)) if isinstance(value, str) else value


def _choice(word: str, names: dict[str, Any]) -> str:
    value = names.get(word)
    if get_origin(value) is tuple:
        return str(value)
    return " | ".join(map(repr, get_args(value))) if get_origin(value) is Literal else word


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
    """Text between backticks; nothing if there is none."""
    return f"`{text}`" if str(text) else ""


def sentence(text: str) -> str:
    """`text` as a table's cell: one line."""
    return " ".join(text.split())
