"""`astral plugins`, `astral routes`, and the commands that plugins bring."""

from __future__ import annotations

import json
from typing import Any

import click
import pluggy

from astral_core import core_plugin
from astral_core.config import Host, load_settings
from astral_core.errors import AstralError, HookError, PluginLoadError
from astral_core.host.discover import discover, import_plugin
from astral_core.host.host import load
from astral_core.host.runner import HookRunner, new_manager
from astral_core.host.state import Plugin


@click.group()
def plugins() -> None:
    """Installed plugins."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_(as_json: bool) -> None:  # click passes flags so
    """Each plugin with its version, state and, where it failed, the reason."""
    settings = load_settings(host=_lenient())
    found = discover(settings.host)
    problem = None
    try:
        load(settings, core_plugin, found)
    except AstralError as error:
        problem = str(error)
    records = [_record(plugin) for plugin in found]
    if as_json:
        click.echo(json.dumps(records, ensure_ascii=False, indent=2))
    else:
        for item in records:
            reason = f"  {item['phase']}: {item['reason']}" if item["reason"] else ""
            click.echo(f"{item['id']:<16} {item['version']:<10} {item['state']:<12} {item['distribution']}{reason}")
    if problem:
        click.echo(problem, err=True)
        raise SystemExit(1)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def routes(as_json: bool) -> None:  # click passes flags so
    """Every command, button, question, step, job and web route, with its plugin."""
    registry = load(load_settings(), core_plugin).registry
    lines: list[tuple[str, str, str]] = []
    for table in (registry.commands, registry.callbacks, registry.questions, registry.steps):
        lines += [(bound.kind, key, bound.plugin) for key, bound in table.items()]
    lines += [("job", name, bound.plugin) for name, (bound, _) in registry.jobs.items()]
    lines += [("web", route.path, plugin) for plugin, route in registry.web]
    if as_json:
        click.echo(json.dumps([{"kind": k, "key": key, "plugin": p} for k, key, p in lines], indent=2))
    else:
        for kind, key, plugin in lines:
            click.echo(f"{kind:<10} {key:<32} {plugin}")


def plugin_command(name: str) -> click.Command | None:
    """The command that the plugin `name` brings; None where there is no such plugin or command.

    A plugin that is switched off still has its commands; a broken one says so.
    """
    for plugin in discover(Host(disabled=())):
        if plugin.id != name:
            continue
        if plugin.alive:
            import_plugin(plugin)
        if plugin.module is None:
            raise PluginLoadError(name, f"{plugin.phase}: {plugin.reason}.")
        manager = new_manager()
        try:
            manager.register(plugin.module, name=name)
        except pluggy.PluginValidationError as error:
            raise HookError(name, str(error)) from error
        command = HookRunner(manager, [name]).call("astral_cli", name)
        return command if isinstance(command, click.Command) else None
    return None


def _lenient() -> dict[str, Any]:
    """The owner's own host settings, but without stopping at the first broken plugin."""
    own = load_settings().host
    return {**own.model_dump(), "required": (), "on_error": "quarantine"}


def _record(plugin: Plugin) -> dict[str, str]:
    return {
        "id": plugin.id,
        "version": plugin.version,
        "state": plugin.state.value,
        "distribution": plugin.distribution,
        "phase": plugin.phase,
        "reason": plugin.reason,
    }
