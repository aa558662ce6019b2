"""The codec of callback data: `<plugin>:<name>/<value>/<value>`, at most 64 UTF-8 bytes.

The size is proven when a route is declared: every type has a widest value. What comes back from a client is
untrusted: anybody can send any data, so that a handler must check who owns what the arguments name.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from astral_core.errors import CallbackDataError

LIMIT = 64
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,31}")
_ARGUMENT = re.compile(r"\{([a-z][a-z0-9_]*):(int\(([1-9]|1[0-9])\)|int|slug|uuid)\}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,23}")
_INT = re.compile(r"-?[0-9]{1,19}")


def _int_out(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise CallbackDataError(f"{value!r} is not an integer of 64 bits")
    return str(value)


def _int_in(text: str) -> int:
    if not _INT.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise CallbackDataError("not an integer of 64 bits")
    return int(text)


def _slug_out(value: Any) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise CallbackDataError(f"{value!r} is not a slug: 1-24 of a-z 0-9 _ . -")
    return str(value)


def _slug_in(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise CallbackDataError("not a slug")
    return text


def _uuid_out(value: Any) -> str:
    if not isinstance(value, UUID):
        raise CallbackDataError(f"{value!r} is not a UUID")
    return base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode()


def _uuid_in(text: str) -> UUID:
    try:
        return UUID(bytes=base64.b64decode(text + "==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise CallbackDataError("not a UUID") from None


@dataclass(frozen=True)
class _Type:
    width: int
    encode: Callable[[Any], str]
    decode: Callable[[str], Any]


def _narrow(width: int) -> _Type:
    """An integer of at most `width` characters, its sign among them."""

    def out(value: Any) -> str:
        text = _int_out(value)
        if len(text) > width:
            raise CallbackDataError(f"{value!r} has more than {width} characters")
        return text

    def back(text: str) -> int:
        if len(text) > width:
            raise CallbackDataError(f"not an integer of {width} characters")
        return _int_in(text)

    return _Type(width, out, back)


TYPES: Mapping[str, _Type] = {
    "int": _Type(20, _int_out, _int_in),
    **{f"int({width})": _narrow(width) for width in range(1, 20)},
    "slug": _Type(24, _slug_out, _slug_in),
    "uuid": _Type(22, _uuid_out, _uuid_in),
}


@dataclass(frozen=True)
class Codec:
    """Builds and parses the data of one route; `key` is `<plugin>:<name>`."""

    key: str
    arguments: tuple[tuple[str, str], ...]

    def build(self, given: Mapping[str, Any]) -> str:
        """The callback data of these arguments; CallbackDataError where they do not fit the pattern."""
        names = [name for name, _ in self.arguments]
        if given.keys() != set(names):
            raise CallbackDataError(f"callback {self.key!r} takes ({', '.join(names)}), got {dict(given)!r}")
        values = [TYPES[kind].encode(given[name]) for name, kind in self.arguments]
        return "/".join((self.key, *values))

    def parse(self, values: Sequence[str]) -> dict[str, Any]:
        """The typed arguments; CallbackDataError on forged or outdated data."""
        if len(values) != len(self.arguments):
            raise CallbackDataError(f"callback {self.key!r}: wrong number of arguments")
        return {name: TYPES[kind].decode(text) for (name, kind), text in zip(self.arguments, values, strict=True)}


def is_name(text: object) -> bool:
    """Whether this may be the name of a route."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def arguments_of(what: str, pattern: str) -> tuple[str, list[tuple[str, str]]]:
    """The name in a pattern, and its arguments with their types; CallbackDataError says what is wrong."""
    name, *rest = pattern.split("/")
    if not _NAME.fullmatch(name):
        raise CallbackDataError(f"{what}: the name must be 1-32 of a-z 0-9 _ . and begin with a-z")
    arguments = []
    for part in rest:
        match = _ARGUMENT.fullmatch(part)
        if not match:
            raise CallbackDataError(f"{what}: {part!r} is not {{name:type}} with a type of int, int(2), slug, uuid")
        arguments.append((match[1], match[2]))
    if len({argument for argument, _ in arguments}) != len(arguments):
        raise CallbackDataError(f"{what} names an argument twice")
    return name, arguments


def compile_pattern(plugin: str, pattern: str) -> Codec:
    """Check a declared pattern and prove its size; CallbackDataError says what is wrong."""
    name, arguments = arguments_of(f"callback pattern {pattern!r}", pattern)
    width = len(f"{plugin}:{name}") + sum(1 + TYPES[kind].width for _, kind in arguments)
    if width > LIMIT:
        raise CallbackDataError(f"callback pattern {pattern!r} may need {width} bytes, Telegram allows {LIMIT}")
    return Codec(f"{plugin}:{name}", tuple(arguments))


def split(data: str) -> tuple[str, list[str]]:
    """The key and the raw values of callback data."""
    key, *values = data.split("/")
    return key, values


# --- buttons that were sent before, under another name or by another bot of this token

_HOLE = re.compile(r"\{([a-z][a-z0-9_]*):(int|slug|uuid)\}")
_FORMS = {
    "int": r"-?[0-9]{1,19}",
    "slug": r"[a-z0-9][a-z0-9_.-]{0,23}",
    "uuid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9_-]{22}",
}


@dataclass(frozen=True)
class OldData:
    """Reads the data of old buttons: text with `{name:type}` anywhere in it, such as "count:{n:int}"."""

    spelling: str
    form: re.Pattern[str]
    arguments: tuple[tuple[str, str], ...]

    def parse(self, data: str) -> dict[str, Any] | None:
        """The typed arguments; None if the data is another one."""
        match = self.form.fullmatch(data)
        if match is None:
            return None
        try:
            return {name: _old(kind, match[name]) for name, kind in self.arguments}
        except CallbackDataError:
            return None


def compile_old(plugin: str, spelling: str) -> OldData:
    """Check an old spelling; CallbackDataError says what is wrong. One without ":" may be this plugin's own, too."""
    form, arguments, end = "", [], 0
    for hole in _HOLE.finditer(spelling):
        form += f"{re.escape(spelling[end : hole.start()])}(?P<{hole[1]}>{_FORMS[hole[2]]})"
        arguments.append((hole[1], hole[2]))
        end = hole.end()
    rest = spelling[end:]
    names = [name for name, _ in arguments]
    if not spelling or "{" in rest or len(set(names)) != len(names):
        raise CallbackDataError(
            f"was={spelling!r} is not text with {{name:type}} in it, each name once, and a type of int, slug, uuid"
        )
    own = "" if ":" in _HOLE.sub("", spelling) else f"(?:{re.escape(plugin)}:)?"
    return OldData(spelling, re.compile(own + form + re.escape(rest)), tuple(arguments))


def _old(kind: str, text: str) -> Any:
    if kind == "uuid" and len(text) == 36:
        return UUID(text)
    return TYPES[kind].decode(text)
