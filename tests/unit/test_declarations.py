"""Declarations of one plugin: what could never work is refused at the start, in words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from astral_core import ANY, CHANNEL, GROUP, PRIVATE, ChatKind, Context, Event, Plugin, Routes
from astral_core.errors import DeclarationError
from astral_core.host.discover import take
from astral_core.host.registry import Registry, build_registry
from astral_core.host.state import LoadedPlugin
from astral_core.kinds.deep_link import DeepLinks
from astral_core.kinds.signatures import check_handler
from astral_core.kinds.text import Texts


async def handler(ctx: Context) -> None:
    """Does nothing."""


async def page(ctx: Any, request: Any) -> Any:
    """An HTTP route's handler."""


class Full(Event):
    """An event of the plugin `moon`."""

    name = "moon.full"


def commands(*names: str, **options: Any) -> Routes:
    """Routes with these commands."""
    routes = Routes()
    for name in names:
        routes.command(name, **options)(handler)
    return routes


def build(*routes: Routes, renames: dict[str, str] | None = None, **declared: Any) -> Registry:
    """The registry of one plugin `moon` with these routes; the webhook path /hook is allowed."""
    moon = LoadedPlugin("moon", "astral-moon", "1.0", "astral_moon.plugin")
    take(moon, Plugin(routes=routes, **declared), "astral_moon")
    return build_registry([moon], renames or {}, ("/hook",))


@pytest.mark.parametrize("name", ["", "Start", "a-b", "команда", "x" * 33, "a b"])
def test_commands_that_telegram_refuses_are_refused(name: str) -> None:
    """1-32 of a-z 0-9 _, also after a rename."""
    with pytest.raises(DeclarationError, match="must be 1-32"):
        build(commands(name))
    with pytest.raises(DeclarationError, match="must be 1-32"):
        build(commands("moon"), renames={"moon.moon": name})


async def several(ctx: Context, view: Any = None) -> None:
    """Fits every kind."""


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("command", ("x",)),
        ("callback", ("x",)),
        ("question", ("x",)),
        ("step", ("x",)),
        ("deep_link", ("x",)),
        ("payment", ()),
        ("text", ()),
        ("job", ("x",)),
        ("page", ("GET", "/x")),
        ("event", (Full,)),
    ],
)
def test_one_plugin_declares_nothing_twice(kind: str, arguments: tuple[Any, ...]) -> None:
    """A second one of the same name would replace the first without a word, or stop the whole server."""
    routes = Routes()
    options = {"every": 60} if kind == "job" else {}
    for _ in range(2):
        getattr(routes, kind)(*arguments, **options)(several)
    with pytest.raises(DeclarationError, match=r"'moon'.*tw"):
        build(routes, events=[Full])


def test_the_method_of_a_page_is_the_same_in_small_letters() -> None:
    """aiohttp would stop the whole server for the second one."""
    routes = Routes()
    for method in ("GET", "get"):
        routes.page(method, "/now")(page)
    with pytest.raises(DeclarationError, match="declares the page 'GET /now of moon' twice"):
        build(routes)


def test_an_absolute_webhook_needs_the_owners_leave() -> None:
    """A plugin cannot claim any path of the server, and the error names the setting."""
    routes = Routes()
    routes.webhook("/metrics")(page)
    with pytest.raises(DeclarationError, match=r"\[web\] webhooks"):
        build(routes)


def test_things_that_are_no_declarations_are_told() -> None:
    """A forgotten call gives a function instead of a class of events."""
    with pytest.raises(DeclarationError, match="handler"):
        build(events=[handler])


def test_stacked_decorators_give_one_handler_many_ways_in() -> None:
    """A command and two buttons may share a handler; each has its own route."""
    routes = Routes()

    @routes.command("moon", description="The moon")
    @routes.callback("moon.open")
    @routes.callback("moon.again")
    async def moon(ctx: Context) -> None:
        """Shown by all three."""

    registry = build(routes)
    assert set(registry.callbacks) == {"moon:moon.open", "moon:moon.again"}
    assert registry.commands["moon"].declared.description == "The moon"
    assert registry.key_of(moon) == "moon:moon.open"


def not_async(ctx: Context) -> None:
    """A handler whose author forgot `async`."""


async def too_few() -> None:
    """Takes no ctx."""


async def other_name(ctx: Context, number: int) -> None:
    """Takes an argument of another name."""


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (not_async, "must be `async def`"),
        (too_few, "too many positional"),
        (other_name, "number"),
        (3, "no function"),
    ],
)
def test_a_handler_that_could_never_run_is_refused_at_the_start(wrong: Any, complaint: str) -> None:
    """Its author learns of it at once, not its first user."""
    routes = Routes()
    routes.callback("again/{n:int}")(wrong)
    with pytest.raises(DeclarationError, match=complaint):
        build(routes)


async def old_style(update: Any, ctx: Any) -> None:
    """A handler of the time when the update came first."""


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [("command", ("x",)), ("callback", ("x",)), ("question", ("x",)), ("text", ()), ("deep_link", ("x",))],
)
def test_a_handler_that_wants_the_update_first_is_refused_with_the_way_out(
    kind: str, arguments: tuple[Any, ...]
) -> None:
    """It would get the context as its update; python-telegram-bot's own handlers have `raw`."""
    with pytest.raises(DeclarationError, match=r"write `async def old_style\(ctx: Context\) -> None:`"):
        getattr(Routes(), kind)(*arguments)(old_style)


