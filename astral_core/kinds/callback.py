"""Presses of buttons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, ParamSpec

from astral_core.declare import ANY, PRIVATE, Call, ChatKind, Flood, Route
from astral_core.errors import CallbackDataError, DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, check_chat, registered
from astral_core.kinds.codec import compile_pattern, split

P = ParamSpec("P")
Answer = Literal["auto", "manual"]


class CallbackCall(Call):
    """What a button does when it is pressed."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class CallbackRoute(Route[P]):
    """A button's route. `pattern` is `name/{arg:int}/{arg:slug}/{arg:uuid}`, at most 64 bytes when built.

    With `park` a press is kept while the plugin is away, and handled when it is back.
    """

    pattern: str = ""
    answer: Answer = "auto"
    park: bool = False
    chat: ChatKind = PRIVATE
    flood: Flood | None = None
    timeout: float | None = None

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

    def add(self, plugin: Owner, declared: CallbackRoute[Any], claims: Claims) -> str | None:
        """Prove the pattern's size."""
        del claims
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
        self.routes[codec.key] = route
        return codec.key

    def find(self, incoming: Incoming) -> Match | None:
        """Anybody can send any data: an unreadable button is an expired one, not an error of the plugin."""
        query = incoming.query
        if query is None or query.data is None:  # of a form that is not known, the button of a game, or of the future
            return None
        key, values = split(query.data)
        route = self.routes.get(key)
        if route is None or route.codec is None:
            return incoming.away(key.partition(":")[0], key) or incoming.expired()
        if incoming.chat not in route.chat:
            return incoming.expired()
        try:
            return Match(route, kwargs=route.codec.parse(values))
        except CallbackDataError:
            return incoming.expired()

    def is_answered_at_once(self, data: str) -> bool:
        """Whether a press with this callback data is answered before its handler."""
        route = self.routes.get(data.partition("/")[0])
        return route is not None and route.declared.answer == "auto"
