"""Loading: a plugin that is broken in any phase is named with phase and reason, and the others serve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from pydantic import BaseModel

from astral_core import Context, Event, Plugin, Routes, Tables, core_users, plugin_metadata
from astral_core.config import Settings
from astral_core.core_plugin import plugin as core_plugin
from astral_core.errors import DeclarationError, PluginLoadError
from astral_core.host.discover import from_file
from astral_core.host.host import Host, load
from astral_core.host.state import LoadedPlugin, State

MakePlugin = Callable[..., LoadedPlugin]
MakeSettings = Callable[..., Settings]


async def handler(ctx: Context) -> None:
    """Does nothing."""


def loaded(make_settings: MakeSettings, *plugins: LoadedPlugin, **overrides: Any) -> Host:
    """The host after loading the core and these plugins."""
    return load(make_settings(**overrides), core_plugin, list(plugins))


def a_good_one(make_plugin: MakePlugin) -> LoadedPlugin:
    """A plugin without fault."""
    return make_plugin("good", commands={"good": handler})


def check_failed(host: Host, phase: str, reason: str) -> None:
    """The plugin `bad` stopped in `phase` because of `reason`, and the good one takes part."""
    bad, good = (next(p for p in host.plugins if p.id == name) for name in ("bad", "good"))
    assert (bad.state, bad.phase) == (State.FAILED, phase)
    assert reason in bad.reason
    assert good.alive
    assert "good" in host.registry.commands
    assert "bad" not in {bound.plugin for bound in host.registry.commands.values()}


async def astral_helth(ctx: Any) -> None:
    """A misspelt hook."""


async def astral_lifespan(ctx: Any) -> None:
    """A lifespan that is no async generator."""


def astral_health(ctx: Any) -> None:
    """A hook of the wrong colour."""


def wrong_arguments() -> Callable[..., Any]:
    """A hook with an argument that nobody passes."""

    async def astral_health(ctx: Any, moon: str) -> None:
        """Nobody knows the moon."""

    return astral_health


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (astral_health, "astral_health is sync, the hook is async"),
        (astral_lifespan, "astral_lifespan is async, the hook is async generator"),
        (astral_helth, "there is no hook 'astral_helth'"),
        (wrong_arguments(), "moon"),
    ],
)
def test_a_wrong_hook_is_named_with_its_place(
    hook: Callable[..., Any], reason: str, make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """Colour, name and arguments are checked before anything runs."""
    host = loaded(make_settings, make_plugin("bad", hooks=[hook]), a_good_one(make_plugin))
    check_failed(host, "register", reason)
    if reason != "moon":
        assert f"{__file__}:" in host.plugins[1].reason


def test_an_import_error_is_named(make_settings: MakeSettings, make_plugin: MakePlugin) -> None:
    """A module that is not there stops its plugin in the phase import."""
    bad = LoadedPlugin("bad", "astral-bad", "1", "there_is_no_such_module_at_all")
    check_failed(loaded(make_settings, bad, a_good_one(make_plugin)), "import", "ModuleNotFoundError")


@pytest.mark.parametrize("raised", ["RuntimeError('no key')", "SystemExit(3)"])
def test_a_module_that_raises_stops_its_plugin_alone(
    raised: str, make_plugin: MakePlugin, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Also SystemExit, which a plugin may raise by calling sys.exit."""
    (tmp_path / "bad.py").write_text(f"raise {raised}\n", encoding="utf-8")
    bad = from_file(tmp_path / "bad.py")
    check_failed(loaded(make_settings, bad, a_good_one(make_plugin)), "import", raised.partition("(")[0])


