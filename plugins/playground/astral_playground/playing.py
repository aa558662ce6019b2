"""A session of the playground: the emulators, the bot as their child, and what is kept of both."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from astral_core.cli.reload import places_of
from astral_core.config import Host, config_file, try_settings
from astral_core.host.discover import discover, from_file
from astral_core.host.state import LoadedPlugin
from astral_playground.supervisor import Supervisor
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.keeping import keep, restore
from astral_playground.telegram.state import World
from astral_playground.yookassa import Shop, YooKassaEmulator

PEOPLE = ({"first_name": "Анна", "language_code": "ru"}, {"first_name": "Ben", "language_code": "en"})
SELF = "playground"
SAVE = 1.0  # seconds between something that happens and its being kept
_QUIET = frozenset({"typing", "trace", "call"})  # events after which there is nothing new to keep


def owners_host() -> Host:
    """`[host]` as the owner set it, in astral.toml or the environment: which plugins run.

    The rest of these settings is for the owner's real bot, and so no mistake in it counts here.
    """
    settings, problems = try_settings()
    if settings is None:
        click.echo(f"The settings are wrong, and [host] does not count: {'; '.join(problems)}", err=True)
        return Host()
    return settings.host


class Game:
    """One run of the playground. `data` is its folder."""

    def __init__(self, telegram: TelegramEmulator, bot_port: int, data: Path, files: Sequence[Path]) -> None:
        self.telegram = telegram
        self.data = data
        self._bot_port = bot_port
        self._files = [path.resolve() for path in files]
        self._config = config_file().resolve()
        self._secret = secrets.token_urlsafe(24)
        self._shop = Shop()
        self.yookassa = YooKassaEmulator(
            shops=(self._shop,), notification_url=f"http://127.0.0.1:{bot_port}/webhook/yookassa"
        )
        self._seed = b""
        self._dirty = asyncio.Event()
        command = [sys.executable, "-m", "astral_playground.child"]
        for path in self._files:
            command += ["--plugin", str(path)]
        self.supervisor = Supervisor(command, self.environment, self._report, places=self._places, hear=self._hear)

    @property
    def _world(self) -> World:
        return self.telegram.world

    # Which bot

    def plugins(self) -> list[LoadedPlugin]:
        """The plugins that take part, as the owner chose them."""
        installed = discover(self._host())
        return [plugin for plugin in (*installed, *(from_file(path) for path in self._files)) if plugin.alive]

    def _host(self) -> Host:
        """What the owner says, with the playground itself in any case: it is off by default."""
        wanted = owners_host()
        enabled = None if wanted.enabled is None else (*wanted.enabled, SELF)
        return Host(enabled=enabled, disabled=tuple(name for name in wanted.disabled if name != SELF))

    def name(self) -> str:
        """What the bot is called: by the one plugin that somebody writes, else Astral Bot."""
        own = [path.stem for path in self._files] or [one.id for one in self.plugins() if one.id != SELF]
        return f"{own[0].capitalize()} Bot" if len(own) == 1 else "Astral Bot"

    def environment(self) -> Mapping[str, str]:
        """Settings that lead the bot to the emulators. Real ones of the surrounding shell are overridden."""
        host, telegram, data = self._host(), self.telegram, self.data
        found = {
            "ASTRAL_CONFIG": str(data / "astral.toml"),
            "ASTRAL_TELEGRAM__TOKEN": telegram.token,
            "ASTRAL_TELEGRAM__API_URL": telegram.api_url,
            "ASTRAL_TELEGRAM__WEBHOOK_SECRET": self._secret,
            "ASTRAL_TELEGRAM__PUBLIC_URL": f"http://127.0.0.1:{self._bot_port}",
            "ASTRAL_WEB__HOST": "127.0.0.1",
            "ASTRAL_WEB__PORT": str(self._bot_port),
            "ASTRAL_DATABASE__URL": f"sqlite+aiosqlite:///{data / 'bot.db'}",
            "ASTRAL_HOST__DISABLED": _as_list(host.disabled),
            "ASTRAL_ADMINS": str(next(iter(self._world.users))),  # the first person owns the bot
            "ASTRAL_PLUGINS__PLAYGROUND__TRACE_URL": f"{telegram.url}/api/trace",
        }
        if host.enabled is not None:
            found["ASTRAL_HOST__ENABLED"] = _as_list(host.enabled)
        if any(plugin.id == "payments" for plugin in self.plugins()):
            found |= {
                "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SHOP_ID": self._shop.id,
                "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SECRET_KEY": self._shop.secret_key,
                "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_API_URL": self.yookassa.api_url,
            }
        return found

    def _places(self) -> Iterator[Path]:
        """What its author may be writing."""
        yield from places_of(plugin for plugin in self.plugins() if plugin.id != SELF)
        yield self._config

    # What the bot tells

    def _report(self, up: bool, detail: str) -> None:
        self._world.set_bot_up(up, detail)

    def _hear(self, told: dict[str, Any] | None) -> None:
        """Keep what the bot tells; a new start has no troubles yet."""
        journal, world = self._world.journal, self._world
        if told is None:
            journal.trouble = []
            world.emit("bot")
            return
        match told.pop("kind"):
            case "ready":
                world.set_bot_up(True)
                world.emit("retry")  # what was sent meanwhile does not wait for Telegram's next try
            case "failure":
                journal.fail(told.pop("error_id"), told)
            case _:
                journal.trouble = [*journal.trouble, told]
                world.emit("bot")

    # What is kept

    async def begin(self, *, kept: bool) -> None:
        """Make the world, or go on with the one of the run before, if that is `kept`. KeptError if it is damaged."""
        self._world.bot.first_name = self.name()
        for person in PEOPLE:
            self._world.add_user(**person, stars=500)
        self._seed = keep(self._world)
        data = await asyncio.to_thread(self._read) if kept else None
        if data is None:
            await asyncio.to_thread(self._empty)
        else:
            restore(self._world, data)
        self._world.afresh = self.afresh
        self._world.listen(self._on_event)

    def _read(self) -> bytes | None:
        """What is kept in the folder, if there is something; it goes with the database, or not at all."""
        file = self.data / "telegram.bin"
        return file.read_bytes() if file.is_file() and (self.data / "bot.db").is_file() else None

    def _empty(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)

    async def afresh(self) -> None:
        """Begin anew: an empty database, the first two people, no chats."""
        await self.supervisor.restart(self._wipe)

    async def _wipe(self) -> None:
        await asyncio.to_thread(self._empty)
        self._world.reset()
        restore(self._world, self._seed)
        self._world.emit("reset")

    def _on_event(self, name: str, data: dict[str, Any]) -> None:
        del data
        if name not in _QUIET:
            self._dirty.set()

    async def keep_it(self) -> None:
        """Keep the world in the folder whenever it changes, until cancelled, and then once more."""
        try:
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                await self._save()
                await asyncio.sleep(SAVE)
        finally:
            await asyncio.shield(self._save())

    async def _save(self) -> None:
        await asyncio.to_thread(_replace, self.data / "telegram.bin", keep(self._world))

    @contextlib.asynccontextmanager
    async def bot(self) -> AsyncIterator[None]:
        """The bot runs."""
        tasks = [asyncio.create_task(self.supervisor.run()), asyncio.create_task(self.keep_it())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _as_list(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that it is whole at any time."""
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)
