"""Finding plugins: one scan of the entry points, each one loaded on its own.

pluggy's `load_setuptools_entrypoints` stops at the first broken plugin and drops duplicates silently, and so the
host does it itself.
"""

from __future__ import annotations

import contextlib
import graphlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from packaging.requirements import InvalidRequirement, Requirement

from astral_core._version import __version__
from astral_core.config import Host
from astral_core.declare import Tables
from astral_core.errors import PluginLoadError
from astral_core.host.state import Declarations, LoadedPlugin, State
from astral_core.plugin import Plugin
from astral_core.single_file import PREFIX

GROUP = "astral.plugins"
CORE_DISTRIBUTION = "astral-core"
_ID = re.compile(r"^[a-z][a-z0-9]{1,15}$")
RESERVED = frozenset({"core", "astral", "admin", "sys", "plugins"})


def discover(settings: Host, found: Iterable[EntryPoint] | None = None) -> list[LoadedPlugin]:
    """All installed plugins, sorted so that dependencies come first; the unusable ones say why."""
    entries = sorted(entry_points(group=GROUP) if found is None else found, key=lambda entry: entry.name)
    plugins = [_describe(entry) for entry in entries]
    _refuse_duplicates(plugins)
    for plugin in plugins:
        _check(plugin, settings)
    return _sorted(plugins)


def import_plugin(plugin: LoadedPlugin) -> None:
    """Import the plugin's object; a failure is noted on the plugin, never raised."""
    try:
        module = _load_file(plugin) if plugin.path else importlib.import_module(plugin.module_name)
        take(plugin, _plugin_of(plugin, module), module.__package__ or "")
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin may do anything while it is imported
        plugin.fail("import", error)


def take(plugin: LoadedPlugin, made: Plugin, package: str) -> None:
    """Read a plugin's object, whose module is in `package`."""
    tables = made.tables
    if tables is not None and not tables.migrations and package:
        tables = Tables(tables.metadata, f"{package}.migrations")
    plugin.declared = Declarations(
        routes=list(made), events=list(made.events), states=list(made.states), hooks=list(made.hooks),
        hookspecs=list(made.hookspecs), settings=made.settings, tables=tables, cli=made.cli,
        roles=dict(made.roles),
        introduction=made.introduction,
    )  # fmt: skip
    plugin.is_imported = True


def _plugin_of(plugin: LoadedPlugin, module: ModuleType) -> Plugin:
    made = getattr(module, plugin.attribute, None)
    if not isinstance(made, Plugin):
        raise PluginLoadError(plugin.id, *_no_plugin(plugin, made))
    return made


def _no_plugin(plugin: LoadedPlugin, made: object) -> tuple[str, str]:
    """What is wrong, and how to put it right."""
    where = f"{plugin.path or plugin.module_name}"
    if made is None:
        return (
            f"{where} has no {plugin.attribute!r}.",
            f"make `plugin = Plugin(...)` there, and let the entry point name it ({plugin.module_name}:plugin).",
        )
    return f"{plugin.attribute!r} of {where} is {made!r}, which is no Plugin.", "make `plugin = Plugin(...)` there."


def from_file(path: Path) -> LoadedPlugin:
    """A plugin in one file: its id is the file's name."""
    plugin = LoadedPlugin(path.stem, str(path), "", f"{PREFIX}{path.stem}", path=path)
    if not _ID.match(plugin.id) or plugin.id in RESERVED:
        plugin.set_aside(State.FAILED, "discovery", f"the file name {path.name!r} must be 2-16 of a-z 0-9, then .py")
    elif not path.is_file():
        plugin.set_aside(State.FAILED, "discovery", f"there is no file {path}")
    return plugin


