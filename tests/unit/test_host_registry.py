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
    Context,
    Event,
    Plugin,
    Routes,
)
from astral_core.config import Settings
from astral_core.core_plugin import plugin as core_plugin
from astral_core.errors import ConflictError, DeclarationError, PluginLoadError
from astral_core.host.discover import from_file, take
from astral_core.host.host import load
from astral_core.host.registry import Registry, build_registry
from astral_core.host.state import LoadedPlugin, State
from astral_core.kinds.deep_link import DeepLinks
from astral_core.kinds.signatures import check_handler
from astral_core.kinds.text import Texts

STOP = {"host": {"on_error": "stop"}}
MakePlugin = Callable[..., LoadedPlugin]
MakeSettings = Callable[..., Settings]


async def handler(ctx: Context) -> None:
    """Does nothing."""


async def page(ctx: Any, request: Any) -> Any:
    """An HTTP route's handler."""


class Full(Event):
    """An event of the plugin `moon`."""

    name = "moon.full"


async def on_full(ctx: Context, event: Full) -> None:
    """A subscriber."""


def plugin(plugin_id: str, *routes: Routes, **declared: Any) -> LoadedPlugin:
    """A plugin with these declarations."""
    made = LoadedPlugin(plugin_id, f"astral-{plugin_id}", "1.0", f"astral_{plugin_id}.plugin")
    take(made, Plugin(routes=routes, **declared), f"astral_{plugin_id}")
    return made


def commands(*names: str, **options: Any) -> Routes:
    """Routes with these commands."""
    routes = Routes()
    for name in names:
        routes.command(name, **options)(handler)
    return routes


def build(*plugins: LoadedPlugin, renames: dict[str, str] | None = None) -> Registry:
    """The registry of these plugins; the webhook path /hook is allowed."""
    return build_registry(plugins, renames or {}, ("/hook",))


def test_all_conflicts_are_told_together_with_both_providers() -> None:
    """An owner mends everything in one go instead of one clash a restart."""
    routes = commands("start")
    routes.text()(handler)
    routes.webhook("/hook")(page)
    one, two = plugin("moon", routes), plugin("sun", routes)
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
    plugins = [make_plugin("moon", commands("tide")), make_plugin("sun", commands("tide"))]
    with pytest.raises(ConflictError):
        load(make_settings(**STOP), core_plugin, plugins)
    fresh = [make_plugin("moon", commands("tide")), make_plugin("sun", commands("tide"))]
    registry = load(make_settings(commands={"sun.tide": "sun_tide"}), core_plugin, fresh).registry
    assert registry.commands["tide"].plugin == "moon"
    assert registry.commands["sun_tide"].plugin == "sun"


