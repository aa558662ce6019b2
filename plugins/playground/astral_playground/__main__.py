"""`python -m astral_playground`: the emulators and the chat page, with the bot as a supervised child."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from astral_playground.page import add_page
from astral_playground.supervisor import Supervisor
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.ports import free_port
from astral_playground.yookassa import Shop, YooKassaEmulator

PORT = 8081
PEOPLE = ({"first_name": "Анна", "language_code": "ru"}, {"first_name": "Ben", "language_code": "en"})


@click.command()
@click.option("--port", default=PORT, show_default=True, help="Port of the chat page.")
@click.option("--bot-port", default=0, help="Port of the bot; a free one by default.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path(".astral/playground"),
    show_default=True,
    help="Folder of the bot's database; emptied at every start, as the emulated Telegram is new too.",
)
@click.option(
    "--plugin", "files", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A plugin in one file for the bot; may be repeated.",
)  # fmt: skip
def main(port: int, bot_port: int, data: Path, files: tuple[Path, ...]) -> None:
    """A bot in the browser: no token, no account, no network."""
    try:
        asyncio.run(play(port, bot_port or free_port(), data, files))
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


async def play(port: int, bot_port: int, data: Path, files: tuple[Path, ...] = ()) -> None:
    """Serve until a signal."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    telegram = TelegramEmulator(port=port)
    telegram.world.bot.first_name = "Astral Bot"
    add_page(telegram.app)
    shop = Shop()
    yookassa = YooKassaEmulator(shops=(shop,), notification_url=f"http://127.0.0.1:{bot_port}/webhook/yookassa")
    async with telegram, yookassa:
        for person in PEOPLE:
            telegram.user(**person, stars=500)
        await asyncio.to_thread(_empty, data)
        environment = bot_environment(telegram, yookassa, shop, bot_port, data)
        command = [sys.executable, "-m", "astral_core.cli", "run"]
        for path in files:
            command += ["--plugin", str(path.resolve())]
        supervisor = Supervisor(command, environment, telegram.world.set_bot_up)
        running = asyncio.create_task(supervisor.run())
        click.echo(f"\n  Astral Bot is in your browser:  {telegram.url}/\n\n  Ctrl-C ends it.\n")
        await stopping.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def bot_environment(
    telegram: TelegramEmulator, yookassa: YooKassaEmulator, shop: Shop, bot_port: int, data: Path
) -> Mapping[str, str]:
    """Settings that lead the bot to the emulators. Real ones of the surrounding shell are overridden."""
    return {
        "ASTRAL_CONFIG": str(data / "astral.toml"),
        "ASTRAL_TELEGRAM__TOKEN": telegram.token,
        "ASTRAL_TELEGRAM__API_URL": telegram.api_url,
        "ASTRAL_TELEGRAM__WEBHOOK_SECRET": secrets.token_urlsafe(24),
        "ASTRAL_TELEGRAM__PUBLIC_URL": f"http://127.0.0.1:{bot_port}",
        "ASTRAL_WEB__HOST": "127.0.0.1",
        "ASTRAL_WEB__PORT": str(bot_port),
        "ASTRAL_DATABASE__URL": f"sqlite+aiosqlite:///{data / 'bot.db'}",
        "ASTRAL_HOST__DISABLED": "[]",
        "ASTRAL_ADMINS": str(next(iter(telegram.world.users))),  # the first person owns the bot, others are customers
        "ASTRAL_PLUGINS__PLAYGROUND__TRACE_URL": f"{telegram.url}/api/trace",
        "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SHOP_ID": shop.id,
        "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SECRET_KEY": shop.secret_key,
        "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_API_URL": yookassa.api_url,
    }


if __name__ == "__main__":
    main()
