"""Loading: discover, import, check, collect. Nothing is built before everything was checked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pluggy
from pydantic import BaseModel

from astral_core.config import Settings, config_file, plugin_settings
from astral_core.db.migrate import Chain
from astral_core.db.people import People
from astral_core.errors import ConflictError, DeclarationError, PluginError, PluginLoadError
from astral_core.host.checks import (
    check_people,
    check_tables,
    warn_of_renames,
    warn_of_roles,
    warn_of_strangers,
    warn_of_texts,
)
from astral_core.host.context import PluginContext
from astral_core.host.discover import discover, import_plugin, quarantine_dependents, take, with_dependencies
from astral_core.host.registry import Registry, build_registry
from astral_core.host.runner import HookRunner, add_hookspecs, new_manager, register
from astral_core.host.services import Services
from astral_core.host.state import LoadedPlugin, State, people_in
from astral_core.kinds.raw import Build
from astral_core.languages.catalogs import Catalogs
from astral_core.languages.spoken import Languages
from astral_core.plugin import CorePlugin

log = logging.getLogger("astral.host")


@dataclass
class Host:
    """All plugins, loaded and checked. `contexts` holds one context a living plugin."""

    settings: Settings
    plugins: list[LoadedPlugin]
    manager: pluggy.PluginManager
    runner: HookRunner
    foreign: Build
    contexts: dict[str, PluginContext] = field(default_factory=dict)
    plugin_settings: dict[str, BaseModel] = field(
        default_factory=dict, repr=False
    )  # a URL in them may have a password
    registry: Registry = field(default_factory=Registry)
    _services: Services | None = None

    @property
    def alive(self) -> list[LoadedPlugin]:
        """The plugins that take part, dependencies first."""
        return [plugin for plugin in self.plugins if plugin.alive]

    def serve(self, services: Services | None) -> None:
        """Give the plugins' contexts `services` from now on, or nothing."""
        self._services = services

    def running_services(self) -> Services:
        """The services; PluginLoadError before the start."""
        if self._services is None:
            raise PluginLoadError(
                "?", "the bot is not running yet; use this inside handlers or after astral_lifespan."
            )
        return self._services

    def implementations(self, hook: str) -> Iterator[tuple[str, Callable[[], Any]]]:
        """(plugin, call) for each living plugin that implements `hook`, each with its own context."""
        return self.runner.bound(hook, {plugin.id: self.contexts[plugin.id] for plugin in self.alive})

    def chains(self) -> list[Chain]:
        """The migrations of the core and of every living plugin with tables."""
        return [Chain(p.id, p.declared.tables.migrations) for p in self.alive if p.declared.tables]

    def people(self) -> People:
        """Whose the rows in the living plugins' tables are."""
        return people_in(self.alive)

    def catalogs(self) -> dict[str, Catalogs]:
        """The texts of the core and of every living plugin, with the owner's own `locales/` on top."""
        owners, default = config_file().parent / "locales", self.settings.language
        return {p.id: Catalogs(p.package, owners, file=p.path, default=default) for p in self.alive}

    def languages(self) -> Languages:
        """What the bot speaks, by those texts and by the settings."""
        owners, settings = config_file().parent / "locales", self.settings
        packages = {plugin.path.stem if plugin.path else plugin.package for plugin in self.plugins}
        return Languages(self.catalogs(), settings.language, settings.languages, owners, packages)

    def owner_of(self, filename: str) -> str | None:
        """The plugin whose package holds the source file `filename`."""
        for plugin in self.plugins:
            path = filename.replace("\\", "/")
            if f"/{plugin.package}/" in path or path.endswith(f"/{plugin.package}.py"):
                return plugin.id
        return None


def load(
    settings: Settings, core: CorePlugin, plugins: Sequence[LoadedPlugin] | None = None, *, enforce: bool = True
) -> Host:
    """Load the `core`'s own plugin and all others; broken ones are set aside or stop the start.

    Without `enforce` nothing stops it and nothing is logged: for whoever only wants to see what there is.

    Raises PluginLoadError where a required plugin cannot take part, and where any cannot and `host.on_error` is
    "stop"; then also ConflictError, with all that clashes.
    """
    found = discover(settings.host) if plugins is None else list(plugins)
    own = LoadedPlugin("core", "astral-core", "", "astral_core.core_plugin")
    take(own, core, "astral_core")
    everything = [own, *found]
    _refuse_taken_ids(everything)
    manager = new_manager()
    host = Host(
        settings, everything, manager, HookRunner(manager, [plugin.id for plugin in everything]), core.foreign
    )
    for phase in (_import, _specify, _register, _configure, _declare):
        for plugin in host.alive:
            _guard(plugin, phase, host)
        host.runner.renew()
        quarantine_dependents(host.plugins)
    host.registry = _resolve_conflicts(host, stop=enforce and settings.host.on_error == "stop")
    if enforce:
        enforce_policy(host)
        warn_of_strangers(settings, host.plugins)
        warn_of_renames(settings, host.plugins)
        warn_of_roles(settings, host.plugins)
        warn_of_texts(settings, host.catalogs())
    return host


