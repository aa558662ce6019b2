"""Loading: discover, import, check, collect. Nothing is built before everything was checked."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pluggy
from pydantic import BaseModel

from astral_core.config import Settings, config_file, plugin_settings
from astral_core.db.migrate import Chain
from astral_core.declare import Command, Schema
from astral_core.errors import ConflictError, DeclarationError, HookError, PluginLoadError
from astral_core.host.context import PluginContext
from astral_core.host.discover import dependencies, discover, import_plugin, quarantine_dependents
from astral_core.host.registry import Registry, build_registry
from astral_core.host.runner import HookRunner, check_plugin, has_hookspecs, new_manager
from astral_core.host.services import Services
from astral_core.host.state import Plugin, State
from astral_core.i18n import Catalogs

log = logging.getLogger("astral.host")


@dataclass
class Host:
    """All plugins, loaded and checked. `contexts` holds one context a living plugin."""

    settings: Settings
    plugins: list[Plugin]
    manager: pluggy.PluginManager
    runner: HookRunner
    contexts: dict[str, PluginContext] = field(default_factory=dict)
    plugin_settings: dict[str, BaseModel] = field(default_factory=dict)
    registry: Registry = field(default_factory=Registry)
    services: Services | None = None

    @property
    def alive(self) -> list[Plugin]:
        """The plugins that take part, dependencies first."""
        return [plugin for plugin in self.plugins if plugin.alive]

    def running_services(self) -> Services:
        """The services; PluginLoadError before the start."""
        if self.services is None:
            raise PluginLoadError(
                "?", "the bot is not running yet; use this inside handlers or after astral_lifespan."
            )
        return self.services

    def implementations(self, hook: str) -> Iterator[tuple[str, Callable[[], Any]]]:
        """(plugin, call) for each living plugin that implements `hook`, each with its own context."""
        return self.runner.bound(hook, {plugin.id: self.contexts[plugin.id] for plugin in self.alive})

    def chains(self) -> list[Chain]:
        """The migrations of the core and of every living plugin with tables."""
        return [Chain(p.id, p.declared.schema.migrations) for p in self.alive if p.declared.schema]

    def catalogs(self) -> dict[str, Catalogs]:
        """The texts of the core and of every living plugin, with the owner's own `locales/` on top."""
        own = config_file().parent / "locales"
        return {plugin.id: Catalogs(plugin.package, own) for plugin in self.alive}

    def owner_of(self, filename: str) -> str | None:
        """The plugin whose package holds the source file `filename`."""
        for plugin in self.plugins:
            path = filename.replace("\\", "/")
            if f"/{plugin.package}/" in path or path.endswith(f"/{plugin.package}.py"):
                return plugin.id
        return None


def load(settings: Settings, core: ModuleType, plugins: Sequence[Plugin] | None = None) -> Host:
    """Load the `core`'s own plugin module and all others; broken ones are set aside or stop the start.

    Raises ConflictError where plugins clash, PluginLoadError where a required plugin cannot take part or
    `host.on_error` is "stop".
    """
    found = discover(settings.host) if plugins is None else list(plugins)
    own = Plugin("core", "astral-core", "", core.__name__, module=core)
    everything = [own, *found]
    manager = new_manager()
    host = Host(settings, everything, manager, HookRunner(manager, [plugin.id for plugin in everything]))
    for phase in (_import, _specify, _register, _configure, _declare):
        for plugin in host.alive:
            _guard(plugin, phase, host)
        quarantine_dependents(host.plugins)
    enforce_policy(host)
    _warn_of_strangers(host)
    host.registry = build_registry(host.alive, settings.commands, settings.web.webhooks)
    _warn_of_renames(host)
    return host


def _warn_of_strangers(host: Host) -> None:
    """Settings of plugins that are not there are most often a misspelt name."""
    known = [plugin.id for plugin in host.plugins]
    for name in sorted(set(host.settings.plugins) - set(known)):
        near = difflib.get_close_matches(name, known, n=1)
        log.warning("[plugins.%s] is for no installed plugin.%s", name, f" Did you mean {near[0]!r}?" if near else "")
    wanted = host.settings.host
    states = {plugin.id: plugin.state for plugin in host.plugins}
    for name in wanted.required if "required" in wanted.model_fields_set else ():  # the default is no wish of theirs
        if name not in states:
            log.warning("[host] required names %r, which is not installed. Fix: install it or take it out.", name)
        elif states[name] is State.DISABLED:
            log.warning("[host] required names %r, which [host] switches off. Fix: decide for one of them.", name)


def _warn_of_renames(host: Host) -> None:
    """A rename that matches nothing leaves a command under a name that its owner does not want."""
    known = [f"{plugin.id}.{item.name}" for plugin in host.alive for item in plugin.declared.routes
             if isinstance(item, Command)]  # fmt: skip
    aside = {plugin.id for plugin in host.plugins if not plugin.alive}  # what becomes of these was told already
    for name in sorted(set(host.settings.commands) - set(known)):
        if name.partition(".")[0] in aside:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else 'Fix: "<plugin>.<command>" = "<new name>".'
        log.warning("[commands] %r renames no command. %s", name, hint)