def test_partials_callable_objects_and_defaults_are_handlers() -> None:
    """Whatever can be awaited with the arguments is accepted."""

    class Callable_:  # noqa: N801  # a name that is not typing's
        async def __call__(self, ctx: Context) -> None:
            """Handle."""

    async def with_more(extra: int, ctx: Context, n: int = 1) -> None:
        """For a partial."""

    check_handler("moon", "command", Callable_(), ("ctx",))
    check_handler("moon", "command", functools.partial(with_more, 1), ("ctx",), ["n"])


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        (" ", lambda route: route(number=1)),
        ("Again", lambda route: route),
        ("Again", lambda route: route(number="x")),
    ],
)
def test_a_menu_item_has_a_text_and_a_call_that_fits(text: str, lead: Callable[[Any], Any]) -> None:
    """The menu makes its buttons when somebody opens it: what cannot be a button is told at the start."""
    routes = Routes()
    route = routes.callback("again/{number:int}")(other_name)
    routes.menu("Again", route(number=1))
    build(routes)
    routes.menu(text, lead(route))
    with pytest.raises(DeclarationError, match="menu item"):
        build(routes)


def test_the_menus_buttons_answer_in_the_private_chat() -> None:
    """The menu is shown nowhere else, and a button of it that leads to nothing would be a riddle."""
    routes = Routes()
    route: Any = routes.callback("play", chat=GROUP)(handler)
    routes.menu("Play", route())
    with pytest.raises(DeclarationError, match=r"does not answer. Fix: declare 'play' with chat=PRIVATE \| GROUP"):
        build(routes)


def test_everything_answers_in_the_private_chat_unless_it_says_more() -> None:
    """A group has to be asked for, of each route."""
    routes = Routes()
    for chat in ({}, {"chat": ANY}):
        name = "quiet" if not chat else "loud"
        for declare in (routes.command, routes.callback, routes.question):
            declare(name, **chat)(handler)
    routes.text(chat=GROUP)(handler)
    routes.deep_link("buy")(handler)
    registry = build(routes)
    for table, key in ((registry.commands, ""), (registry.callbacks, "moon:"), (registry.questions, "moon.")):
        assert (table[f"{key}quiet"].chat, table[f"{key}loud"].chat) == (PRIVATE, ANY)
    others = [route.chat for kind in (Texts, DeepLinks) for route in registry.of(kind).routes.values()]
    assert others == [GROUP, PRIVATE]


@pytest.mark.parametrize(
    ("kind", "chat"),
    [(kind, chat) for kind in ("command", "question", "deep_link") for chat in (CHANNEL, ChatKind(0), "group")]
    + [(kind, chat) for kind in ("message", "text") for chat in (ChatKind(0), "group")],
)
def test_a_route_that_could_answer_nowhere_is_refused(kind: str, chat: Any) -> None:
    """Nobody writes in a channel as a person, but its posts are text; a word is no kind of chat."""
    routes = Routes()
    name = [] if kind in ("message", "text") else ["x"]
    getattr(routes, kind)(*name, chat=chat)(handler)
    with pytest.raises(DeclarationError, match=r"'moon': the .* cannot answer in chat=.*PRIVATE \| GROUP"):
        build(routes)


def test_telegram_is_asked_for_what_the_routes_take() -> None:
    """Posts of channels, edited messages and reactions come only if somebody wants them."""
    routes = Routes()
    routes.text()(handler)
    base = build(routes).updates()
    assert base == {"message"}
    routes.text(chat=CHANNEL)(handler)
    routes.on("message_reaction", chat=GROUP)(several)
    routes.pre_checkout()(several)
    more = {"channel_post", "message_reaction", "pre_checkout_query"}
    assert build(routes).updates() == base | more


def test_each_of_telegrams_menus_has_room_of_its_own() -> None:
    """A hundred commands for private chats and a hundred for groups; one more is refused by name."""
    here = commands(*(f"p{n}" for n in range(100)), description="x")
    there = commands(*(f"g{n}" for n in range(100)), description="x", chat=GROUP)
    build(here, there)
    with pytest.raises(DeclarationError, match="/g100 is one of 101 commands in Telegram's menu"):
        build(here, there, commands("g100", description="x", chat=GROUP))


def test_a_route_of_nobody_says_what_is_missing() -> None:
    """A collector that Plugin(routes=...) does not get is the usual mistake."""
    with pytest.raises(DeclarationError, match=r"Plugin\(routes=\[\.\.\.\]\)"):
        build().key_of(Routes().callback("x")(handler))


@pytest.mark.parametrize("description", ["x" * 257, "   "])
def test_descriptions_that_telegram_refuses_are_refused(description: str) -> None:
    """One bad description would make Telegram refuse the whole menu, in silence."""
    with pytest.raises(DeclarationError, match="'moon': the description of command 'rise' must be 1-256"):
        build(commands("rise", description=description))
    build(commands("rise", description="x" * 256), commands("set"))