def test_a_misspelt_setting_names_the_nearest_one(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """`colour` written `color` is told, in the phase configure."""

    class BadSettings(BaseModel):
        colour: str = "blue"

    bad = make_plugin("bad", settings=BadSettings)
    host = loaded(make_settings, bad, a_good_one(make_plugin), plugins={"bad": {"color": "red"}})
    check_failed(host, "configure", "has no setting 'color'. Did you mean 'colour'?")


def test_a_wrong_value_is_told_without_showing_it(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """The value may be a secret in the wrong field."""

    class BadSettings(BaseModel):
        size: int = 1

    bad = make_plugin("bad", settings=BadSettings)
    host = loaded(make_settings, bad, a_good_one(make_plugin), plugins={"bad": {"size": "my-secret-value"}})
    check_failed(host, "configure", "size: ")
    assert "my-secret-value" not in host.plugins[1].reason


def test_settings_of_nobody_are_warned_of(
    make_plugin: MakePlugin, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """A section for a plugin that is not installed is most often a misspelt name: the nearest one is named."""
    loaded(make_settings, a_good_one(make_plugin), plugins={"god": {"size": 1}})
    assert "[plugins.god] is for no installed plugin. Did you mean 'good'?" in caplog.text


class Wrong(Event):
    """An event that carries another plugin's name."""

    name = "moon.full"


def bad_job() -> Plugin:
    """A job that runs never."""
    plugin = Plugin()
    plugin.job("daily", every=0)(handler)
    return plugin


def bad_page(path: str) -> Plugin:
    """A page at this path."""

    async def now(ctx: Any, request: Any) -> Any:
        return None

    plugin = Plugin()
    plugin.page("GET", path)(now)
    return plugin


def bad_menu() -> Plugin:
    """A button of /start that leads to a route of nobody."""
    plugin = Plugin()
    plugin.menu("Open", Routes().callback("x")(handler)())
    return plugin


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Plugin(events=[Wrong]), "event 'moon.full' must be called bad.<what>"),
        (bad_job, "every > 0 s"),
        (lambda: bad_page("now"), "must begin with a slash"),
        (lambda: bad_page("/{"), "is wrong"),
        (lambda: Plugin(events=[3]), "Plugin(events=[...]) holds 3, which is no Event"),  # type: ignore[list-item]
        (bad_menu, "names a route that no plugin declares"),
    ],
)
def test_a_bad_declaration_stops_its_plugin_alone(
    make: Callable[[], Plugin], reason: str, make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """What is wrong in itself is told when it is declared, not when somebody presses."""
    check_failed(loaded(make_settings, make_plugin("bad", make()), a_good_one(make_plugin)), "declare", reason)


def test_tables_outside_the_prefix_are_refused(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """A plugin's tables are called by its id: `badly` does not begin with `bad_`."""
    tables = plugin_metadata("bad")
    sqlalchemy.Table("badly", tables, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True))
    bad = make_plugin("bad", tables=Tables(tables, "astral_core.db.migrations"))
    check_failed(loaded(make_settings, bad, a_good_one(make_plugin)), "declare", "'badly' must be called bad or bad_")


def test_a_key_into_another_plugins_table_needs_the_requirement(
    make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """Without Requires-Dist the order of migrations would be chance."""
    tables = plugin_metadata("bad")
    target = sqlalchemy.Table("good", plugin_metadata("good"), sqlalchemy.Column("id", sqlalchemy.Integer))
    key = sqlalchemy.Column("good_id", sqlalchemy.ForeignKey(target.c.id))
    sqlalchemy.Table("bad", tables, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True), key)
    bad = make_plugin("bad", tables=Tables(tables, "astral_core.db.migrations"))
    check_failed(loaded(make_settings, bad, a_good_one(make_plugin)), "declare", "bad.good_id refers to 'good'")


def test_a_plugin_whose_rows_are_of_nobody_in_particular_is_set_aside(
    make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """Whose a row is has to be clear, or the core could neither give it out nor delete it; others serve."""
    tables = plugin_metadata("bad")
    people = [sqlalchemy.Column(name, sqlalchemy.ForeignKey(core_users.c.id), primary_key=True) for name in "ab"]
    sqlalchemy.Table("bad", tables, *people)
    bad = make_plugin("bad", tables=Tables(tables, "astral_core.db.migrations"))
    check_failed(loaded(make_settings, bad, a_good_one(make_plugin)), "declare", "more than one key to people (a, b)")


def test_tables_about_people_demand_no_hook(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """A plugin that keeps people's rows says so with a foreign key, and writes no export and no deletion."""
    tables = plugin_metadata("good")
    sqlalchemy.Table(
        "good", tables, sqlalchemy.Column("who", sqlalchemy.ForeignKey(core_users.c.id), primary_key=True)
    )
    good = make_plugin("good", tables=Tables(tables, "astral_core.db.migrations"))
    host = loaded(make_settings, good)
    assert good.alive
    assert host.people().holds("good")


def test_an_implementer_of_anothers_hook_is_checked_whatever_the_order(
    make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """The wrong implementation is to blame, not the plugin that brings the hook and comes later."""
    implementer, bringer = Plugin(), Plugin()

    @bringer.hookspec
    def good_tides(ctx: Any) -> None:
        """The hook itself."""

    async def wrong(ctx: Any) -> None:
        """Async where the hook is sync."""

    wrong.__name__ = "good_tides"
    implementer.hook(optional=True)(wrong)

    bad, good = make_plugin("bad", implementer), make_plugin("good", bringer, commands={"good": handler})
    check_failed(loaded(make_settings, bad, good), "register", "good_tides is async, the hook is sync")


def test_a_hook_that_nobody_brings_may_be_optional(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """It is there for a plugin that is not installed."""
    own = Plugin()

    @own.hook(optional=True)
    async def moon_tides(ctx: Any) -> None:
        """Nobody calls it."""

    assert loaded(make_settings, make_plugin("good", own)).plugins[1].alive


@pytest.mark.parametrize("policy", [{"required": ("bad",)}, {"on_error": "stop"}])
def test_a_required_plugin_or_the_policy_stop_stops_the_start(
    policy: dict[str, Any], make_plugin: MakePlugin, make_settings: MakeSettings
) -> None:
    """The start ends with the plugin, its phase, the reason and what to do."""
    bad = make_plugin("bad", hooks=[astral_helth])
    with pytest.raises(PluginLoadError, match=r"'bad': failed in phase register: .*astral_helth.* Fix: mend it"):
        loaded(make_settings, bad, a_good_one(make_plugin), host=policy)


def test_dependents_of_a_broken_plugin_are_quarantined(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """A plugin that needs a broken one does not run half."""
    bad = make_plugin("bad", hooks=[astral_helth])
    host = loaded(make_settings, bad, make_plugin("moon", commands={"moon": handler}, requires=("astral-bad",)))
    moon = host.plugins[2]
    assert moon.state is State.QUARANTINED
    assert "needs 'bad', which is failed" in moon.reason
    assert "moon" not in host.registry.commands


def test_every_plugin_that_is_set_aside_is_logged(
    make_plugin: MakePlugin, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner finds who, where and why in the log."""
    loaded(make_settings, make_plugin("bad", hooks=[astral_helth]))
    assert "plugin 'bad' (astral-bad 1.0) is failed in phase register: " in caplog.text
    assert "there is no hook" in caplog.text


def test_an_owner_changes_a_text_beside_astral_toml(make_settings: MakeSettings, tmp_path: Path) -> None:
    """`locales/ru/<package>.po` goes over the package's own texts, without touching the installation."""
    folder = tmp_path / "locales" / "ru"
    folder.mkdir(parents=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    (folder / "astral_core.po").write_text(f'{head}msgid "Menu"\nmsgstr "Дом"\n', encoding="utf-8")
    assert loaded(make_settings).catalogs()["core"].for_language("ru").gettext("Menu") == "Дом"


def test_services_before_the_start_are_refused_in_words(make_plugin: MakePlugin, make_settings: MakeSettings) -> None:
    """Registration hooks are pure: what runs is not there yet."""
    host = loaded(make_settings, a_good_one(make_plugin))
    with pytest.raises(PluginLoadError, match="not running yet"):
        _ = host.contexts["good"].http


def test_a_declaration_error_shows_the_plugin_and_the_fix() -> None:
    """Who, what and how to fix it stand in every such message."""
    error = DeclarationError("moon", "event 'x' is wrong.", "call it moon.x")
    assert str(error) == "plugin 'moon': event 'x' is wrong. Fix: call it moon.x"
