"""`python -m astral_playground`: the emulators and the chat page, with the bot as a supervised child."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import click

from astral_playground.page import add_page
from astral_playground.playing import Game
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.keeping import KeptError
from astral_playground.testkit.ports import free_port

PORT = 8081
FOLDER = Path(".astral/playground")


@click.command()
@click.option("--port", default=PORT, show_default=True, help="Port of the chat page.")
@click.option("--bot-port", default=0, help="Port of the bot; a free one by default.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help=f"Folder of the bot's database and of the chats, which go on there at the next start. Without it they begin "
    f"anew each time, in {FOLDER}.",
)
@click.option(
    "--plugin", "files", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A plugin in one file for the bot; may be repeated.",
)  # fmt: skip
def main(port: int, bot_port: int, data: Path | None, files: tuple[Path, ...]) -> None:
    """A bot in the browser: no token, no account, no network. It starts anew when a plugin's file changes."""
    try:
        asyncio.run(play(port, bot_port or free_port(), data or FOLDER, files, kept=data is not None))
    except KeptError as error:
        click.echo(f"{data}: {error}. Fix: remove the folder, or name another one with --data.", err=True)
        raise SystemExit(1) from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        click.echo(
            f"The playground cannot listen on 127.0.0.1:{port} ({reason}). Stop the program that uses the port, or "
            "choose another one: python3 dev.py playground --port 8090",
            err=True,
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        click.echo("\nBye.", err=True)


async def play(port: int, bot_port: int, data: Path, files: tuple[Path, ...] = (), *, kept: bool = False) -> None:
    """Serve until a signal."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    telegram = TelegramEmulator(port=port)
    game = Game(telegram, bot_port, data, files)
    await game.begin(kept=kept)
    add_page(telegram.app)
    async with telegram, game.yookassa, game.bot():
        click.echo(f"\n  {game.name()} is in your browser:  {telegram.url}/\n\n  Ctrl-C ends it.\n")
        await stopping.wait()


if __name__ == "__main__":
    main()
