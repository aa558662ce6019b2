"""One installed plugin, loaded with nothing but what it depends on."""

from __future__ import annotations

from collections.abc import Sequence

from astral_core import config, core_plugin
from astral_core.config import Settings
from astral_core.errors import PluginLoadError
from astral_core.host.discover import discover, with_dependencies
from astral_core.host.host import Host, load
from astral_core.host.state import LoadedPlugin


def find(plugin_id: str) -> list[LoadedPlugin]:
    """The plugin and all that it depends on, dependencies first; PluginLoadError where it is not installed.

    What the owner's settings switch off counts as installed.
    """
    found = discover(config.Host(disabled=()))
    if plugin_id not in {plugin.id for plugin in found}:
        near = config.nearest(plugin_id, [plugin.id for plugin in found])
        hint = f"Did you mean {near!r}? " if near else ""
        raise PluginLoadError(
            plugin_id,
            "no installed distribution has an entry point of this name in the group astral.plugins.",
            f"{hint}A plugin in one file has none: make it a package with a pyproject.toml, and install that "
            "(pip install -e <its folder>).",
        )
    wanted = with_dependencies([plugin_id], found)
    return [plugin for plugin in found if plugin.id in wanted]


def load_alone(plugin_id: str, settings: Settings, webhooks: Sequence[str] = ()) -> tuple[Host, LoadedPlugin]:
    """A host with the plugin and its dependencies; a broken one is set aside with its reason, never raised.

    Of the owner's settings the plugins' own sections are used. `webhooks` are further paths that
    they may claim.
    """
    plugins = find(plugin_id)
    own = {plugin.id: settings.plugins[plugin.id] for plugin in plugins if plugin.id in settings.plugins}
    host = load(
        settings.model_copy(
            update={
                "host": config.Host(disabled=(), required=()),
                "web": config.Web(webhooks=(*settings.web.webhooks, *webhooks)),
                "commands": {},
                "plugins": own,
            }
        ),
        core_plugin.plugin,
        plugins,
        enforce=False,
    )
    return host, next(plugin for plugin in plugins if plugin.id == plugin_id)
