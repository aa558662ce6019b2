"""`astral plugins`, `astral routes`, and the commands that plugins bring."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import click
import pluggy

from astral_core import core_plugin, hookspecs
from astral_core.cli.check import check
from astral_core.config import Host as HostSettings
from astral_core.config import load_settings, nearest
from astral_core.db.migrate import owns
from astral_core.declare import PRIVATE, Webhook
from astral_core.errors import HookError, PluginLoadError
from astral_core.host.discover import discover, import_plugin
from astral_core.host.host import Host, load
from astral_core.host.registry import Bound
from astral_core.host.runner import HookRunner, colour, is_hookspec, new_manager
from astral_core.host.state import Plugin, State


@click.group()
def plugins() -> None:
    """Installed plugins."""


plugins.add_command(check)


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_(as_json: bool) -> None:  # click passes flags so
    """Each plugin with its version, state and, where it failed, the reason."""
    records = [_record(plugin) for plugin in looked_at().plugins if plugin.id != "core"]
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
    host = looked_at()
    found = next((item for item in host.plugins if item.id == plugin), None)
    if found is None:
        raise click.ClickException(f"no plugin {plugin!r} is installed. {near(plugin, [p.id for p in host.plugins])}")
    record = {**_record(found), "module": found.module_name, "requires": list(found.requires), **brought(host, found)}
    if as_json:
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return
    for name, value in record.items():
        if value:
            click.echo(f"{name + ':':<14}{(chr(10) + ' ' * 14).join(value) if isinstance(value, list) else value}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def hooks(as_json: bool) -> None:  # click passes flags so
    """Every hook, and who implements it.

    In the order of the calls; a hook that a plugin brings names it."""
    host = looked_at()
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
    """Every command, button, question, link, step, job and web route.

    Each with its plugin, and where it answers, if that is not the private chat alone."""
    host = looked_at()
    registry = host.registry
    for found in host.plugins:
        if not found.alive and found.state is not State.DISABLED:
            click.echo(f"plugin {found.provider} is {found.state} in phase {found.phase}: {found.reason}", err=True)
    lines: list[tuple[str, str, str, list[str]]] = []
    for table in (registry.commands, registry.callbacks, registry.questions, registry.deep_links, registry.steps):
        lines += [(bound.kind, key, bound.plugin, chats(bound)) for key, bound in table.items()]
    if registry.text is not None:
        lines.append((registry.text.kind, "*", registry.text.plugin, chats(registry.text)))
    lines += [("job", name, bound.plugin, []) for name, (bound, _) in registry.jobs.items()]
    lines += [("web", route.path, plugin, []) for plugin, route in registry.web]
    if as_json:
        records = [
            {"kind": kind, "key": key, "plugin": plugin, **({"chat": where} if where else {})}
            for kind, key, plugin, where in lines
        ]
        click.echo(json.dumps(records, indent=2))
    else:
        for kind, key, plugin, where in lines:
            click.echo(f"{kind:<10} {key:<32} {plugin:<16} {', '.join(where)}".rstrip())


def chats(bound: Bound) -> list[str]:
    """The kinds of chats that a route answers in; none where that is the private chat alone."""
    return [] if bound.chat == PRIVATE else [str(kind.name).lower() for kind in bound.chat]


def plugin_command(name: str) -> click.Command | None:
    """The command that the plugin `name` brings; None where there is no such plugin or command.

    A plugin that is switched off still has its commands; a broken one says so.
    """
    for plugin in discover(HostSettings(disabled=())):
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


def looked_at() -> Host:
    """All plugins, loaded as for a start, but nothing stops at a broken one."""
    return load(load_settings(), core_plugin, judge=False)


def near(name: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name."""
    found = nearest(name, list(known))
    return f"Did you mean {found!r}?" if found else "`astral plugins list` shows what there is."


def specifications(host: Host) -> Iterator[tuple[str, Callable[..., Any], str]]:
    """(hook, its specification, who brings it), the core's in the order in which they stand."""
    for owner, module in [("core", hookspecs), *((p.id, p.module) for p in host.alive if p.id != "core")]:
        for name, function in vars(module).items():
            if is_hookspec(function) and function.__module__ == getattr(module, "__name__", ""):
                yield name, function, owner


def brought(host: Host, plugin: Plugin) -> dict[str, list[str]]:
    """What `plugin` declared, by kind, as its users and its owner call it."""
    registry, declared = host.registry, plugin.declared
    model = host.plugin_settings.get(plugin.id)

    def own(table: Mapping[str, Bound]) -> list[str]:
        mine = [(key, chats(bound)) for key, bound in table.items() if bound.plugin == plugin.id]
        return [f"{key} ({', '.join(where)})" if where else key for key, where in mine]

    return {
        "hooks": [name for name, _, _ in specifications(host) if host.runner.implements(name, plugin.id)],
        "commands": [f"/{name}" for name in own(registry.commands)],
        "buttons": own(registry.callbacks),
        "questions": own(registry.questions),
        "steps": own(registry.steps),
        "jobs": [f"{job.name} every {job.every:g} s" for job in declared.jobs],
        "events": [name for name, owner in registry.events.items() if owner == plugin.id],
        "listens_to": [
            event for event, bounds in registry.subscribers.items() if any(b.plugin == plugin.id for b in bounds)
        ],
        "web": [route.path if isinstance(route, Webhook) else f"{route.method} /plugins/{plugin.id}{route.path}"
                for route in declared.web],
        "tables": sorted(t for t in declared.schema.metadata.tables if owns(plugin.id, t)) if declared.schema else [],
        "settings": list(type(model).model_fields) if model is not None else [],
    }  # fmt: skip


def _record(plugin: Plugin) -> dict[str, str]:
    return {
        "id": plugin.id,
        "version": plugin.version,
        "state": plugin.state.value,
        "distribution": plugin.distribution,
        "phase": plugin.phase,
        "reason": plugin.reason,
    }
