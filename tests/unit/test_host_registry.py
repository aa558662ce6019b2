"""The registry: every clash is told at once with both providers, and who has to go is no chance."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from astral_core import OWNER, Context, Event, Plugin, Routes
from astral_core.config import Settings
from astral_core.core_plugin import plugin as core_plugin
from astral_core.errors import ConflictError, DeclarationError, PluginLoadError
from astral_core.host.discover import from_file, take
from astral_core.host.host import load
from astral_core.host.registry import Registry, build_registry
from astral_core.host.state import LoadedPlugin, State
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


async def several(ctx: Context, view: Any = None) -> None:
    """Fits every kind."""


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


def test_a_menu_of_more_than_100_commands_is_refused() -> None:
    """Telegram takes 100; hidden ones and those without a description do not count, those of a role do."""
    listed = commands(*(f"c{number}" for number in range(99)), description="x")
    hidden = commands("hidden", description="x", hidden=True)
    admins = commands("admin", description="x", role=OWNER)
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
