"""Calls of the Bot API, checked when they are recorded: a mistake fails in the handler that made it.

What Telegram takes is let through: numbers as text, objects as JSON text, and names that the table does not know,
since Telegram is newer than every table. Only a name that is nearly one of the table's is taken for a slip.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from astral_core.botapi.table import Field, Table, alternatives, table
from astral_core.errors import EffectError
from astral_core.markup import utf16, visible

log = logging.getLogger("astral.bot")
MOST_TOLD = 1_000  # lines about unknown names in the life of a process
SHOWN = 4  # types of which one is wanted
NEAR = 2  # letters that may be wrong in a name
_told: set[tuple[str, str]] = set()
_SCALARS = frozenset({"Integer", "Float", "String", "Boolean", "True", "InputFile"})
_WHOLE, _NUMBER = re.compile(r"[+-]?\d+"), re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def check_call(plugin: str, method: str, params: Mapping[str, Any]) -> None:
    """EffectError if the call cannot be meant: a slip in a name, a missing or wrong parameter, a text too long."""
    known = table()
    found = known.method(method)
    if found is None:
        near = near_miss(method, known.methods)
        if near is not None:
            raise EffectError(f"plugin {plugin!r}: there is no method {method!r}. Fix: did you mean {near!r}?")
        _unknown(plugin, f"the method {method!r}")
        return
    name, declared = found
    looked = _Look(known, plugin, name)
    problem = looked.members(declared.parameters, params, "")
    if problem is not None:
        raise EffectError(f"plugin {plugin!r}: {name}: {problem}")


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The name that `name` is nearly: at most NEAR letters differ, fewer where it is short."""
    allowed = min(NEAR, len(name) // 2)
    best: tuple[int, str] | None = None
    for other in known:
        if other != name and abs(len(other) - len(name)) <= allowed:
            distance = _distance(name.lower(), other.lower(), allowed)
            if distance <= allowed and (best is None or distance < best[0]):
                best = distance, other
    return best[1] if best is not None else None


def _distance(one: str, other: str, most: int) -> int:
    """How many letters have to be put in, taken out, replaced or swapped; `most` + 1 where it is more than `most`.

    Optimal string alignment, https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance.
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        line = [row]
        for column, against in enumerate(other, start=1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == against:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        if min(line) > most:
            return most + 1
        before, last = last, line
    return min(last[-1], most + 1)


def _unknown(plugin: str, what: str) -> None:
    """Say once that something is sent unchecked; a plugin that makes names up fills no log."""
    if (plugin, what) in _told or len(_told) >= MOST_TOLD:
        return
    _told.add((plugin, what))
    log.warning("plugin %r calls Telegram with %s, which the Bot API %s does not have; it is sent unchecked",
                plugin, what, table().version)  # fmt: skip


class _Look:
    """One look at a call; every method returns what is wrong, or None."""

    def __init__(self, known: Table, plugin: str, method: str) -> None:
        self._known = known
        self._plugin = plugin
        self._method = method

    def members(self, declared: Mapping[str, Field], given: Mapping[str, Any], place: str) -> str | None:
        """The members of an object, or the parameters of a method."""
        for name, value in given.items():
            field = declared.get(name)
            if field is None:
                near = near_miss(name, declared)
                if near is not None and near not in given:
                    return f"{_at(place, name)} is unknown. Fix: did you mean {near!r}?"
                _unknown(self._plugin, f"{self._method} and {_at(place, name)!r}")
                continue
            if value is None:
                continue  # the same as if it were not given
            problem = self.value(field.type, value, _at(place, name)) or _length(
                field, value, given, _at(place, name)
            )
            if problem is not None:
                return problem
        for name, field in declared.items():
            if field.required and given.get(name) is None:
                return f"{_at(place, name)} is missing. Fix: give it, {_named(field.type)}."
        return None

    def value(self, type_: str, value: Any, place: str) -> str | None:
        """A value of a type."""
        options = alternatives(type_)
        if len(options) > 1:
            return self._one_of(options, value, place)
        if type_.startswith("["):
            return self._list(type_[1:-1], value, place)
        if type_ in _SCALARS:
            return None if _is(type_, value) else f"{place} is {_shown(value)}. Fix: give {_named(type_)}."
        if isinstance(value, str):
            return None  # JSON text, or a rich text
        if type_ in self._known.unions:
            return self._one_of(self._known.unions[type_], value, place)
        if not isinstance(value, Mapping):
            return f"{place} is {_shown(value)}. Fix: give {_named(type_)}."
        return self.members(self._known.types.get(type_, {}), value, place)

    def _list(self, type_: str, value: Any, place: str) -> str | None:
        if isinstance(value, str):
            return None  # JSON text
        if not isinstance(value, Sequence):
            return f"{place} is {_shown(value)}. Fix: give a list of {_named(type_)}."
        for number, item in enumerate(value):
            problem = self.value(type_, item, f"{place}[{number}]")
            if problem is not None:
                return problem
        return None

    def _one_of(self, options: Sequence[str], value: Any, place: str) -> str | None:
        """What is wrong with a value that is one of several types: said only where it is clear which one is meant."""
        if isinstance(value, Mapping):
            meant = [one for one in options if one in self._known.types and self._is_meant(one, value)]
            return self.value(meant[0], value, place) if len(meant) == 1 else None
        if isinstance(value, str) or any(one not in _SCALARS for one in options):
            return None if isinstance(value, (str, list, tuple)) else _refused(options, value, place)
        return None if any(_is(one, value) for one in options) else _refused(options, value, place)

    def _is_meant(self, type_: str, value: Mapping[str, Any]) -> bool:
        """Whether an object is meant as `type_`: by the member that tells, else by all that it needs."""
        fields = self._known.types[type_]
        telling = {name: field.constant for name, field in fields.items() if field.constant}
        if telling:
            return all(value.get(name) == constant for name, constant in telling.items())
        return all(name in value for name, field in fields.items() if field.required)


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _refused(options: Sequence[str], value: Any, place: str) -> str:
    named = [_named(one) for one in options]
    more = " ..." if len(named) > SHOWN else ""
    return f"{place} is {_shown(value)}. Fix: give {' or '.join(named[:SHOWN])}{more}."


def _shown(value: Any) -> str:
    """The kind of a value, not the value: it may be somebody's words."""
    return f"of the type {type(value).__name__}"


def _named(type_: str) -> str:
    plain = {"Integer": "a whole number of 64 bits", "Float": "a number", "String": "a text", "InputFile": "a file",
             "Boolean": "True or False", "True": "True"}  # fmt: skip
    if type_.startswith("["):
        return f"a list of {type_[1:-1]}"
    return plain.get(type_, f"an object {type_}")


def _is(type_: str, value: Any) -> bool:
    """Whether Telegram reads `value` as the scalar: it takes numbers as text, and text as numbers."""
    if type_ in ("Boolean", "True"):
        return isinstance(value, bool) or value in (0, 1, "true", "false", "True", "False")
    if isinstance(value, bool):
        return False
    if type_ == "Integer":
        if isinstance(value, str):
            return _WHOLE.fullmatch(value) is not None
        return isinstance(value, int) and -(2**63) <= value < 2**63
    if type_ == "Float":
        return isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value) is not None)
    return isinstance(value, (str, int, float))


def _length(field: Field, value: Any, given: Mapping[str, Any], place: str) -> str | None:
    """What is wrong with the length of a text; nothing where its markup is not read here."""
    if not field.high or not isinstance(value, str):
        return None
    if field.unit == "bytes":
        length, unit = len(value.encode("utf-8", "replace")), "bytes"
    else:
        text = _read(value, str(given.get("parse_mode") or "").upper()) if field.unit == "parsed" else value
        if text is None:
            return None
        length, unit = utf16(text), "UTF-16 units"
    if field.low <= length <= field.high:
        return None
    return f"{place} has {length} {unit}. Fix: give {field.low} to {field.high}."


def _read(text: str, mode: str) -> str | None:
    """What Telegram counts of a text in this parse mode; None where that is not known here."""
    if not mode:
        return text
    try:
        return visible(text) if mode == "HTML" else None
    except EffectError:  # a tag that is newer than ours, or a wrong one: Telegram tells
        return None
