"""The page of commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from astral_core.cli import cli
from astral_core.config import Host as HostSettings
from astral_core.host.discover import discover
from astral_playground.__main__ import main as playground
from generator.shipped import SHIPPED
from generator.text import code, page, sentence, table


def commands() -> str:
    """Every command, by a walk over click's tree."""
    context = click.Context(cli, info_name="astral")
    others = {plugin.id for plugin in discover(HostSettings(disabled=()))} - set(SHIPPED)
    blocks = []
    for name in cli.list_commands(context):
        command = None if name in others else cli.get_command(context, name)
        if command is not None:
            blocks += list(_command(command, click.Context(command, info_name=name, parent=context)))
    blocks += list(_command(playground, click.Context(playground, info_name="python -m astral_playground")))
    intro = (
        "`--json` prints one JSON document on stdout, with keys that stay (see "
        "[compatibility](../explanation/compatibility.md)); everything else that is printed is for people. A command "
        "that fails ends with 1 and says why on stderr; wrong usage ends with 2."
    )
    return page("Commands", intro, *blocks)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    if not isinstance(command, click.Group):
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        yield f"## {context.command_path}"
        yield f"```text\n{usage}\n```"
        yield _help(command)
        rows = [
            _option(item, context) for item in command.params if isinstance(item, click.Option) and not item.hidden
        ]
        yield table(["option", "meaning"], rows) if rows else ""
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None and not inner.hidden:
            yield from _command(inner, click.Context(inner, info_name=name, parent=context))


def _help(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("\b\n", "")


def _option(option: click.Option, context: click.Context) -> list[str]:
    names = " / ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    said = sentence(option.help or "")
    often = option.multiple and "repeated" not in said
    notes = [word for word, true in (("Required.", option.required), ("May be repeated.", often)) if true]
    default = f"Default: `{option.default}`." if option.show_default else ""
    return [code(names + value), " ".join(filter(None, [said, *notes, default]))]
