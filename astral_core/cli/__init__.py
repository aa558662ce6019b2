"""The command line. `astral run` serves; the other commands work without a token, most without a database.

Commands are imported when they are used: `astral --help` loads no bot.
"""

from __future__ import annotations

import gc
import importlib
from importlib.metadata import entry_points

import click

from astral_core._version import __version__
from astral_core.cli.hiding import complain, complain_of, let_nothing_past
from astral_core.errors import AstralError

# Name: module, object, and the line that `astral --help` shows without importing either.
_COMMANDS = {
    "run": ("astral_core.cli.run", "run", "Serve the bot."),
    "plugins": ("astral_core.cli.plugins", "plugins", "Installed plugins."),
    "routes": (
        "astral_core.cli.plugins",
        "routes",
        "Every declaration of every plugin, in the order in which the router asks.",
    ),
    "hooks": ("astral_core.cli.plugins", "hooks", "Every hook, and who implements it."),
    "inbox": ("astral_core.cli.inbox", "inbox", "Updates and durable work."),
    "due": (
        "astral_core.cli.due",
        "due",
        "Durable work that waits for its time: steps, jobs, and what is tried again.",
    ),
    "outbox": ("astral_core.cli.inbox", "outbox", "Messages that wait or were refused."),
    "roles": ("astral_core.cli.roles", "roles", "Who has which role."),
    "replicas": ("astral_core.cli.replicas", "replicas", "The processes that handle this bot's updates."),
    "config": ("astral_core.cli.config", "config", "The settings of the core and of the plugins."),
    "doctor": ("astral_core.cli.doctor", "doctor", "Look for what keeps the bot from working."),
    "db": ("astral_core.cli.database", "db", "The database's schema."),
    "texts": ("astral_core.cli.texts", "texts", "Texts in other languages, for translators."),
    "new": ("astral_core.cli.new", "new", "A new plugin or bot."),
}


class _Commands(click.Group):
    """The core's commands and one group for each plugin that brings one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, plugins' ones last."""
        del ctx
        return [*_COMMANDS, *_plugin_names()]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them: a broken plugin breaks no help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in _COMMANDS.items()])
        with formatter.section("Commands of plugins, where they bring some"):
            formatter.write_dl([(name, f"astral {name} --help") for name in _plugin_names()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import what was asked for."""
        del ctx
        if cmd_name in _COMMANDS:
            module, name, _ = _COMMANDS[cmd_name]
            command: click.Command = getattr(importlib.import_module(module), name)
            if cmd_name != "run":  # which turns it on when the bot has started
                gc.enable()
            return command
        gc.enable()
        from astral_core.cli.plugins import plugin_command  # loads the host

        return plugin_command(cmd_name)


def _plugin_names() -> list[str]:
    return sorted({entry.name for entry in entry_points(group="astral.plugins")})


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="astral")
def cli() -> None:
    """Astral: a plugin-based Telegram bot framework."""


def main() -> None:
    """Run the command line; what Astral raises on purpose is one sentence. No error shows a secret."""
    gc.disable()  # what is imported stays: to look through it again and again is a tenth of the start
    let_nothing_past()
    try:
        code = cli(standalone_mode=False)
    except AstralError as error:
        complain(f"astral: {error}")
        raise SystemExit(1) from None
    except click.Abort:
        click.echo("Aborted!", err=True)
        raise SystemExit(1) from None
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told, and ends the command
        complain_of(error)
        raise SystemExit(error.exit_code if isinstance(error, click.ClickException) else 1) from None
    raise SystemExit(code if isinstance(code, int) else 0)
