"""`astral plugins`, `astral routes`, and the commands that plugins bring."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from astral_core import core_plugin, hookspecs
from astral_core.cli.check import check
from astral_core.cli.hiding import complain, hide
from astral_core.config import Host as HostSettings
from astral_core.config import load_settings, nearest
from astral_core.db.migrate import owns
from astral_core.declare import PRIVATE, ChatKind
from astral_core.errors import PluginLoadError
from astral_core.host.discover import discover, import_plugin
from astral_core.host.host import Host, load
from astral_core.host.state import LoadedPlugin, State
from astral_core.kinds.base import Line
from astral_core.kinds.signatures import colour
from astral_core.state import name_of


@click.group()
def plugins() -> None:
    """Installed plugins."""


plugins.add_command(check)


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_(as_json: bool) -> None:  # click passes flags so
    """Each plugin with its version, state and, where it failed, the reason."""
    records = [_record(plugin) for plugin in load_host().plugins if plugin.id != "core"]
    if as_json:
        click.echo(json.dumps(records, ensure_ascii=False, indent=2))
    else:
        for item in records:
            reason = f"  {item['phase']}: {item['reason']}" if item["reason"] else ""
            click.echo(f"{item['id']:<16} {item['version']:<10} {item['state']:<12} {item['distribution']}{reason}")


@plugins.command("info")
@click.argument("plugin")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def info(plugin: str, as_json: bool) -> None:  # click passes flags so
    """Everything that PLUGIN brings: hooks, commands, buttons, tables, settings, pages, jobs, events."""
    host = load_host()
    found = next((item for item in host.plugins if item.id == plugin), None)
    if found is None:
        raise click.ClickException(f"no plugin {plugin!r} is installed. {near(plugin, [p.id for p in host.plugins])}")
    record = {
        **_record(found),
        "module": found.module_name,
        "requires": list(found.requires),
        **describe(host, found),
    }
    if as_json:
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return
    for name, value in record.items():
        if value:
            click.echo(f"{name + ':':<15}{(chr(10) + ' ' * 15).join(value) if isinstance(value, list) else value}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def hooks(as_json: bool) -> None:  # click passes flags so
    """Every hook, and who implements it.

    In the order of the calls; a hook that a plugin brings names it."""
    host = load_host()
    records = [
        {
            "hook": name,
            "colour": colour(spec),
            "from": brings,
            "implemented_by": list(host.runner.implementations(name)),
        }
        for name, spec, brings in specifications(host)
    ]
    if as_json:
        click.echo(json.dumps(records, indent=2))
        return
    for record in records:
        name = record["hook"] if record["from"] == "core" else f"{record['hook']} (of {record['from']})"
        click.echo(f"{name:<32} {record['colour']:<16} {', '.join(record['implemented_by']) or '-'}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def routes(as_json: bool) -> None:  # click passes flags so
    """Every declaration of every plugin, in the order in which the router asks.

    Each with its plugin, and where it answers, if that is not the private chat alone."""
    host = load_host()
    for found in host.plugins:
        if not found.alive and found.state is not State.DISABLED:
            complain(f"plugin {found.provider} is {found.state} in phase {found.phase}: {found.reason}")
    lines = [(kind.name, line) for kind in host.registry.kinds.values() for line in kind.lines()]
    if as_json:
        records = [
            {"kind": kind, "key": line.key, "plugin": line.plugin, **_more(chats(line.chat), line.note)}
            for kind, line in lines
        ]
        click.echo(json.dumps(records, ensure_ascii=False, indent=2))
    else:
        for kind, line in lines:
            rest = ", ".join([*chats(line.chat), *([line.note] if line.note else [])])
            click.echo(f"{kind:<12} {line.key:<32} {line.plugin:<16} {rest}".rstrip())


def _more(where: list[str], note: str) -> dict[str, object]:
    return {**({"chat": where} if where else {}), **({"note": note} if note else {})}


def chats(chat: ChatKind | None) -> list[str]:
    """The kinds of chats that a route answers in; none if that is the private chat alone."""
    return [] if chat in (PRIVATE, None) else [str(kind.name).lower() for kind in chat or PRIVATE]


def plugin_command(name: str) -> click.Command | None:
    """The command that the plugin `name` brings; None where there is no such plugin or command.

    A plugin that is switched off still has its commands; a broken one says so.
    """
    for plugin in discover(HostSettings(disabled=())):
        if plugin.id != name:
            continue
        if plugin.alive:
            import_plugin(plugin)
        if not plugin.is_imported:
            raise PluginLoadError(name, f"{plugin.phase}: {plugin.reason}.")
        return plugin.declared.cli
    return None


def load_host() -> Host:
    """All plugins, loaded as for a start, but nothing stops at a broken one."""
    return load(load_settings(), core_plugin.plugin, enforce=False)


def near(name: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name."""
    found = nearest(name, list(known))
    return f"Did you mean {found!r}?" if found else "`astral plugins list` shows what there is."


def specifications(host: Host) -> Iterator[tuple[str, Callable[..., Any], str]]:
    """(hook, its specification, who brings it), the core's in the order of its source."""
    for name, function in vars(hookspecs).items():
        if name.startswith("astral_"):
            yield name, function, "core"
    for plugin in host.alive:
        for function in plugin.declared.hookspecs:
            yield function.__name__, function, plugin.id


def describe(host: Host, plugin: LoadedPlugin) -> dict[str, list[str]]:
    """What `plugin` declared, by kind, as its users and its owner call it."""
    registry, declared = host.registry, plugin.declared
    model = host.plugin_settings.get(plugin.id)
    return {
        "hooks": [name for name, _, _ in specifications(host) if host.runner.implements(name, plugin.id)],
        **{
            kind.plural: [_said(line) for line in kind.lines() if line.plugin == plugin.id]
            for kind in registry.kinds.values()
        },
        "states": [name_of(model) for model, owner in registry.states.items() if owner == plugin.id],
        "events": [name for name, owner in registry.events.items() if owner == plugin.id],
        "tables": sorted(t for t in declared.tables.metadata.tables if owns(plugin.id, t)) if declared.tables else [],
        "settings": list(type(model).model_fields) if model is not None else [],
    }


def _said(line: Line) -> str:
    rest = ", ".join([*chats(line.chat), *([line.note] if line.note else [])])
    return f"{line.key} ({rest})" if rest else line.key


def _record(plugin: LoadedPlugin) -> dict[str, str]:
    return {
        "id": plugin.id,
        "version": plugin.version,
        "state": plugin.state.value,
        "distribution": plugin.distribution,
        "phase": plugin.phase,
        "reason": hide(plugin.reason) if plugin.reason else "",
    }
