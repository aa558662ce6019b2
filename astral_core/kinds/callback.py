"""Presses of buttons."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec

from astral_core.declare import ANY, CHAT_ADMIN, PRIVATE, Call, ChatKind, Flood, Route
from astral_core.errors import CallbackDataError, DeclarationError
from astral_core.kinds.base import (
    Claims,
    Incoming,
    Kind,
    Match,
    Owner,
    RegisteredHandler,
    check_chat,
    registered,
)
from astral_core.kinds.codec import OldData, compile_old, compile_pattern, split

P = ParamSpec("P")
Answer = Literal["auto", "manual"]


class CallbackCall(Call):
    """What a button does when it is pressed."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class CallbackRoute(Route[P]):
    """A button's route. `pattern` is `name/{arg:int}/{arg:slug}/{arg:uuid}`, at most 64 bytes when built.

    With `park` a press is kept while the plugin is away, and handled when it is back. `was` are spellings of data
    that old buttons carry.
    """

    pattern: str = ""
    answer: Answer = "auto"
    park: bool = False
    chat: ChatKind = PRIVATE
    role: str | None = None
    flood: Flood | None = None
    timeout: float | None = None
    was: tuple[str, ...] = ()

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> CallbackCall:
        """A press of a button with these arguments."""
        return CallbackCall(self, self.arguments(args, kwargs))


async def _elsewhere(ctx: Any) -> None:
    """Stands for the handler of a route that another plugin has."""


@dataclass(frozen=True, eq=False)
class NamedRoute(Route[...]):
    """A button's route of another plugin, by its name."""

    def __call__(self, /, **arguments: Any) -> CallbackCall:
        """A press of a button with these arguments."""
        return CallbackCall(self, arguments)


def named_route(key: str) -> NamedRoute:
    """The button's route `plugin:name` of another plugin: `named_route("payments:buy")(code="mug")`.

    It need not exist: ask `ctx.has_route` before you show a button of it.
    """
    return NamedRoute(_elsewhere, key)


class Callbacks(Kind):
    """Found by the first part of the button's data."""

    declares = CallbackRoute
    name, plural = "callback", "buttons"
    updates = frozenset(("callback_query",))
    always = True

    def __init__(self) -> None:
        super().__init__()
        self._old: list[tuple[OldData, str]] = []

    def add(self, plugin: Owner, declared: CallbackRoute[Any], claims: Claims) -> str | None:
        """Prove the pattern's size."""
        try:
            codec = compile_pattern(plugin.id, declared.pattern)
        except CallbackDataError as error:
            raise DeclarationError(plugin.id, f"{error}.") from error
        what = f"callback {declared.pattern!r}"
        names = [name for name, _ in codec.arguments]
        route = registered(plugin, declared, Callbacks, declared.name, named=names, what=what, codec=codec)
        check_chat(plugin, what, declared.chat, ANY)
        if codec.key in self.routes:
            raise DeclarationError(plugin.id, f"two callback routes are called {declared.name!r}.")
        if not all(self._add_old(plugin, spelling, route, claims) for spelling in declared.was):
            return None
        self.routes[codec.key] = route
        return codec.key

    def _add_old(self, plugin: Owner, spelling: str, route: RegisteredHandler, claims: Claims) -> bool:
        """Take an old spelling for a route; False if another plugin has it."""
        try:
            old = compile_old(plugin.id, spelling)
        except CallbackDataError as error:
            raise DeclarationError(plugin.id, f"callback {route.name!r}: {error}.") from error
        needed = {name for name, _ in route.codec.arguments if not _has_default(route.handler, name)}
        given = {name for name, _ in old.arguments}
        if not needed <= given <= {name for name, _ in route.codec.arguments}:
            raise DeclarationError(
                plugin.id, f"callback {route.name!r}: was={spelling!r} gives {_named(given)}, the handler needs "
                f"{_named(needed)}.", "name the same arguments, or give the others defaults.",
            )  # fmt: skip
        if not claims.take("old button data", spelling, plugin, "let one of them keep it"):
            return False
        self._old.append((old, route.codec.key))
        return True

    def withdraw(self, plugin: str) -> None:
        """Take out everything of `plugin`."""
        super().withdraw(plugin)
        self._old = [(old, key) for old, key in self._old if key in self.routes]

    def _was(self, data: str) -> tuple[RegisteredHandler, dict[str, Any]] | None:
        """The route of an old button, with its arguments."""
        for old, key in self._old:
            found = old.parse(data)
            if found is not None:
                return self.routes[key], found
        return None

    @staticmethod
    def _unknown(incoming: Incoming, away: Match | None) -> Iterator[Match]:
        """Data that no route here knows: a bot of python-telegram-bot may, whose data has any form."""
        if away is None:
            yield from incoming.foreign()
        found = away or incoming.expired()
        if found is not None:
            yield found

    def find(self, incoming: Incoming) -> Iterator[Match] | Match | None:
        """Anybody can send any data: an unreadable button is an expired one, not an error of the plugin."""
        query = incoming.query
        if query is None or query.data is None:  # of a form that is not known, the button of a game, or of the future
            return None
        key, values = split(query.data)
        route, arguments = self.routes.get(key), None
        if route is not None:
            with contextlib.suppress(CallbackDataError):  # an older version of the route may have made it
                arguments = route.codec.parse(values)
        if arguments is None and self._old:
            route, arguments = self._was(query.data) or (route, None)
        if route is None:
            return self._unknown(incoming, incoming.away(key.partition(":")[0], key))
        if arguments is None or incoming.chat not in route.chat:
            return incoming.expired()
        instead = incoming.expired() if route.role not in (None, CHAT_ADMIN) else None
        return Match(route, kwargs=arguments, instead=instead)

    def is_answered_at_once(self, data: str) -> bool:
        """Whether a press with this callback data is answered before its handler.

        Not where only administrators of the group may press: the answer to others tells them so.
        """
        route = self.routes.get(data.partition("/")[0])
        if route is None and self._old:
            route, _ = self._was(data) or (None, {})
        return route is not None and route.declared.answer == "auto" and route.role != CHAT_ADMIN


def _has_default(handler: Any, name: str) -> bool:
    parameter = inspect.signature(handler).parameters.get(name)
    return parameter is not None and parameter.default is not inspect.Parameter.empty


def _named(names: set[str]) -> str:
    return f"({', '.join(sorted(names))})"
