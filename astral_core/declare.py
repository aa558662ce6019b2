"""What plugins declare: frozen records without behaviour. `astral_core/routes.py` has the decorators that make them.

A declaration does nothing. The host checks all declarations of all plugins together, and only then does the core
build routes, tables and handlers from them.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Final, Generic, Literal, ParamSpec

import msgspec
from sqlalchemy import MetaData

from astral_core.errors import HandlerError

P = ParamSpec("P")
Handler = Callable[..., Awaitable[Any]]
Answer = Literal["auto", "manual"]


class ChatKind(enum.Flag):
    """Where a route may answer; `|` joins kinds. GROUP is groups and supergroups, with their topics."""

    PRIVATE = enum.auto()
    GROUP = enum.auto()
    CHANNEL = enum.auto()
    ANY = PRIVATE | GROUP | CHANNEL

    def __repr__(self) -> str:
        """The names that authors write."""
        return " | ".join(str(kind.name) for kind in self) or "ChatKind(0)"


# Who may use a route, beside the roles that plugins declare and the owner gives to people.
OWNER: Final = "owner"  # the bot's admins
CHAT_ADMIN: Final = "chat_admin"  # administrators of the group

PRIVATE, GROUP, CHANNEL, ANY = ChatKind.PRIVATE, ChatKind.GROUP, ChatKind.CHANNEL, ChatKind.ANY


# --- routes, and calls of them


@dataclass(frozen=True, eq=False)
class Route(Generic[P]):
    """A handler with a name within its plugin. Calling it makes a `Call`; `handler` is the function itself."""

    handler: Handler
    name: str

    @cached_property
    def _signature(self) -> inspect.Signature:
        signature = inspect.signature(self.handler)
        return signature.replace(parameters=list(signature.parameters.values())[1:])  # without the context

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call by name. HandlerError where the handler does not take them."""
        known = self._signature.parameters
        unknown = next((name for name in kwargs if name not in known), None)
        if unknown is not None and not any(one.kind is one.VAR_KEYWORD for one in known.values()):
            raise HandlerError(f"route {self.name!r} has no argument {unknown!r}; it takes {self._signature}.")
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise HandlerError(f"route {self.name!r} takes {self._signature}: {error}.") from None
        named: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            if self._signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                named |= value
            else:
                named[name] = value
        return named


def not_called(given: object) -> str:
    """What is wrong with what should be a call of a route, and how to write it."""
    if isinstance(given, Call):
        return f"a {type(given).__name__} of {given.route.name!r}"
    if isinstance(given, Route):
        return f"the route itself. Fix: call it, {given.name}(...)"
    return f"{given!r}"[:200]


@dataclass(frozen=True, slots=True)
class Call:
    """A route with its arguments, to be made later: on a button, as durable work, for an answer, behind a link."""

    route: Route[Any]
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Flood:
    """At most `most` uses of a route in `per` seconds, for each user, or for each chat with `of="chat"`."""

    most: int = field(kw_only=False)
    per: float
    of: Literal["user", "chat"] = "user"

    def __post_init__(self) -> None:
        if not (isinstance(self.most, int) and self.most > 0 and self.per > 0 and self.of in ("user", "chat")):
            raise HandlerError(f'{self!r} limits nothing. Fix: Flood(3, per=60), or Flood(3, per=60, of="chat").')


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of domain events: `name` is `<plugin>.<what>`; fields are JSON values."""

    name: ClassVar[str] = ""


# --- what a plugin is made of besides


@dataclass(frozen=True)
class Tables:
    """A plugin's tables, and the package of its Alembic version files: `migrations` beside the plugin unless told."""

    metadata: MetaData
    migrations: str = ""


@dataclass(frozen=True)
class Hook:
    """A function for the hook that it is named after; if it is `optional`, whoever brings the hook may be missing."""

    function: Callable[..., Any]
    optional: bool = False

    @property
    def name(self) -> str:
        """The hook's name."""
        return self.function.__name__
