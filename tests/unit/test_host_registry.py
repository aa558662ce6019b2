"""The registry: every clash is told at once with both providers, and handlers are checked when declared."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from astral_core import (
    ANY,
    CHANNEL,
    GROUP,
    PRIVATE,
    ChatKind,
    Command,
    Context,
    Event,
    MenuItem,
    Routes,
    Subscriber,
    Update,
    Webhook,
    WebRoute,
    core_plugin,
)
from astral_core.config import Settings
from astral_core.errors import ConflictError, DeclarationError, PluginLoadError
from astral_core.host.discover import from_file
from astral_core.host.handlers import check_handler
from astral_core.host.host import load
from astral_core.host.registry import Registry, build_registry
from astral_core.host.state import Plugin, State

STOP = {"host": {"on_error": "stop"}}
MakePlugin = Callable[..., Plugin]
MakeSettings = Callable[..., Settings]


async def handler(update: Update, ctx: Context) -> None:
    """Does nothing."""


async def page(request: Any, ctx: Any) -> Any:
    """An HTTP route's handler."""


class Full(Event):
    """An event of the plugin `moon`."""

    name = "moon.full"


async def on_full(event: Full, ctx: Context) -> None:
    """A subscriber."""


def plugin(plugin_id: str, **declared: list[Any]) -> Plugin:
    """A plugin with these declarations."""
    made = Plugin(plugin_id, f"astral-{plugin_id}", "1.0", f"astral_{plugin_id}.plugin")
    for name, items in declared.items():
        setattr(made.declared, name, items)
    return made


def build(*plugins: Plugin, renames: dict[str, str] | None = None) -> Registry:
    """The registry of these plugins; the webhook path /hook is allowed."""
    return build_registry(plugins, renames or {}, ("/hook",))


def catch_all() -> Routes:
    """Routes with a catch-all text."""
    routes = Routes()
    routes.text()(handler)
    return routes


def test_all_conflicts_are_told_together_with_both_providers() -> None:
    """An owner mends everything in one go instead of one clash a restart."""
    one = plugin("moon", routes=[Command("start", handler), *catch_all()], web=[Webhook("/hook", page)])
    two = plugin("sun", routes=[Command("start", handler), *catch_all()], web=[Webhook("/hook", page)])
    with pytest.raises(ConflictError) as caught:
        build(one, two)
    assert len(caught.value.conflicts) == 3
    text = str(caught.value)
    for line in ("command 'start'", "catch-all text", "webhook '/hook'"):
        assert line in text
    assert text.count("'moon' (astral-moon 1.0)") == text.count("'sun' (astral-sun 1.0)") == 3
    assert '[commands] "sun.start" = "sun_start"' in text


