"""The authors' object: decorators that leave functions usable, calls of routes, hooks by the names of functions."""

from __future__ import annotations

from typing import Any

import pytest

from astral_core import Call, Context, Event, Plugin, Route, Routes, named_route
from astral_core.errors import HandlerError


class Drawn(Event):
    """An event of the plugin `cards`."""

    name = "cards.drawn"


async def show(ctx: Context, n: int, *, word: str = "moon") -> None:
    """A handler with arguments."""


async def plain(ctx: Context) -> None:
    """A handler without."""


async def kept(ctx: Context, **answers: Any) -> None:
    """A handler that takes whatever was kept."""


def test_a_route_that_is_called_is_a_call_with_named_arguments() -> None:
    """In any spelling of the call; defaults stay with the handler."""
    route = Routes().callback("show/{n:int}")(show)
    for call in (route(1), route(n=1)):
        assert isinstance(call, Call)
        assert (call.route, dict(call.arguments)) == (route, {"n": 1})
    assert dict(route(2, word="sun").arguments) == {"n": 2, "word": "sun"}
    question = Routes().question("name")(kept)
    assert dict(question(order=7, self="x").arguments) == {"order": 7, "self": "x"}


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2), {}), ((), {"m": 1}), ((1,), {"ctx": 2})])
def test_a_call_that_the_handler_does_not_take_is_told_where_it_is_made(args: Any, kwargs: Any) -> None:
    """By the route's name and what it takes, not when somebody presses."""
    route: Any = Routes().callback("show/{n:int}")(show)
    with pytest.raises(HandlerError, match=r"route 'show' .*takes \(n: .*word: "):
        route(*args, **kwargs)


def test_decorators_stack_and_leave_the_function_within_reach() -> None:
    """A command gives the function, a button its route; each way in is declared with the function itself."""
    routes = Routes()
    opened = routes.callback("open")(plain)
    assert routes.command("cards")(plain) is plain
    assert routes.command("deck")(opened) is opened
    assert isinstance(opened, Route)
    assert opened.handler is plain
    assert [getattr(item, "handler", None) for item in routes] == [plain] * 3


def test_a_plugin_has_the_routes_of_its_collectors_and_its_own() -> None:
    """In this order, also what its collectors get after the plugin was made."""
    routes = Routes()
    plugin = Plugin(routes=[routes], events=[Drawn])
    plugin.command("own")(plain)
    routes.command("other")(plain)
    assert [getattr(item, "name", "") for item in plugin] == ["other", "own"]


def test_hooks_are_functions_by_their_names() -> None:
    """The function stays what it was, in all three spellings."""
    plugin = Plugin()

    @plugin.hook
    async def astral_health(ctx: Any) -> None:
        """A hook of the core."""

    @plugin.hook(optional=True)
    async def other_tides(ctx: Any) -> None:
        """A hook of a plugin that may be missing."""

    @plugin.hookspec
    def cards_faces(ctx: Any) -> None:
        """A hook of its own."""

    assert plugin.hook(plain) is plain
    found = [(hook.name, hook.function, hook.optional) for hook in plugin.hooks]
    assert found == [
        ("astral_health", astral_health, False), ("other_tides", other_tides, True), ("plain", plain, False),
    ]  # fmt: skip
    assert plugin.hookspecs == [cards_faces]


def test_a_route_of_another_plugin_is_called_by_its_name() -> None:
    """It need not be there."""
    call = named_route("payments:buy")(code="mug")
    assert (call.route.name, dict(call.arguments)) == ("payments:buy", {"code": "mug"})
