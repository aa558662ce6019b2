"""Views of Bot API objects: they read their JSON when a member is asked for.

Below an object's first level nothing is decoded before that. A member that does not fit its type in the table is
None, so whatever a body holds, reading a member that the table knows never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, partial
from operator import attrgetter
from typing import Any

import msgspec

from astral_core.botapi.check import near_miss
from astral_core.botapi.table import alternatives, table

Reader = Callable[[Any], Any]  # takes a closed value and gives what a member is read as, None if it does not fit

MOST_READERS = 1_000  # types whose readers are kept: more than the table has, and a bound on foreign names
_FIRST_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw] | str | int | float | bool | None)
_type, _members = attrgetter("_type"), attrgetter("_members")
_set = object.__setattr__


class View:
    """An object of the Bot API, made by `view`. Its members are attributes, under the names of the Bot API.

    `from` is read as `from_user`. Objects are views, lists are tuples, and what the table does not know is given as
    builtins. `"text" in message` tells whether the JSON has a member; iterating gives the names of those that it has.
    A view cannot be changed. `to_builtins` and `type_name` are functions, since any name may be a member.
    """

    __slots__ = ("__dict__", "_members", "_type")

    def __init__(self, type_: str, members: Mapping[str, Any]) -> None:
        _set(self, "_type", type_)
        _set(self, "_members", members)

    def __getattr__(self, name: str) -> Any:
        """Read a member, once: from then on Python finds it without asking here."""
        if name.startswith("_"):  # Python's own names; the Bot API has none like them
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        key, readers = self._key(name), _readers(self._type)
        reader = readers.get(key)
        if reader is not None:
            value = reader(self._members.get(key))
        elif key in self._members:
            value = _plain(self._members[key])
        else:
            raise AttributeError(self._unknown(name, readers))
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a view of {self._type} cannot be changed: {name!r} stays as Telegram sent it")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a view of {self._type} cannot be changed: {name!r} stays as Telegram sent it")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._key(name) in self._members

    def __iter__(self) -> Iterator[str]:
        return ("from_user" if name == "from" else name for name in self._members)

    def __repr__(self) -> str:
        """The type and the names of the members; no values, since these are personal."""
        names = ", ".join(name for name in self if name.isidentifier())
        return f"<{self._type} {names}>" if names else f"<{self._type}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, View):
            return NotImplemented
        return self is other or (self._type == other._type and to_builtins(self) == to_builtins(other))

    def __hash__(self) -> int:
        opened = ((name, _opened(value)) for name, value in self._members.items())
        plain = frozenset(pair for pair in opened if isinstance(pair[1], (str, int, float)))
        return hash((self._type, plain))

    def __copy__(self) -> View:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> View:
        return self

    def __reduce__(self) -> tuple[type[View], tuple[str, Mapping[str, Any]]]:
        return View, (self._type, self._members)

    def _key(self, name: str) -> str:
        """The name that the Bot API gives to the member."""
        if name == "from_user" and ("from" in self._members or "from" in _readers(self._type)):
            return "from"
        return name

    def _unknown(self, name: str, readers: Mapping[str, Reader]) -> str:
        known = {"from_user" if one == "from" else one: None for one in (*readers, *self._members)}
        near = near_miss(name, known)
        hint = f" Fix: did you mean {near!r}?" if near is not None else ""
        return f"{self._type} has no member {name!r}.{hint}"


def view(type_: str, raw: msgspec.Raw | bytes | str | Mapping[str, Any]) -> View:
    """A view of JSON, or of decoded JSON, as the type of this name: `view("Message", payload)`.

    A union becomes the type that is meant. A view of what is no object has no members. Builtins are not copied: leave
    them as they are. ValueError if the table has no such type.
    """
    known = table()
    if type_ not in known.types and type_ not in known.unions:
        near = near_miss(type_, (*known.types, *known.unions))
        hint = f" Fix: did you mean {near!r}?" if near is not None else ""
        raise ValueError(f"the Bot API {known.version} has no type {type_!r}.{hint}")
    members = _object_in(raw) if isinstance(raw, (bytes, str)) else _object(raw)
    if members is None:
        return View(type_, {})
    return View(_meant(type_, members), members)


def view_update(payload: msgspec.Raw | bytes | str | Mapping[str, Any]) -> tuple[str, View] | None:
    """The kind of an update and the view of its object; None if the update has none.

    A kind that the table does not know gives a view whose members are builtins.
    """
    update = view("Update", payload)
    unknown = []
    for kind in update:
        if kind not in table().types["Update"]:
            unknown.append(kind)
        elif isinstance(found := getattr(update, kind), View):  # update_id is read as a number
            return kind, found
    for kind in unknown:
        members = _object(_members(update).get(kind))
        if members is not None:
            return kind, View(f"Update.{kind}", members)
    return None


def type_name(viewed: View) -> str:
    """The Bot API's name of a view's type; that of the union if the type is newer than the table."""
    name: str = _type(viewed)
    return name


def to_builtins(viewed: View) -> dict[str, Any]:
    """Everything that a view's JSON has, in new dicts and lists, under the names of the Bot API."""
    return {name: _plain(value) for name, value in _members(viewed).items()}


