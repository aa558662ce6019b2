"""The Bot API's methods and types, read from `table.json` when they are asked for first.

`python3 dev.py bot-api` renews the file; its `source` is under the licence beside it. Types are written as
`Integer|String`, `[MessageEntity]` for a list, `[[PhotoSize]]` for a list of lists.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec


class Field(msgspec.Struct, array_like=True, frozen=True):
    """A parameter of a method or a member of a type.

    A text has `low` to `high` units: "characters" and "parsed" (without its tags) are UTF-16 units, "bytes" UTF-8's.
    `constant` is the one value that tells this type from others.
    """

    type: str
    required: bool | int = False
    low: int = 0
    high: int = 0
    unit: str = ""
    constant: str = ""


class Method(msgspec.Struct, frozen=True):
    """A method: what it takes, and the type of its answer."""

    returns: str
    parameters: dict[str, Field]


class Table(msgspec.Struct, frozen=True):
    """One version of the Bot API, of the day `released`. `unions` are types that are one of some others."""

    version: str
    released: str
    source: str
    methods: dict[str, Method]
    types: dict[str, dict[str, Field]]
    unions: dict[str, list[str]]

    def method(self, name: str) -> tuple[str, Method] | None:
        """A method under its own spelling; Telegram does not look at the case of its letters."""
        spelling = _spellings().get(name.lower())
        return (spelling, self.methods[spelling]) if spelling is not None else None


@cache
def table() -> Table:
    """The table; takes some milliseconds and a megabyte when it is asked for first."""
    text = files(__package__).joinpath("table.json").read_bytes()
    return msgspec.json.decode(text, type=Table)


@cache
def _spellings() -> dict[str, str]:
    return {name.lower(): name for name in table().methods}


def update_kinds() -> list[str]:
    """Every kind of update, as `allowed_updates` names it."""
    return [name for name in table().types["Update"] if name != "update_id"]


@cache
def alternatives(type_: str) -> tuple[str, ...]:
    """`Integer|[String|Float]` as `Integer` and `[String|Float]`."""
    parts: list[str] = []
    depth = start = 0
    for place, letter in enumerate(type_):
        depth += (letter == "[") - (letter == "]")
        if letter == "|" and not depth:
            parts.append(type_[start:place])
            start = place + 1
    return (*parts, type_[start:])
