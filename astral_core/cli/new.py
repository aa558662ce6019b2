"""`astral new`: a plugin or a bot to begin with. It needs neither a token nor the network."""

from __future__ import annotations

from pathlib import Path

import click

from astral_core.scaffold.make import new_bot, new_plugin

_WHERE = click.option(
    "--path",
    "parent",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Folder in which it is made; the current one if not given.",
)


@click.group()
def new() -> None:
    """A new plugin or bot."""


@new.command("plugin")
@click.argument("name")
@_WHERE
@click.option("--author", help="Who stands in the licence and in the package's metadata.")
def plugin(name: str, parent: Path, author: str | None) -> None:
    """Make the plugin NAME: a command, a button, a table, a setting, two languages, and tests that pass.

    It goes into the folder astral-NAME. NAME is 2 to 16 of a-z and 0-9.
    """
    folder = new_plugin(name, parent, author)
    _tell(folder, "python3 -m venv .venv", ".venv/bin/pip install -e '.[dev]'", ".venv/bin/pytest")


@new.command("bot")
@click.argument("name")
@_WHERE
def bot(name: str, parent: Path) -> None:
    """Make what an owner needs to run the bot NAME: settings, service, containers, and a README with every command.

    It goes into the folder NAME. NAME is made of a-z and 0-9, with single hyphens between.
    """
    folder = new_bot(name, parent)
    _tell(folder, "cp .env.example .env  # and put the bot's token into it", "cat README.md")


def _tell(folder: Path, *commands: str) -> None:
    click.echo(f"{folder} is ready. Next:\n")
    for command in (f"cd {folder}", *commands):
        click.echo(f"  {command}")