def _decoded(json: msgspec.Raw | bytes | str) -> Any:
    """The first level of JSON; None if it is malformed, too deep, or a number out of range."""
    try:
        return _FIRST_LEVEL.decode(json)
    except (ValueError, RecursionError):
        return None


def _opened(value: Any) -> Any:
    """A value whose own members or items may still be closed."""
    return _decoded(value) if isinstance(value, msgspec.Raw) else value


def _plain(value: Any) -> Any:
    """A value all of whose levels are decoded; None if it is too deep."""
    try:
        return _copied(value)
    except (ValueError, RecursionError):
        return None


def _copied(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    if isinstance(value, Mapping):
        return {name: _copied(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(part) for part in value]
    return value


def _object_in(json: msgspec.Raw | bytes | str) -> Mapping[str, Any] | None:
    decoded = _decoded(json)
    return decoded if isinstance(decoded, dict) else None


def _object(value: Any) -> Mapping[str, Any] | None:
    """The members of an object, closed; None if it is something else."""
    if isinstance(value, msgspec.Raw):
        return _object_in(value)
    if not isinstance(value, Mapping):
        return None
    return {name: part for name, part in value.items() if isinstance(name, str)}


@lru_cache(MOST_READERS)
def _readers(type_: str) -> Mapping[str, Reader]:
    """How each member of a type is read, under the Bot API's name; none if the table has no such type."""
    known = table()
    if type_ in known.unions:
        return {name: _plain for variant in known.unions[type_] for name in known.types.get(variant, {})}
    return {name: _reader(field.type) for name, field in known.types.get(type_, {}).items()}


@cache
def _reader(type_: str) -> Reader:
    options = alternatives(type_)
    if len(options) > 1:
        return partial(_first, [_reader(one) for one in options])
    if type_.startswith("["):
        return partial(_list, _reader(type_[1:-1]))
    if type_ == "RichText":
        return _rich_text
    return _SCALARS.get(type_) or partial(_viewed, type_)


def _first(readers: list[Reader], value: Any) -> Any:
    return next((read for reader in readers if (read := reader(value)) is not None), None)


def _list(reader: Reader, value: Any) -> tuple[Any, ...] | None:
    """The items that fit."""
    opened = _opened(value)
    if not isinstance(opened, (list, tuple)):
        return None
    return tuple(read for item in opened if (read := reader(item)) is not None)


def _viewed(type_: str, value: Any) -> View | None:
    members = _object(value)
    return View(_meant(type_, members), members) if members is not None else None


def _rich_text(value: Any) -> Any:
    """Plain text, a list of rich texts, or one of the union's types; the table has only the last."""
    opened = _opened(value)
    if isinstance(opened, str):
        return opened
    return _list(_rich_text, opened) if isinstance(opened, (list, tuple)) else _viewed("RichText", value)


def _whole(value: Any) -> int | None:
    opened = _opened(value)
    fits = isinstance(opened, int) and not isinstance(opened, bool) and -(2**63) <= opened < 2**63
    return opened if fits else None


def _number(value: Any) -> float | None:
    opened = _opened(value)
    if isinstance(opened, float):
        return opened
    whole = _whole(opened)
    return float(whole) if whole is not None else None


def _text(value: Any) -> str | None:
    opened = _opened(value)
    return opened if isinstance(opened, str) else None


def _truth(value: Any) -> bool | None:
    opened = _opened(value)
    return opened if isinstance(opened, bool) else None


_SCALARS: dict[str, Reader] = {
    "Integer": _whole,
    "Float": _number,
    "String": _text,
    "InputFile": _text,
    "Boolean": _truth,
    "True": _truth,
}


def _meant(type_: str, members: Mapping[str, Any]) -> str:
    """The one of a union's types that an object is; the union itself if the table does not have it."""
    if type_ == "MaybeInaccessibleMessage":  # no constant tells: the date is 0
        return "InaccessibleMessage" if _whole(members.get("date")) == 0 else "Message"
    for name, types in _telling(type_).items():
        found = types.get(_text(members.get(name)) or "")
        if found is not None:
            return found
    return type_


@cache
def _telling(type_: str) -> dict[str, dict[str, str]]:
    """The members that tell the types of a union apart: `{"status": {"left": "ChatMemberLeft", ...}}`."""
    found: dict[str, dict[str, str]] = {}
    for variant in table().unions.get(type_, ()):
        for name, field in table().types.get(variant, {}).items():
            if field.constant:
                types = found.setdefault(name, {})
                types[field.constant] = type_ if field.constant in types else variant  # two of them: cannot tell
    return found
