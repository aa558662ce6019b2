"""Reading what others wrote: a member that does not fit is left out, and the rest is of use.

Telegram is newer than every list of its members. One whose form has changed must not take a whole update away.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Any, TypeVar, get_args

import msgspec

S = TypeVar("S", bound=msgspec.Struct)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(type_: type[S], raw: msgspec.Raw | bytes | str) -> S | None:
    """`raw`, an object's JSON, as `type_`; None if it is no object or lacks what `type_` needs."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except _UNREADABLE:
        return _by_members(type_, raw)


def _by_members(type_: type[S], raw: msgspec.Raw | bytes | str) -> S | None:
    try:
        given = _members.decode(raw)
    except _UNREADABLE:
        return None
    found: dict[str, Any] = {}
    for name, encoded, kind in _fields(type_):
        if encoded in given:
            try:
                found[name] = msgspec.json.decode(given[encoded], type=kind)
            except _UNREADABLE:
                nested = _struct_in(kind)
                value = read(nested, given[encoded]) if nested is not None else None
                if value is not None:
                    found[name] = value
    try:
        return type_(**found)
    except TypeError:  # it lacks a member that has no default
        return None


@cache
def _fields(type_: type[msgspec.Struct]) -> list[tuple[str, str, Any]]:
    return [(field.name, field.encode_name, field.type) for field in msgspec.structs.fields(type_)]


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """The struct of `Struct` or `Struct | None`."""
    options = get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return next((one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)
