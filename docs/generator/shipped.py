"""The core and the plugins of this repository, loaded."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from astral_core.config import Host as HostSettings
from astral_core.config import Settings
from astral_core.core_plugin import plugin as core_plugin
from astral_core.errors import PluginLoadError
from astral_core.host.discover import discover
from astral_core.host.host import Host, load

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))


@cache
def host() -> Host:
    """The core and the plugins of this repository, whatever else is installed."""
    found = [plugin for plugin in discover(HostSettings(disabled=())) if plugin.id in SHIPPED]
    loaded = load(Settings(), core_plugin, found, enforce=False)
    missing = set(SHIPPED) - {plugin.id for plugin in loaded.alive}
    for plugin in loaded.plugins:
        if not plugin.alive:
            raise PluginLoadError(plugin.id, f"{plugin.phase}: {plugin.reason}.", "fix it: the reference needs all.")
    if missing:
        raise PluginLoadError(min(missing), "is not installed.", "install the core and all plugins as editables.")
    return loaded