def _refuse_taken_ids(plugins: Sequence[LoadedPlugin]) -> None:
    """A file beside an installed plugin of the same name: the later one goes."""
    known: dict[str, LoadedPlugin] = {}
    for plugin in plugins:
        if plugin.alive and known.setdefault(plugin.id, plugin) is not plugin:
            reason = f"{known[plugin.id].provider} has this id already. Fix: give the file another name"
            plugin.set_aside(State.FAILED, "discovery", reason)
            plugin.id = f"{plugin.id}:{plugin.distribution}"  # whoever looks by id finds the one that serves


def _resolve_conflicts(host: Host, *, stop: bool) -> Registry:
    """The registry of all that can live together. Whoever clashes with another is set aside, or stops the start."""
    settings = host.settings
    indispensable = sorted(with_dependencies(settings.host.required, host.plugins))
    while True:
        try:
            return build_registry(
                host.alive, settings.commands, settings.web.webhooks, indispensable, foreign=host.foreign
            )
        except ConflictError as conflict:
            if stop:
                raise
            # One at a time: with it gone, others may have nobody to clash with any more.
            name, sentences = next(iter(conflict.losers.items()))
            plugin = next(plugin for plugin in host.alive if plugin.id == name)
            _set_aside(plugin, "conflicts", ConflictError(sentences), host)
        except DeclarationError as error:  # a mistake that shows only beside the others
            plugin = next(plugin for plugin in host.plugins if plugin.id == error.plugin)
            if plugin.id == "core":
                raise
            _set_aside(plugin, "declare", error, host)
        quarantine_dependents(host.plugins)


def enforce_policy(host: Host) -> None:
    """Log every plugin that was set aside since the last time; stop where the policy says so."""
    aside = [plugin for plugin in host.plugins if not plugin.alive and plugin.state is not State.DISABLED]
    for plugin in aside:
        if not plugin.told:
            plugin.told = True
            trace = plugin.error if not isinstance(plugin.error, PluginError) else None  # these say all in their text
            log.error("plugin %s is %s in phase %s: %s", plugin.provider, plugin.state, plugin.phase, plugin.reason,
                      exc_info=trace)  # fmt: skip
    for plugin in aside:
        what = f"{plugin.state} in phase {plugin.phase}: {plugin.reason}"
        if plugin.id in host.settings.host.required:
            fix = "mend it, or take it out of [host] required: a bot without it would lose what only it can keep."
            raise PluginLoadError(plugin.id, what, fix) from plugin.error
        if host.settings.host.on_error == "stop":
            raise PluginLoadError(plugin.id, what, "mend it, or disable it in [host].") from plugin.error


def _guard(plugin: LoadedPlugin, phase: Callable[[LoadedPlugin, Host], None], host: Host) -> None:
    try:
        phase(plugin, host)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # one plugin's failure does not stop the others
        _set_aside(plugin, phase.__name__.strip("_"), error, host)


def _set_aside(plugin: LoadedPlugin, phase: str, error: BaseException, host: Host) -> None:
    plugin.fail(phase, error)
    if host.manager.get_plugin(plugin.id) is not None:
        host.manager.unregister(name=plugin.id)
        host.runner.renew()


def _import(plugin: LoadedPlugin, host: Host) -> None:
    del host
    if not plugin.is_imported:
        import_plugin(plugin)


def _specify(plugin: LoadedPlugin, host: Host) -> None:
    """All hooks are known before the first implementation is checked, whoever brings them."""
    add_hookspecs(host.manager, plugin)


def _register(plugin: LoadedPlugin, host: Host) -> None:
    register(host.manager, plugin)
    host.contexts[plugin.id] = PluginContext(plugin.id, host.running_services)


def _configure(plugin: LoadedPlugin, host: Host) -> None:
    model = plugin.declared.settings
    if model is None:
        return
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise DeclarationError(plugin.id, f"Plugin(settings={model!r}) is no pydantic model.")
    host.plugin_settings[plugin.id] = plugin_settings(host.settings, plugin.id, model)


def _declare(plugin: LoadedPlugin, host: Host) -> None:
    plugin.declared.introduction.check(plugin.id)
    if plugin.declared.tables is not None:
        check_tables(plugin, plugin.declared.tables, host.plugins)
        check_people(plugin, host.plugins)
    # Its own mistakes are its own.
    build_registry([plugin], host.settings.commands, host.settings.web.webhooks, foreign=host.foreign)
