"""The command line. `astral run` serves; the other commands work without a token, most without a database.

Commands are imported when they are used: `astral --help` loads no bot.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points

import click

from astral_core._version import __version__
from astral_core.errors import AstralError

_COMMANDS = {
    "run": ("astral_core.cli.run", "run"),
    "plugins": ("astral_core.cli.plugins", "plugins"),
    "routes": ("astral_core.cli.plugins", "routes"),
    "inbox": ("astral_core.cli.inbox", "inbox"),
    "outbox": ("astral_core.cli.inbox", "outbox"),
    "db": ("astral_core.cli.database", "db"),
}


class _Commands(click.Group):
    """The core's commands and one group for each plugin that brings one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, plugins' ones last."""
        del ctx
        return [*_COMMANDS, *sorted(entry.name for entry in entry_points(group="astral.plugins"))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import what was asked for."""
        del ctx
        if cmd_name in _COMMANDS:
            module, name = _COMMANDS[cmd_name]
            command: click.Command = getattr(importlib.import_module(module), name)
            return command
        from astral_core.cli.plugins import plugin_command  # loads the host

        return plugin_command(cmd_name)


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="astral")
def cli() -> None:
    """Astral: a plugin-based Telegram bot framework."""


def main() -> None:
    """Run the command line; what Astral raises on purpose is one sentence, not a traceback."""
    try:
        cli()
    except AstralError as error:
        click.echo(f"astral: {error}", err=True)
        raise SystemExit(1) from None