def _load_file(plugin: LoadedPlugin) -> ModuleType:
    spec = importlib.util.spec_from_file_location(plugin.module_name, str(plugin.path))
    if spec is None or spec.loader is None:
        raise ImportError(f"{plugin.path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[plugin.module_name] = module  # so that pickle and inspect find it
    spec.loader.exec_module(module)
    return module


def quarantine_dependents(plugins: Sequence[LoadedPlugin]) -> None:
    """Set aside every plugin that requires one that does not take part. `plugins` are in dependency order."""
    by_distribution = {_canonical(plugin.distribution): plugin for plugin in plugins}
    for plugin in plugins:
        if not plugin.alive:
            continue
        for name in _required_names(plugin):
            needed = by_distribution.get(name)
            if needed is not None and not needed.alive:
                reason = f"needs {needed.id!r}, which is {needed.state}"
                plugin.set_aside(
                    State.QUARANTINED, "dependencies", reason + (f" ({needed.reason})" if needed.reason else "")
                )
                break


def dependencies(plugin: LoadedPlugin, plugins: Sequence[LoadedPlugin]) -> set[str]:
    """The ids of the plugins that `plugin` declares to require."""
    return _ids(_required_names(plugin), {_canonical(other.distribution): other.id for other in plugins})


def with_dependencies(ids: Iterable[str], plugins: Sequence[LoadedPlugin]) -> set[str]:
    """`ids` and all that they stand on. `plugins` are in dependency order."""
    found = set(ids)
    for plugin in reversed(plugins):  # dependents come after what they need
        if plugin.id in found:
            found |= dependencies(plugin, plugins)
    return found


def _order(graph: Mapping[str, set[str]]) -> list[str]:
    """Predecessors first, else by name: the same in every process. Raises graphlib.CycleError."""
    sorter = graphlib.TopologicalSorter(graph)
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _ids(names: Iterable[str], by_distribution: Mapping[str, str]) -> set[str]:
    return {by_distribution[name] for name in names if name in by_distribution}


def _describe(entry: EntryPoint) -> LoadedPlugin:
    dist = entry.dist
    return LoadedPlugin(
        id=entry.name,
        distribution=dist.name if dist else "?",
        version=dist.version if dist else "?",
        module_name=entry.value.partition(":")[0].strip(),
        attribute=entry.value.partition(":")[2].partition("[")[0].strip() or "plugin",
        requires=tuple(dist.requires or ()) if dist else (),
    )


def _refuse_duplicates(plugins: Sequence[LoadedPlugin]) -> None:
    for plugin in plugins:
        others = [other for other in plugins if other.id == plugin.id and other is not plugin]
        if others:
            names = " and ".join(sorted({plugin.provider, *(other.provider for other in others)}))
            plugin.set_aside(
                State.FAILED, "discovery", f"two distributions call themselves {plugin.id!r}: {names}; remove one"
            )


def _check(plugin: LoadedPlugin, settings: Host) -> None:
    if not plugin.alive:
        return
    if not _ID.match(plugin.id) or plugin.id in RESERVED:
        plugin.set_aside(
            State.FAILED,
            "discovery",
            f"the id {plugin.id!r} must be 2-16 of a-z 0-9 and not {', '.join(sorted(RESERVED))}",
        )
    elif plugin.id in settings.disabled or (settings.enabled is not None and plugin.id not in settings.enabled):
        plugin.set_aside(State.DISABLED, "settings", "switched off in [host]")
    else:
        _check_core_version(plugin)


def _check_core_version(plugin: LoadedPlugin) -> None:
    for requirement in _requirements(plugin):
        if _canonical(requirement.name) == CORE_DISTRIBUTION and not requirement.specifier.contains(
            __version__, prereleases=True
        ):
            plugin.set_aside(
                State.INCOMPATIBLE, "compatibility", f"wants {requirement}, this is {CORE_DISTRIBUTION} {__version__}"
            )


def _requirements(plugin: LoadedPlugin) -> list[Requirement]:
    parsed = []
    for text in plugin.requires:
        try:
            parsed.append(Requirement(text))
        except InvalidRequirement as error:
            plugin.fail("compatibility", error, State.INCOMPATIBLE)
    return parsed


def _required_names(plugin: LoadedPlugin, *, optional: bool = False) -> list[str]:
    """Distributions that `plugin` needs; with `optional` those that it names in an extra instead."""
    return [
        _canonical(item.name)
        for item in _requirements(plugin)
        if ("extra" in str(item.marker or "")) is optional and _canonical(item.name) != CORE_DISTRIBUTION
    ]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _sorted(plugins: Sequence[LoadedPlugin]) -> list[LoadedPlugin]:
    """Dependencies first; where it is possible also what a plugin merely can use (an extra of its distribution)."""
    by_id = {plugin.id: plugin for plugin in plugins}
    by_distribution = {_canonical(plugin.distribution): plugin.id for plugin in plugins}
    graph = {plugin.id: _ids(_required_names(plugin), by_distribution) for plugin in plugins}
    wishes = {
        plugin.id: _ids(_required_names(plugin, optional=True), by_distribution) - {plugin.id} for plugin in plugins
    }
    with contextlib.suppress(graphlib.CycleError):  # two that can use each other: then their names decide
        return [by_id[name] for name in _order({name: graph[name] | wishes[name] for name in graph})]
    try:
        order = _order(graph)
    except graphlib.CycleError as error:
        cycle = error.args[1]
        for name in set(cycle):
            by_id[name].set_aside(
                State.FAILED, "dependencies", f"plugins require each other in a circle: {' -> '.join(cycle)}"
            )
        order = sorted(by_id)
    return [by_id[name] for name in order]
