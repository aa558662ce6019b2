"""Finding plugins: what an owner reads where a plugin cannot be used, and the order of those that can."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any

import pytest

from astral_core._version import __version__
from astral_core.config import Host
from astral_core.host.discover import discover, import_plugin, quarantine_dependents
from astral_core.host.state import LoadedPlugin, State


class FakeDistribution(Distribution):
    """An installed distribution that exists in memory only."""

    def __init__(self, name: str, version: str = "1.0", requires: tuple[str, ...] = ()) -> None:
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {item}" for item in requires)]
        self._metadata = "\n".join(["Metadata-Version: 2.1", *lines, ""])

    def read_text(self, filename: str) -> str | None:
        """Metadata alone."""
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        """Nowhere."""
        return Path(path)


def entry(plugin_id: str, *requires: str, dist: str | None = None, value: str | None = None) -> EntryPoint:
    """An entry point of the distribution `dist`, as importlib.metadata gives it."""
    name = dist or f"astral-{plugin_id}"
    point = EntryPoint(plugin_id, value or f"astral_{plugin_id}.plugin:plugin", "astral.plugins")
    vars(point)["dist"] = FakeDistribution(name, requires=requires)
    return point


def by_id(plugins: list[LoadedPlugin]) -> dict[str, LoadedPlugin]:
    """The plugins by their ids."""
    return {plugin.id: plugin for plugin in plugins}


def test_two_distributions_with_one_id_are_both_refused_and_both_named() -> None:
    """A duplicate id leaves neither in use, since which one wins would be chance, and names both distributions."""
    found = discover(Host(), [entry("moon", dist="astral-moon"), entry("moon", dist="other-moon"), entry("sun")])
    moons = [plugin for plugin in found if plugin.id == "moon"]
    assert moons
    for plugin in moons:
        assert plugin.state is State.FAILED
        assert "astral-moon 1.0" in plugin.reason
        assert "other-moon 1.0" in plugin.reason
    assert by_id(found)["sun"].alive


@pytest.mark.parametrize("bad", ["Moon", "m", "moon_phase", "1moon", "m" * 17, "core", "admin"])
def test_an_id_outside_the_rule_is_refused_with_the_rule(bad: str) -> None:
    """Ids are 2-16 of a-z 0-9 and no reserved word: prefixes of tables and buttons rest on it."""
    plugin = discover(Host(), [entry(bad)])[0]
    assert (plugin.state, plugin.phase) == (State.FAILED, "discovery")
    assert "2-16 of a-z 0-9" in plugin.reason


def test_disabled_and_enabled_lists_decide_who_takes_part() -> None:
    """`disabled` takes plugins out; an `enabled` list lets in nobody else."""
    entries = [entry("moon"), entry("sun"), entry("tide")]
    assert [p.id for p in discover(Host(disabled=("sun",)), entries) if p.alive] == ["moon", "tide"]
    chosen = discover(Host(enabled=("sun", "tide"), disabled=("tide",)), entries)
    assert [p.id for p in chosen if p.alive] == ["sun"]
    assert by_id(chosen)["moon"].state is State.DISABLED


def test_the_playground_is_off_unless_an_owner_turns_it_on() -> None:
    """Development tools that happen to be installed do not run in production."""
    assert not discover(Host(), [entry("playground")])[0].alive
    assert discover(Host(disabled=()), [entry("playground")])[0].alive


def test_a_plugin_for_another_core_is_refused_before_its_import() -> None:
    """The wanted version is read from metadata: not a line of an incompatible plugin runs."""
    plugin = discover(Host(), [entry("moon", "astral-core>=99", value="there_is_no_such_module:plugin")])[0]
    assert plugin.state is State.INCOMPATIBLE
    assert "astral-core>=99" in plugin.reason
    assert __version__ in plugin.reason
    assert "there_is_no_such_module" not in sys.modules


def test_unreadable_metadata_is_a_reason_and_not_a_crash() -> None:
    """A requirement that no tool can parse sets the plugin aside."""
    plugin = discover(Host(), [entry("moon", "astral-core ><= what")])[0]
    assert plugin.state is State.INCOMPATIBLE
    assert "InvalidRequirement" in plugin.reason


def test_dependencies_come_first_whatever_their_names() -> None:
    """The order follows Requires-Dist, names written in any of the allowed ways."""
    found = discover(Host(), [entry("aaa", "Astral_Zzz>=1"), entry("mmm", "astral-aaa"), entry("zzz")])
    assert [plugin.id for plugin in found] == ["zzz", "aaa", "mmm"]


def test_the_order_is_the_same_in_every_process() -> None:
    """By name where nothing else decides: who loses a clash must not depend on a hash."""
    entries = [entry("zulu", "astral-pp", "astral-qq"), entry("qq"), entry("pp"), entry("aaa", "astral-zulu")]
    assert [plugin.id for plugin in discover(Host(), entries)] == ["pp", "qq", "zulu", "aaa"]


def test_what_a_plugin_merely_can_use_comes_first_too() -> None:
    """A requirement in an extra orders the two; that the other one is missing or broken sets nobody aside."""
    found = discover(Host(), [entry("alpha", 'astral-zulu; extra == "zulu"'), entry("zulu")])
    assert [plugin.id for plugin in found] == ["zulu", "alpha"]
    found = discover(Host(disabled=("zulu",)), [entry("alpha", 'astral-zulu; extra == "zulu"'), entry("zulu")])
    assert [plugin.alive for plugin in found] == [False, True]
    both = [entry("alpha", 'astral-zulu; extra == "x"'), entry("zulu", 'astral-alpha; extra == "x"')]
    assert [plugin.id for plugin in discover(Host(), both) if plugin.alive] == ["alpha", "zulu"]
    itself = [entry("alpha", 'astral-alpha[x]; extra == "all"')]
    assert discover(Host(), itself)[0].alive


def test_a_circle_of_requirements_is_shown_and_stops_its_members_alone() -> None:
    """Plugins that require each other fail with the circle written out; the others go on."""
    found = by_id(discover(Host(), [entry("aaa", "astral-bbb"), entry("bbb", "astral-aaa"), entry("ccc")]))
    assert found["aaa"].state is found["bbb"].state is State.FAILED
    assert "aaa -> bbb -> aaa" in found["aaa"].reason or "bbb -> aaa -> bbb" in found["aaa"].reason
    assert found["ccc"].alive


def test_dependents_of_a_failed_plugin_are_quarantined_with_the_chain() -> None:
    """Whoever needs a plugin that is out is out too, and says because of whom and why."""
    found = discover(Host(disabled=("aaa",)), [entry("aaa"), entry("bbb", "astral-aaa"), entry("ccc", "astral-bbb")])
    quarantine_dependents(found)
    plugins = by_id(found)
    assert plugins["bbb"].state is plugins["ccc"].state is State.QUARANTINED
    assert "needs 'aaa', which is disabled" in plugins["bbb"].reason
    assert "needs 'bbb', which is quarantined (needs 'aaa'" in plugins["ccc"].reason


@pytest.mark.parametrize("line", ["raise RuntimeError('no key')", "import sys; sys.exit(3)", "x ="])
def test_a_module_that_cannot_be_imported_is_noted_not_raised(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors, SystemExit and syntax errors of an import stop that plugin alone."""
    (tmp_path / "astral_broken_import.py").write_text(line, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = LoadedPlugin("broken", "astral-broken", "1.0", "astral_broken_import")
    import_plugin(plugin)
    assert (plugin.state, plugin.phase) == (State.FAILED, "import")
    assert plugin.reason
    assert plugin.error is not None


@pytest.mark.parametrize(
    ("source", "value", "cause"),
    [
        ("", "astral_wrong:plugin", "astral_wrong has no 'plugin'. Fix: make `plugin = Plugin(...)` there"),
        ("", "astral_wrong", "the entry point name it (astral_wrong:plugin)"),
        ("plugin = 3", "astral_wrong:plugin", "'plugin' of astral_wrong is 3, which is no Plugin"),
        ("from astral_core import Routes\nplugin = Routes()", "astral_wrong:plugin", "which is no Plugin"),
        ("", "astral_wrong:weather", "astral_wrong has no 'weather'"),
    ],
)
def test_an_entry_point_names_a_plugin_object(
    source: str, value: str, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module without one, or with something else by that name, is told with the line that it needs."""
    (tmp_path / "astral_wrong.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = discover(Host(), [entry("wrong", value=value)])[0]
    import_plugin(plugin)
    assert (plugin.state, plugin.phase) == (State.FAILED, "import")
    assert cause in plugin.reason


@pytest.mark.parametrize(
    ("value", "migrations"),
    [
        ("astral_rain:plugin", "astral_rain.migrations"),
        ("astral_rain.plugin:plugin", "astral_rain.migrations"),
        ("astral_rain.deep.plugin:plugin", "astral_rain.deep.migrations"),
    ],
)
def test_migrations_are_beside_the_module_of_the_plugin(
    value: str, migrations: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the plugin says otherwise."""
    source = (
        "from astral_core import Plugin, Tables, plugin_metadata\n"
        "plugin = Plugin(tables=Tables(plugin_metadata('rain')))\n"
    )
    for path in ("__init__.py", "plugin.py", "deep/__init__.py", "deep/plugin.py"):
        (tmp_path / "astral_rain" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "astral_rain" / path).write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = discover(Host(), [entry("rain", value=value)])[0]
    import_plugin(plugin)
    assert plugin.declared.tables is not None
    assert plugin.declared.tables.migrations == migrations


def test_the_installed_plugins_are_found_with_profile_before_natal() -> None:
    """The scan of this environment finds the house's own plugins, dependencies first."""
    ids = [plugin.id for plugin in discover(Host(disabled=()))]
    assert {"profile", "natal", "payments", "analytics", "playground"} <= set(ids)
    assert ids.index("profile") < ids.index("natal")
