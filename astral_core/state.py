"""Small state that a plugin keeps without a table: of a person, a chat, a person in a chat, or the whole bot.

A `State` is a frozen msgspec Struct. The core keeps it as JSON, exports it, deletes it with its person, moves it with
its group, and drops it with its plugin.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import msgspec
from typing_extensions import dataclass_transform

from astral_core.errors import DeclarationError, HandlerError

if TYPE_CHECKING:
    from msgspec import StructMeta
else:
    StructMeta = type(msgspec.Struct)

Scope = Literal["user", "chat", "member", "bot"]
STATE_LIMIT = 16_384  # bytes of JSON: what is longer belongs into a table
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

log = logging.getLogger("astral.state")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class StateMeta(StructMeta):
    """The metaclass of `State`: each class is frozen, and knows its scope and the name that it is kept under."""

    __kept__: tuple[Scope, str]

    def __new__(
        mcs: type[StateMeta], name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, scope: Scope = "user",
        kept_as: str | None = None, **config: Any,
    ) -> Any:  # fmt: skip
        """Make a class. TypeError where `scope` is unknown."""
        if scope not in get_args(Scope):
            raise TypeError(f"{name}: scope={scope!r} is unknown. Fix: one of {', '.join(get_args(Scope))}.")
        made = super().__new__(mcs, name, bases, namespace, **{"frozen": True, "kw_only": True, **config})
        made.__kept__ = (scope, kept_as or name)
        return made


class State(msgspec.Struct, metaclass=StateMeta):
    """Base of small state: `class Prefs(State, scope="user")` with fields that all have defaults.

    The scope says whose it is: "user" a person's, wherever they write; "chat" that of a chat; "member" a person's in
    one chat; "bot" the whole bot's. Fields are what msgspec writes as JSON: numbers, text, bool, dates, lists, dicts,
    other Structs. Up to 16 KiB are kept. The class is known by its name; to rename it, say `kept_as="OldName"`.
    """


S = TypeVar("S", bound=State)


def scope_of(model: type[State]) -> Scope:
    """Whose state it is."""
    return model.__kept__[0]


def name_of(model: type[State]) -> str:
    """The name that it is kept under."""
    return model.__kept__[1]


def check_model(plugin: str, model: object) -> None:
    """DeclarationError if this cannot be kept."""
    if not (isinstance(model, type) and issubclass(model, State) and model is not State):
        raise DeclarationError(plugin, f"Plugin(states=[...]) holds {model!r}, which is no class of State.")
    if not _NAME.fullmatch(name_of(model)):
        raise DeclarationError(plugin, f"state {name_of(model)!r}: a name is 1-64 of A-Z a-z 0-9 _.", "kept_as=...")
    try:
        default = model()
    except TypeError as error:
        raise DeclarationError(plugin, f"state {model.__name__}: {error}.", "give each field a default.") from error
    try:
        msgspec.json.decode(msgspec.json.encode(default), type=model)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise DeclarationError(
            plugin, f"state {model.__name__} cannot be kept as JSON: {error}.",
            "use numbers, text, dates, lists, dicts and Structs, with defaults of their types.",
        ) from error  # fmt: skip


def encode(plugin: str, value: State, kept: str | None) -> str:
    """`value` as it is kept. HandlerError if a field holds something else than its type says, or if it is too long.

    What `kept` has in fields that this version of the class does not know stays: a newer version may have them.
    """
    model = type(value)
    try:
        encoded = msgspec.json.encode(value)
        msgspec.json.decode(encoded, type=model)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise HandlerError(f"plugin {plugin!r}: this {model.__name__} cannot be kept: {error}.") from error
    unknown = _unknown(model, kept)
    if unknown:
        encoded = msgspec.json.encode({**unknown, **msgspec.json.decode(encoded)})
    if len(encoded) > STATE_LIMIT:
        raise HandlerError(
            f"plugin {plugin!r}: this {model.__name__} has {len(encoded)} bytes of JSON, at most {STATE_LIMIT} are "
            "kept. Fix: keep long data in a table (Plugin(tables=...))."
        )
    return encoded.decode()


def decode(plugin: str, model: type[S], kept: str) -> S:
    """What is kept, as an object of `model`. A field whose type has changed is the default again: the log says so."""
    try:
        return msgspec.json.decode(kept, type=model)
    except msgspec.MsgspecError:
        found = _fields(kept)
    good: dict[str, Any] = {}
    for field in msgspec.structs.fields(model):
        if field.encode_name in found:
            try:
                good[field.name] = msgspec.convert(found[field.encode_name], field.type, strict=True)
            except msgspec.MsgspecError:
                log.warning(
                    "plugin %r: what is kept in %s.%s is of another type now, and is the default again",
                    plugin, model.__name__, field.name,
                )  # fmt: skip
    return model(**good)


def _unknown(model: type[State], kept: str | None) -> dict[str, Any]:
    if kept is None:
        return {}
    known = set(model.__struct_encode_fields__)
    return {name: value for name, value in _fields(kept).items() if name not in known}


def _fields(kept: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(kept)
    except msgspec.MsgspecError:
        return {}
    return found if isinstance(found, dict) else {}