def test_a_clash_with_the_core_is_a_clash_too(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """Nobody takes /start away from the core in silence."""
    with pytest.raises(ConflictError, match=r"'core' .*'moon'"):
        load(make_settings(**STOP), core_plugin, [make_plugin("moon", commands("start"))])


def test_in_production_the_later_one_of_a_clash_goes_and_the_others_serve(
    make_plugin: MakePlugin, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named with all its clashes, both providers and the way out; what needs it goes with it."""
    moon = make_plugin("moon", commands("tide", "eclipse"))
    sun = make_plugin("sun", commands("tide", "eclipse", "sun"))
    needs = make_plugin("zenith", commands("zenith"), requires=("astral-sun",))
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
    plugins = [make_plugin("moon", commands("pay")), make_plugin("payments", commands("pay"))]
    host = load(make_settings(), core_plugin, plugins)
    assert host.registry.commands["pay"].plugin == "payments"
    assert not plugins[0].alive


def test_who_clashes_only_with_one_that_goes_anyway_stays(
    make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """Of three in a row the middle one goes: with it both clashes are gone."""
    plugins = [
        make_plugin("aa", commands("x")),
        make_plugin("bb", commands("x", "y")),
        make_plugin("cc", commands("y")),
    ]
    load(make_settings(), core_plugin, plugins)
    assert [plugin.alive for plugin in plugins] == [True, False, True]


def test_what_a_required_plugin_stands_on_is_required_too(
    make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """The other one of a clash goes, though it comes first: without its base the required one could not run."""
    other = make_plugin("aa", commands("x"))
    base = make_plugin("base", commands("x"))
    pay = make_plugin("pay", commands("pay"), requires=("astral-base",))
    load(make_settings(host={"required": ("pay",)}), core_plugin, [other, base, pay])
    assert [plugin.alive for plugin in (other, base, pay)] == [False, True, True]


def test_a_second_plugin_of_one_id_does_not_disarm_the_first(
    make_plugin: MakePlugin, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """A file beside an installed plugin of the same name is refused with its name, and the first one serves."""

    async def astral_health(ctx: Any) -> None:
        """Well."""

    (tmp_path / "moon.py").touch()
    first = make_plugin("moon", commands("tide"), hooks=[astral_health])
    second = from_file(tmp_path / "moon.py")
    host = load(make_settings(), core_plugin, [first, second])
    assert (second.state, second.phase) == (State.FAILED, "discovery")
    assert "'moon' (astral-moon 1.0) has this id already" in second.reason
    assert "tide" in host.registry.commands
    assert host.runner.implements("astral_health", "moon")
    assert [plugin for plugin in host.plugins if plugin.id == "moon"] == [first]


def test_a_clash_of_two_required_ones_stops_the_start(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """The bot must not serve without either of them."""
    plugins = [make_plugin("moon", commands("pay")), make_plugin("sun", commands("pay"))]
    with pytest.raises(PluginLoadError, match="conflicts"):
        load(make_settings(host={"required": ("moon", "sun")}), core_plugin, plugins)


def test_a_thousand_plugins_are_loaded_in_proportion(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """No step of the loading looks at all plugins for each plugin: the calls grow as the plugins do."""

    def calls(number: int) -> int:
        plugins = [make_plugin(f"p{n}", commands(f"c{n}")) for n in range(number)]
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
        build(plugin("moon", commands(name)))
    with pytest.raises(DeclarationError, match="must be 1-32"):
        build(plugin("moon", commands("moon")), renames={"moon.moon": name})


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
        build(plugin("moon", routes, events=[Full]))


def test_the_method_of_a_page_is_the_same_in_small_letters() -> None:
    """aiohttp would stop the whole server for the second one."""
    routes = Routes()
    for method in ("GET", "get"):
        routes.page(method, "/now")(page)
    with pytest.raises(DeclarationError, match="declares the page 'GET /now of moon' twice"):
        build(plugin("moon", routes))


def test_an_absolute_webhook_needs_the_owners_leave() -> None:
    """A plugin cannot claim any path of the server, and the error names the setting."""
    routes = Routes()
    routes.webhook("/metrics")(page)
    with pytest.raises(DeclarationError, match=r"\[web\] webhooks"):
        build(plugin("moon", routes))


def test_things_that_are_no_declarations_are_told() -> None:
    """A forgotten call gives a function instead of a class of events."""
    with pytest.raises(DeclarationError, match="handler"):
        build(plugin("moon", events=[handler]))


def test_stacked_decorators_give_one_handler_many_ways_in() -> None:
    """A command and two buttons may share a handler; each has its own route."""
    routes = Routes()

    @routes.command("moon", description="The moon")
    @routes.callback("moon.open")
    @routes.callback("moon.again")
    async def moon(ctx: Context) -> None:
        """Shown by all three."""

    registry = build(plugin("moon", routes))
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
        build(plugin("moon", routes))


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
    routes = Routes()
    getattr(routes, kind)(*arguments)(old_style)
    with pytest.raises(DeclarationError, match=r"old_style\(ctx"):
        build(plugin("moon", routes))


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
    build(plugin("moon", routes))
    routes.menu(text, lead(route))
    with pytest.raises(DeclarationError, match="menu item"):
        build(plugin("moon", routes))


def test_the_menus_buttons_answer_in_the_private_chat() -> None:
    """The menu is shown nowhere else, and a button of it that leads to nothing would be a riddle."""
    routes = Routes()
    route: Any = routes.callback("play", chat=GROUP)(handler)
    routes.menu("Play", route())
    with pytest.raises(DeclarationError, match=r"does not answer. Fix: declare 'play' with chat=PRIVATE \| GROUP"):
        build(plugin("moon", routes))


def test_everything_answers_in_the_private_chat_unless_it_says_more() -> None:
    """A group has to be asked for, of each route."""
    routes = Routes()
    for chat in ({}, {"chat": ANY}):
        name = "quiet" if not chat else "loud"
        for declare in (routes.command, routes.callback, routes.question):
            declare(name, **chat)(handler)
    routes.text(chat=GROUP)(handler)
    routes.deep_link("buy")(handler)
    registry = build(plugin("moon", routes))
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
        build(plugin("moon", routes))


def test_telegram_is_asked_for_what_the_routes_take() -> None:
    """Posts of channels, edited messages and reactions come only if somebody wants them."""
    routes = Routes()
    routes.text()(handler)
    base = build(plugin("moon", routes)).updates()
    assert base == {"message"}
    routes.text(chat=CHANNEL)(handler)
    routes.on("message_reaction", chat=GROUP)(several)
    routes.pre_checkout()(several)
    more = {"channel_post", "message_reaction", "pre_checkout_query"}
    assert build(plugin("moon", routes)).updates() == base | more


def test_each_of_telegrams_menus_has_room_of_its_own() -> None:
    """A hundred commands for private chats and a hundred for groups; one more is refused by name."""
    here = commands(*(f"p{n}" for n in range(100)), description="x")
    there = commands(*(f"g{n}" for n in range(100)), description="x", chat=GROUP)
    build(plugin("moon", here, there))
    with pytest.raises(DeclarationError, match="/g100 is one of 101 commands in Telegram's menu"):
        build(plugin("moon", here, there, commands("g100", description="x", chat=GROUP)))


def test_withdrawing_a_plugin_takes_all_its_ways_in() -> None:
    """A plugin whose lifespan failed answers no command, button, job or event, and wraps nobody's handlers."""
    routes = Routes()
    for declare in (routes.command("tide"), routes.callback("tide"), routes.question("when"), routes.payment()):
        declare(several)
    routes.text()(handler)
    routes.event(Full)(on_full)
    registry = build(plugin("moon", routes, events=[Full]), plugin("sun", commands("sun")))
    registry.withdraw("moon")
    assert set(registry.commands) == {"sun"}
    assert not registry.callbacks
    assert not registry.questions
    assert not registry.payments
    assert not registry.of(Texts).routes
    assert registry.subscribers["moon.full"] == []


def test_a_route_of_nobody_says_what_is_missing() -> None:
    """A collector that Plugin(routes=...) does not get is the usual mistake."""
    with pytest.raises(DeclarationError, match=r"Plugin\(routes=\[\.\.\.\]\)"):
        build().key_of(Routes().callback("x")(handler))


@pytest.mark.parametrize("description", ["x" * 257, "   "])
def test_descriptions_that_telegram_refuses_are_refused(description: str) -> None:
    """One bad description would make Telegram refuse the whole menu, in silence."""
    with pytest.raises(DeclarationError, match="'moon': the description of command 'rise' must be 1-256"):
        build(plugin("moon", commands("rise", description=description)))
    build(plugin("moon", commands("rise", description="x" * 256), commands("set")))


def test_a_menu_of_more_than_100_commands_is_refused() -> None:
    """Telegram takes 100; hidden ones, admins' ones and those without a description are not in the menu."""
    listed = commands(*(f"c{number}" for number in range(100)), description="x")
    hidden, admins = (commands(name, description="x", **{name: True}) for name in ("hidden", "admin"))
    sun = plugin("sun", listed, hidden, admins, commands("c"))
    build(sun)
    with pytest.raises(DeclarationError, match="'moon': its /rise is one of 101 commands in Telegram's menu"):
        build(sun, plugin("moon", commands("rise", description="x")))


def test_wishes_that_nothing_answers_are_warned_of(
    make_plugin: MakePlugin, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """A rename of no command, a required plugin that is switched off or not installed: each is told."""
    moon, sun = make_plugin("moon", commands("rise")), make_plugin("sun", commands("shine"))
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
    load(make_settings(), core_plugin, [make_plugin("moon", commands("rise"))])
    assert caplog.records == []
