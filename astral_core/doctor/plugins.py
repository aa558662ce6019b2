"""The plugins, loaded as at a start, but with none of them stopping it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from astral_core import core_plugin
from astral_core.config import Settings
from astral_core.db.migrate import CORE, Chain
from astral_core.errors import ConflictError, PluginError
from astral_core.finding import Finding
from astral_core.host.checks import unknown_roles
from astral_core.host.discover import discover
from astral_core.host.host import Host, load
from astral_core.host.state import LoadedPlugin, State

_OFF = "or switch it off: [host] disabled."


@dataclass
class Plugins:
    """What is installed. `found`, `host` and `chains` are complete once `check` has run."""

    settings: Settings
    found: list[LoadedPlugin] = field(default_factory=list)
    host: Host | None = None

    @property
    def chains(self) -> list[Chain]:
        """The migrations of the core and of every plugin that works."""
        working = [plugin for plugin in self.found if plugin.alive and plugin.declared.tables]
        return [CORE, *(Chain(p.id, p.declared.tables.migrations) for p in working if p.declared.tables)]

    def check(self) -> Iterator[Finding]:
        """Each plugin in a bad state, each conflict, and what is required and not there."""
        self.found = discover(self.settings.host)
        self.host = load(self.settings, core_plugin.plugin, self.found, enforce=False)
        yield from (finding for plugin in self.found for finding in self._state(plugin))
        yield from self._required()
        yield from self._roles()

    def texts(self) -> Iterator[Finding]:
        """What is wrong with translations, the owner's and the plugins', and with the languages of the settings."""
        for fault in self.host.languages().faults() if self.host is not None else ():
            yield Finding("texts-wrong", fault.where, fault.cause, fault.fix, fatal=False)

    def _state(self, plugin: LoadedPlugin) -> Iterator[Finding]:
        where, error = f"plugin {plugin.id}", plugin.error
        stops = plugin.id in self.settings.host.required or self.settings.host.on_error == "stop"
        sentence = partial(self._sentence, plugin, " The bot does not start." if stops else "")
        if isinstance(error, ConflictError):
            for text in error.conflicts:
                what, _, fix = text.partition(" Fix: ")
                yield Finding("plugin-conflict", where, sentence(what), _stop(fix or f"mend one of them, {_OFF}"))
        elif plugin.state is State.FAILED:
            what, fix = (error.what, error.fix) if isinstance(error, PluginError) else (plugin.reason, "")
            yield Finding("plugin-failed", where, sentence(what), _stop(fix or self._fix(plugin)))
        elif plugin.state is State.INCOMPATIBLE:
            fix = f"install a version of {plugin.distribution} that is made for this core, {_OFF}"
            yield Finding("plugin-incompatible", where, sentence(plugin.reason), fix)
        elif plugin.state is State.QUARANTINED:
            fix = f"mend the plugin that it needs, {_OFF}"
            yield Finding("plugin-quarantined", where, sentence(plugin.reason), fix)

    @staticmethod
    def _sentence(plugin: LoadedPlugin, ending: str, reason: str) -> str:
        about = f"{plugin.provider} is {plugin.state} in phase {plugin.phase}"
        return _stop(f"{about}: {' '.join(reason.split())}") + ending

    @staticmethod
    def _fix(plugin: LoadedPlugin) -> str:
        if plugin.phase == "configure":
            return f"mend [plugins.{plugin.id}] in astral.toml or ASTRAL_PLUGINS__{plugin.id.upper()}__..., {_OFF}"
        if plugin.phase == "import":
            return f"install {plugin.distribution} and what it needs once more, {_OFF}"
        return f"update {plugin.distribution} or tell its author, {_OFF}"

    def _roles(self) -> Iterator[Finding]:
        for name, near in unknown_roles(self.settings, self.found):
            fix = f"did you mean {near!r}?" if near else "install the plugin that does, or take it out."
            cause = "no plugin that is loaded names this role, so it lets nobody do anything."
            yield Finding("settings-unknown-role", f"roles.{name}", cause, fix, fatal=False)

    def _required(self) -> Iterator[Finding]:
        host = self.settings.host
        states = {plugin.id: plugin.state for plugin in self.found}
        for name in host.required if "required" in host.model_fields_set else ():  # the default is nobody's wish
            if states.get(name, State.DISABLED) is State.DISABLED:
                what = "switched off" if name in states else "not installed"
                fix = "switch it on" if name in states else "install it"
                cause = f"[host] required names {name!r}, which is {what}."
                yield Finding(
                    "plugin-required-missing", f"plugin {name}", cause, f"{fix}, or take it out of the list."
                )


def _stop(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."
