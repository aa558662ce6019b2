"""The audit of a plugin: every check that needs no running bot, each with the way to mend what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from astral_core.audit import package
from astral_core.audit.alone import find, load_alone
from astral_core.audit.codes import CODES
from astral_core.audit.notice import check_notice
from astral_core.audit.people import check_mentions
from astral_core.audit.settings import check_settings, unset
from astral_core.audit.texts import check_texts
from astral_core.config import Settings, load_settings
from astral_core.errors import PluginLoadError
from astral_core.finding import Finding
from astral_core.host.host import Host
from astral_core.host.state import LoadedPlugin
from astral_core.kinds.web import Webhook

__all__ = ["CODES", "audit_plugin"]

# What a phase of loading found: the code of its finding.
_CODES = {
    "import": "import-failed",
    "specify": "hooks-wrong",
    "register": "hooks-wrong",
    "configure": "settings-wrong",
    "declare": "declarations-wrong",
    "conflicts": "declarations-conflict",
}


def audit_plugin(plugin_id: str, databases: Sequence[str] = ()) -> list[Finding]:
    """Everything that is wrong with an installed plugin; nothing is a good plugin.

    Its migrations run in a scratch SQLite file, and in each of `databases`: URLs of databases that may be changed
    and hold no tables of the plugin. Settings are read as the bot reads them, for plugins that cannot be without.
    """
    return list(_audit(plugin_id, databases))


def _audit(plugin_id: str, databases: Sequence[str]) -> Iterator[Finding]:
    try:
        plugin = next(plugin for plugin in find(plugin_id) if plugin.id == plugin_id)
    except PluginLoadError as error:
        yield Finding("plugin-missing", plugin_id, error.what, error.fix)
        return
    yield from package.check_metadata(plugin)
    if not plugin.alive:
        yield Finding(f"plugin-{plugin.phase}", plugin_id, f"{plugin.reason}.", "mend the distribution's metadata.")
        return
    broken = False
    for finding in package.check_import(plugin):
        broken = broken or finding.fatal
        yield finding
    yield from package.check_typed(plugin)
    if not broken:  # to import it here could end this process
        yield from _loaded(plugin_id, databases)


def _loaded(plugin_id: str, databases: Sequence[str]) -> Iterator[Finding]:
    settings = load_settings()
    host, plugin = _load(plugin_id, settings)
    model = plugin.declared.settings
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        model = None  # none, or a wrong one, of which loading tells
    if model is not None:
        yield from check_settings(plugin_id, model)
    missing = unset(model, settings.plugins.get(plugin_id, {})) if model is not None else []
    if plugin.phase == "configure" and missing:
        names = ", ".join(f"ASTRAL_PLUGINS__{plugin_id.upper()}__{name.upper()}" for name in missing)
        cause = "these have no default and are not set: what the plugin declares could not be checked."
        yield Finding("settings-unset", f"[plugins.{plugin_id}] {', '.join(missing)}", cause, f"set {names}.", False)
    elif not plugin.alive:
        code = _CODES.get(plugin.phase, f"plugin-{plugin.phase}")
        what, fix = getattr(plugin.error, "what", plugin.reason), getattr(plugin.error, "fix", "")
        yield Finding(code, plugin_id, what, fix or "mend the plugin as the cause says.")
    yield from check_texts(plugin)
    if plugin.alive:
        yield from check_notice(host, plugin)
        yield from check_mentions(host, plugin)
        from astral_core.audit.migrations import check_migrations  # Alembic

        yield from check_migrations(host, plugin, databases)


def _load(plugin_id: str, settings: Settings) -> tuple[Host, LoadedPlugin]:
    """Load it; once more with the absolute paths that it wants: to allow them is the owner's business."""
    host, plugin = load_alone(plugin_id, settings)
    wanted = {route.path for route in plugin.declared.routes if isinstance(route, Webhook)}
    strange = wanted - set(settings.web.webhooks)
    return load_alone(plugin_id, settings, tuple(strange)) if strange else (host, plugin)