def test_the_line_that_the_conflict_names_solves_it(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """A renamed command clashes no more, and is found under its new name."""
    plugins = [make_plugin("moon", [Command("tide", handler)]), make_plugin("sun", [Command("tide", handler)])]
    with pytest.raises(ConflictError):
        load(make_settings(**STOP), core_plugin, plugins)
    fresh = [make_plugin("moon", [Command("tide", handler)]), make_plugin("sun", [Command("tide", handler)])]
    registry = load(make_settings(commands={"sun.tide": "sun_tide"}), core_plugin, fresh).registry
    assert registry.commands["tide"].plugin == "moon"
    assert registry.commands["sun_tide"].plugin == "sun"


def test_a_clash_with_the_core_is_a_clash_too(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """Nobody takes /start away from the core in silence."""
    with pytest.raises(ConflictError, match=r"'core' .*'moon'"):
        load(make_settings(**STOP), core_plugin, [make_plugin("moon", [Command("start", handler)])])


def test_in_production_the_later_one_of_a_clash_goes_and_the_others_serve(
    make_plugin: MakePlugin, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named with all its clashes, both providers and the way out; what needs it goes with it."""
    moon = make_plugin("moon", [Command("tide", handler), Command("eclipse", handler)])
    sun = make_plugin("sun", [Command("tide", handler), Command("eclipse", handler), Command("sun", handler)])
    needs = make_plugin("zenith", [Command("zenith", handler)], requires=("astral-sun",))
    host = load(make_settings(), core_plugin, [moon, sun, needs])
    assert [(p.id, p.state.value, p.phase) for p in host.plugins if not p.alive] == [
        ("sun", "failed", "conflicts"), ("zenith", "quarantined", "dependencies"),
    ]  # fmt: skip
    assert {bound.plugin for bound in host.registry.commands.values()} == {"core", "moon"}
    for said in ("'tide' is declared by 'moon' (astral-moon 1.0) and by 'sun' (astral-sun 1.0)", "'eclipse'",
                 '[commands] "sun.tide" = "sun_tide"'):  # fmt: skip
        assert said in sun.reason
        assert said in caplog.text
    assert "needs 'sun', which is failed" in needs.reason


def test_who_is_required_wins_a_clash(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """A plugin that somebody installs cannot push out the one that the owner cannot do without."""
    plugins = [make_plugin("moon", [Command("pay", handler)]), make_plugin("payments", [Command("pay", handler)])]
    host = load(make_settings(), core_plugin, plugins)
    assert host.registry.commands["pay"].plugin == "payments"
    assert not plugins[0].alive


def test_who_clashes_only_with_one_that_goes_anyway_stays(
    make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """Of three in a row the middle one goes: with it both clashes are gone."""
    plugins = [
        make_plugin("aa", [Command("x", handler)]),
        make_plugin("bb", [Command("x", handler), Command("y", handler)]),
        make_plugin("cc", [Command("y", handler)]),
    ]
    load(make_settings(), core_plugin, plugins)
    assert [plugin.alive for plugin in plugins] == [True, False, True]


def test_what_a_required_plugin_stands_on_is_required_too(
    make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """The other one of a clash goes, though it comes first: without its base the required one could not run."""
    other = make_plugin("aa", [Command("x", handler)])
    base = make_plugin("base", [Command("x", handler)])
    pay = make_plugin("pay", [Command("pay", handler)], requires=("astral-base",))
    load(make_settings(host={"required": ("pay",)}), core_plugin, [other, base, pay])
    assert [plugin.alive for plugin in (other, base, pay)] == [False, True, True]


def test_a_second_plugin_of_one_id_does_not_disarm_the_first(
    make_plugin: MakePlugin, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """A file beside an installed plugin of the same name is refused with its name, and the first one serves."""
    (tmp_path / "moon.py").touch()
    first, second = make_plugin("moon", [Command("tide", handler)]), from_file(tmp_path / "moon.py")
    host = load(make_settings(), core_plugin, [first, second])
    assert (second.state, second.phase) == (State.FAILED, "discovery")
    assert "'moon' (astral-moon 1.0) has this id already" in second.reason
    assert "tide" in host.registry.commands
    assert host.runner.implements("astral_routes", "moon")
    assert [plugin for plugin in host.plugins if plugin.id == "moon"] == [first]


def test_a_clash_of_two_required_ones_stops_the_start(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """The bot must not serve without either of them."""
    plugins = [make_plugin("moon", [Command("pay", handler)]), make_plugin("sun", [Command("pay", handler)])]
    with pytest.raises(PluginLoadError, match="conflicts"):
        load(make_settings(host={"required": ("moon", "sun")}), core_plugin, plugins)


def test_a_thousand_plugins_are_loaded_in_proportion(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """No step of the loading looks at all plugins for each plugin: the calls grow as the plugins do."""

    def calls(number: int) -> int:
        plugins = [make_plugin(f"p{n}", [Command(f"c{n}", handler)]) for n in range(number)]
        settings, counted = make_settings(), 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal counted
            counted += event == "call"

        sys.setprofile(count)
        try:
            load(settings, core_plugin, plugins)
        finally:
            sys.setprofile(None)
        return counted

    few, many = calls(20), calls(200)
    assert many < few * 12


@pytest.mark.parametrize("name", ["", "Start", "a-b", "команда", "x" * 33, "a b"])
def test_commands_that_telegram_refuses_are_refused(name: str) -> None:
    """1-32 of a-z 0-9 _, also after a rename."""
    with pytest.raises(DeclarationError, match="must be 1-32"):
        build(plugin("moon", routes=[Command(name, handler)]))
    with pytest.raises(DeclarationError, match="must be 1-32"):
        build(plugin("moon", routes=[Command("moon", handler)]), renames={"moon.moon": name})


def two_of(kind: str) -> list[Any]:
    """Two routes of a kind with one name."""
    routes = Routes()
    makers: dict[str, Callable[[], Callable[[Any], Any]]] = {
        "command": lambda: routes.command("x"),
        "callback": lambda: routes.callback("x"),
        "question": lambda: routes.question("x"),
        "deep_link": routes.deep_link,
        "payment": routes.payment,
        "text": routes.text,
    }
    for _ in range(2):
        makers[kind]()(several)
    return list(routes)


async def several(update: Update, ctx: Context, rest: str = "") -> None:
    """Fits every kind."""


@pytest.mark.parametrize("kind", ["command", "callback", "question", "deep_link", "payment", "text"])
def test_one_plugin_declares_nothing_twice(kind: str) -> None:
    """A second route of the same name would replace the first without a word."""
    with pytest.raises(DeclarationError, match=r"'moon'.*tw"):
        build(plugin("moon", routes=two_of(kind)))


def test_web_routes_and_subscribers_are_unique_within_their_plugin() -> None:
    """aiohttp would stop the whole server for the first; rows of events are found by the second's name."""
    with pytest.raises(DeclarationError, match="declares the web route 'GET /now of moon' twice"):
        build(plugin("moon", web=[WebRoute("GET", "/now", page), WebRoute("get", "/now", page)]))
    with pytest.raises(DeclarationError, match="twice"):
        build(plugin("moon", events=[Full, Subscriber(Full, on_full), Subscriber(Full, on_full)]))


def test_an_absolute_webhook_needs_the_owners_leave() -> None:
    """A plugin cannot claim any path of the server, and the error names the setting."""
    with pytest.raises(DeclarationError, match=r"\[web\] webhooks"):
        build(plugin("moon", web=[Webhook("/metrics", page)]))


def test_things_that_are_no_declarations_are_told() -> None:
    """A forgotten decorator returns a function instead of a route."""
    for name in ("routes", "events"):
        with pytest.raises(DeclarationError, match="returned"):
            build(plugin("moon", **{name: [handler]}))


def test_stacked_decorators_give_one_handler_many_ways_in() -> None:
    """A command and two buttons may share a handler; each has its own route."""
    routes = Routes()

    @routes.command("moon", description="The moon")
    @routes.callback("moon.open")
    @routes.callback("moon.again")
    async def moon(update: Update, ctx: Context) -> None:
        """Shown by all three."""

    registry = build(plugin("moon", routes=list(routes)))
    assert set(registry.callbacks) == {"moon:moon.open", "moon:moon.again"}
    assert registry.commands["moon"].description == "The moon"
    assert registry.key_of(moon) == "moon:moon.open"


def not_async(update: Update, ctx: Context) -> None:
    """A handler whose author forgot `async`."""


async def too_few(update: Update) -> None:
    """Takes no ctx."""


async def other_name(update: Update, ctx: Context, number: int) -> None:
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
        build(plugin("moon", routes=list(routes)))


def test_partials_callable_objects_and_defaults_are_handlers() -> None:
    """Whatever can be awaited with the arguments is accepted."""

    class Callable_:  # noqa: N801  # a name that is not typing's
        async def __call__(self, update: Update, ctx: Context) -> None:
            """Handle."""

    async def with_more(extra: int, update: Update, ctx: Context, n: int = 1) -> None:
        """For a partial."""

    check_handler("moon", "command", Callable_(), ("update", "ctx"))
    check_handler("moon", "command", functools.partial(with_more, 1), ("update", "ctx"), ["n"])


def test_a_menu_item_leads_somewhere_without_arguments() -> None:
    """The menu makes its buttons itself and has no values to give."""
    routes = Routes()
    route: Any = routes.callback("again/{number:int}")(other_name)
    for item in (MenuItem("Again", route), MenuItem(" ", route)):
        with pytest.raises(DeclarationError, match="menu item"):
            build(plugin("moon", routes=list(routes), menu=[item]))


def test_the_menus_buttons_answer_in_the_private_chat() -> None:
    """The menu is shown nowhere else, and a button of it that leads to nothing would be a riddle."""
    routes = Routes()
    route: Any = routes.callback("play", chat=GROUP)(handler)
    with pytest.raises(DeclarationError, match=r"does not answer. Fix: declare 'play' with chat=PRIVATE \| GROUP"):
        build(plugin("moon", routes=list(routes), menu=[MenuItem("Play", route)]))


def test_everything_answers_in_the_private_chat_unless_it_says_more() -> None:
    """A group has to be asked for, of each route."""
    routes = Routes()
    for chat in ({}, {"chat": ANY}):
        name = "quiet" if not chat else "loud"
        for declare in (routes.command, routes.callback, routes.question):
            declare(name, **chat)(several)
    routes.text(chat=GROUP)(handler)
    routes.deep_link()(several)
    registry = build(plugin("moon", routes=list(routes)))
    for table, key in ((registry.commands, ""), (registry.callbacks, "moon:"), (registry.questions, "moon.")):
        assert (table[f"{key}quiet"].chat, table[f"{key}loud"].chat) == (PRIVATE, ANY)
    assert (registry.text and registry.text.chat, registry.deep_links["moon"].chat) == (GROUP, PRIVATE)


@pytest.mark.parametrize("kind", ["command", "question", "deep_link", "text"])
@pytest.mark.parametrize("chat", [CHANNEL, ChatKind(0), "group"])
def test_a_route_that_could_answer_nowhere_is_refused(kind: str, chat: Any) -> None:
    """Nobody writes in a channel as a person; a word is no kind of chat."""
    routes = Routes()
    name = ["x"] if kind in ("command", "question") else []
    getattr(routes, kind)(*name, chat=chat)(several)
    with pytest.raises(DeclarationError, match=r"'moon': the .* cannot answer in chat=.*PRIVATE \| GROUP"):
        build(plugin("moon", routes=list(routes)))


def test_each_of_telegrams_menus_has_room_of_its_own() -> None:
    """A hundred commands for private chats and a hundred for groups; one more is refused by name."""
    here = [Command(f"p{n}", handler, description="x") for n in range(100)]
    there = [Command(f"g{n}", handler, description="x", chat=GROUP) for n in range(100)]
    build(plugin("moon", routes=[*here, *there]))
    with pytest.raises(DeclarationError, match="/g100 is one of 101 in Telegram's menu"):
        build(plugin("moon", routes=[*here, *there, Command("g100", handler, description="x", chat=GROUP)]))


def test_withdrawing_a_plugin_takes_all_its_ways_in() -> None:
    """A plugin whose lifespan failed answers no command, button, job or event, and wraps nobody's handlers."""
    routes = Routes()
    for declare in (routes.command("tide"), routes.callback("tide"), routes.question("when"), routes.payment()):
        declare(handler)
    registry = build(
        plugin("moon", routes=[*routes, *catch_all()], events=[Full, Subscriber(Full, on_full)]),
        plugin("sun", routes=[Command("sun", handler)]),
    )
    registry.withdraw("moon")
    assert set(registry.commands) == {"sun"}
    assert not registry.callbacks
    assert not registry.questions
    assert not registry.payments
    assert registry.text is None
    assert registry.subscribers["moon.full"] == []


def test_a_route_of_nobody_says_what_is_missing() -> None:
    """A collector that astral_routes does not return is the usual mistake."""
    with pytest.raises(DeclarationError, match="return its Routes collector from astral_routes"):
        build().key_of(Routes().callback("x")(handler))


@pytest.mark.parametrize("description", ["x" * 257, "   "])
def test_descriptions_that_telegram_refuses_are_refused(description: str) -> None:
    """One bad description would make Telegram refuse the whole menu, in silence."""
    with pytest.raises(DeclarationError, match="'moon': the description of command 'rise' must be 1-256"):
        build(plugin("moon", routes=[Command("rise", handler, description=description)]))
    build(plugin("moon", routes=[Command("rise", handler, description="x" * 256), Command("set", handler)]))


def test_a_menu_of_more_than_100_commands_is_refused() -> None:
    """Telegram takes 100; hidden ones, admins' ones and those without a description are not in the menu."""
    listed = [Command(f"c{number}", handler, description="x") for number in range(100)]
    others = [Command("a", handler, description="x", hidden=True), Command("b", handler, description="x", admin=True)]
    sun = plugin("sun", routes=[*listed, *others, Command("c", handler)])
    build(sun)
    with pytest.raises(DeclarationError, match="'moon': its command /rise is one of 101 in Telegram's menu"):
        build(sun, plugin("moon", routes=[Command("rise", handler, description="x")]))


def test_wishes_that_nothing_answers_are_warned_of(
    make_plugin: MakePlugin, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """A rename of no command, a required plugin that is switched off or not installed: each is told."""
    moon, sun = make_plugin("moon", [Command("rise", handler)]), make_plugin("sun", [Command("shine", handler)])
    sun.set_aside(State.DISABLED, "settings", "switched off in [host]")
    settings = make_settings(
        commands={"moon.rize": "up", "moon.rise": "mup", "mars.land": "land", "sun.shine": "glow"},
        host={"required": ("sun", "mars")},
    )
    load(settings, core_plugin, [moon, sun])
    assert "[commands] 'moon.rize' renames no command. Did you mean 'moon.rise'?" in caplog.text
    assert "[commands] 'mars.land' renames no command." in caplog.text
    assert "required names 'sun', which [host] switches off" in caplog.text
    assert "required names 'mars', which is not installed" in caplog.text
    assert len(caplog.records) == 4
    caplog.clear()
    load(make_settings(), core_plugin, [make_plugin("moon", [Command("rise", handler)])])
    assert caplog.records == []