def enforce_policy(host: Host) -> None:
    """Log every plugin that is set aside; stop where the policy says so."""
    for plugin in host.plugins:
        if plugin.alive or plugin.state is State.DISABLED:
            continue
        log.error("plugin %s is %s in phase %s: %s", plugin.provider, plugin.state, plugin.phase, plugin.reason,
                  exc_info=plugin.error if not isinstance(plugin.error, DeclarationError) else None)  # fmt: skip
        if plugin.id in host.settings.host.required:
            raise PluginLoadError(
                plugin.id,
                f"{plugin.state} in phase {plugin.phase}: {plugin.reason}.",
                "mend it, or take it out of [host] required: a bot without it would lose what only it can keep.",
            ) from plugin.error
        if host.settings.host.on_error == "stop":
            raise PluginLoadError(
                plugin.id,
                f"{plugin.state} in phase {plugin.phase}: {plugin.reason}.",
                "mend it, or disable it in [host].",
            ) from plugin.error


def _guard(plugin: Plugin, phase: Callable[[Plugin, Host], None], host: Host) -> None:
    try:
        phase(plugin, host)
    except ConflictError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  # one plugin's failure does not stop the others
        plugin.fail(phase.__name__.strip("_"), error)
        if host.manager.has_plugin(plugin.id):
            host.manager.unregister(name=plugin.id)


def _import(plugin: Plugin, host: Host) -> None:
    del host
    if plugin.module is None:
        import_plugin(plugin)


def _specify(plugin: Plugin, host: Host) -> None:
    """All hooks are known before the first implementation is checked, whoever brings them."""
    if plugin.module is not None and has_hookspecs(plugin.module):
        host.manager.add_hookspecs(plugin.module)


def _register(plugin: Plugin, host: Host) -> None:
    module = plugin.module
    if module is None:
        raise PluginLoadError(plugin.id, "has no module.")
    check_plugin(host.manager, plugin.id, module)
    try:
        host.manager.register(module, name=plugin.id)
    except pluggy.PluginValidationError as error:
        raise HookError(plugin.id, str(error)) from error
    host.contexts[plugin.id] = PluginContext(plugin.id, plugin.version, host.running_services)


def _configure(plugin: Plugin, host: Host) -> None:
    model = host.runner.call("astral_config", plugin.id)
    if model is None:
        return
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise HookError(plugin.id, f"astral_config returned {model!r}, not a pydantic model.")
    host.plugin_settings[plugin.id] = plugin_settings(host.settings, plugin.id, model)


def _declare(plugin: Plugin, host: Host) -> None:
    ctx = host.contexts[plugin.id]
    declared = plugin.declared
    declared.schema = host.runner.call("astral_schema", plugin.id)
    declared.routes = _collect(host, plugin, "astral_routes", ctx)
    declared.web = _collect(host, plugin, "astral_web", ctx)
    declared.middleware = _collect(host, plugin, "astral_middleware", ctx)
    declared.menu = _collect(host, plugin, "astral_menu", ctx)
    declared.events = _collect(host, plugin, "astral_events", ctx)
    declared.jobs = _collect(host, plugin, "astral_jobs", ctx)
    if declared.schema is not None:
        _check_tables(plugin, declared.schema, host.plugins)
        _check_user_data(plugin, declared.schema, host)
    build_registry([plugin], host.settings.commands, host.settings.web.webhooks)  # its own mistakes are its own


def _collect(host: Host, plugin: Plugin, hook: str, ctx: PluginContext) -> list[Any]:
    result = host.runner.call(hook, plugin.id, ctx=ctx)
    if result is None:
        return []
    if not isinstance(result, Iterable):
        raise HookError(plugin.id, f"{hook} returned {result!r}, not an iterable of declarations.")
    return list(result)


def _check_tables(plugin: Plugin, schema: Schema, plugins: Sequence[Plugin]) -> None:
    if plugin.id == "core":
        return
    allowed = {plugin.id, "core", *dependencies(plugin, plugins)}
    for table in schema.metadata.tables.values():
        if table.name != plugin.id and not table.name.startswith(f"{plugin.id}_"):
            if table.name.startswith("core_"):
                continue  # the target of a foreign key, brought in by reference
            raise DeclarationError(plugin.id, f"table {table.name!r} must be called {plugin.id} or {plugin.id}_...")
        for key in table.foreign_keys:
            target = key.target_fullname.partition(".")[0]
            if not any(target == name or target.startswith(f"{name}_") for name in allowed):
                raise DeclarationError(
                    plugin.id,
                    f"{table.name}.{key.parent.name} refers to {target!r}.",
                    "require that plugin in pyproject.toml.",
                )


def _check_user_data(plugin: Plugin, schema: Schema, host: Host) -> None:
    if plugin.id == "core" or not _refers_to_users(schema):
        return
    for hook in ("astral_export_user", "astral_delete_user"):
        if not host.runner.implements(hook, plugin.id):
            raise DeclarationError(
                plugin.id, "its tables refer to users.", f"implement {hook}: people may ask for it."
            )


def _refers_to_users(schema: Schema) -> bool:
    return any(
        "user_id" in table.columns or any(key.target_fullname == "core_users.id" for key in table.foreign_keys)
        for table in schema.metadata.tables.values()
    )
