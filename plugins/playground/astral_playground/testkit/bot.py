"""A whole bot for a test: the real application, its own database, an emulated Telegram over real HTTP."""

from __future__ import annotations

import contextlib
import secrets
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from astral_core.app import App, build
from astral_core.config import Settings, load_settings
from astral_core.errors import ConfigError
from astral_core.host.state import Declarations, Plugin, State
from astral_core.inbox.envelope import as_json
from astral_core.inbox.rows import INTERNAL, NewRow
from astral_core.jobs import lane_of
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.records import Call
from astral_playground.testkit.chat import Chat
from astral_playground.testkit.clock import MovableClock
from astral_playground.testkit.crash import crash
from astral_playground.testkit.ports import free_port
from astral_playground.testkit.schema import fill
from astral_playground.testkit.settle import settled


def module_plugin(name: str, module: str) -> Plugin:
    """A plugin out of an importable module, as if its package were installed."""
    return Plugin(id=name, distribution=f"astral-{name}", version="0", module_name=module)


def _fresh(plugin: Plugin) -> Plugin:
    """The plugin as it was before it was loaded: a host of an earlier start has left its marks on it."""
    return replace(plugin, state=State.LOADED, phase="", reason="", error=None, module=None, declared=Declarations())


@dataclass
class BotKit:
    """A bot under test. `start` and `stop` may be called again and again: the database stays."""

    telegram: TelegramEmulator
    database_url: str
    plugins: Sequence[Plugin] | None = None
    overrides: dict[str, Any] = field(default_factory=dict, repr=False)
    port: int = field(default_factory=free_port)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    app: App | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The bot's own address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> App:
        """The running application."""
        if self.app is None:
            raise RuntimeError("BotKit: the bot is not running; call start() first")
        return self.app

    def settings(self) -> Settings:
        """Settings for the emulated Telegram, with the test's overrides on top."""
        base: dict[str, Any] = {
            "telegram": {
                "token": self.telegram.token,
                "api_url": self.telegram.api_url,
                "webhook_secret": self.secret,
                "public_url": self.url,
            },
            "web": {"port": self.port},
            "database": {"url": self.database_url},
            "host": {"on_error": "stop"},
            "pool": {"warm": False},  # a test that computes nothing starts no process
            "inbox": {"waiting": "raise"},
        }
        for key, value in self.overrides.items():
            base[key] = {**base[key], **value} if isinstance(value, dict) and key in base else value
        return load_settings(**base)

    def fresh_plugins(self) -> list[Plugin] | None:
        """The plugins as they are before a start; None means all installed ones."""
        return None if self.plugins is None else [_fresh(plugin) for plugin in self.plugins]

    async def start(self) -> App:
        """Start the bot on its database."""
        app = build(self.settings(), plugins=self.fresh_plugins(), clock=self.telegram.world.clock)
        await fill(self.database_url, app.host.chains())  # a copy takes a tenth of the migrations' time
        await app.__aenter__()
        self.app = app
        return app

    async def stop(self) -> None:
        """Stop the bot as SIGTERM does."""
        if self.app is not None:
            app, self.app = self.app, None
            await app.stop()

    async def crash(self) -> None:
        """End the bot as kill -9 does: what is not committed is gone, no handler ends, no message is sent."""
        app, self.app = self.running, None
        await crash(app, self.database_url, self.telegram.world)

    async def restart(self) -> App:
        """Stop the bot, if it runs, and start it; it has then handled what was left."""
        await self.stop()
        app = await self.start()
        self.telegram.retry()  # a start is no time to wait for Telegram's next try
        await self.settled()
        return app

    async def settled(self) -> None:
        """Return when the bot has handled and sent all that there is."""
        await settled(lambda: self.app, self.telegram.world)

    async def advance(self, seconds: float) -> None:
        """Move the clock on, Telegram's and that of the bot's jobs.

        Deliveries are tried again, answers and checkouts run out of time, and each job whose time has come runs once.
        """
        clock = self.telegram.world.clock
        if not isinstance(clock, MovableClock):
            raise TypeError("BotKit.advance: this Telegram has another clock; give it a MovableClock")
        clock.advance(seconds)
        await self.settled()
        fired = self.app is not None
        while fired:  # what was due when something ran may be due again
            fired = await self.running.inbox.timer.fire() > 0
            await self.settled()

    async def run_job(self, name: str) -> None:
        """Run the job `name` ("weather.daily") now, as when its time has come."""
        jobs = self.running.host.registry.jobs
        if name not in jobs:
            raise ConfigError(f"BotKit.run_job: no plugin has a job {name!r}; there are: {', '.join(jobs) or 'none'}")
        key = f"{name}:{uuid.uuid4().hex}"  # beside the time slots, which are the clock's
        row = NewRow(f"{INTERNAL}:job", key, lane_of(name), "job", as_json({"job": name}))
        await self.running.inbox.store.ingest(row)
        await self.settled()

    def calls(self, method: str | None = None, chat: Chat | None = None) -> list[Call]:
        """The calls of the Bot API that the bot has made, oldest first: all, of one method, into one chat."""
        return [
            call
            for call in self.telegram.calls
            if method in {None, call.method} and (chat is None or call.chat_id == chat.id)
        ]

    def chat(self, first_name: str, **fields: Any) -> Chat:
        """The private chat of a new person; fields as of `user`."""
        return Chat(self, self.user(first_name, **fields))

    def user(self, first_name: str, **fields: Any) -> EmulatedUser:
        """A new person who talks to the bot: id, last_name, username, language_code, premium, stars."""
        return self.telegram.user(first_name, **fields)


@contextlib.asynccontextmanager
async def bot_kit(
    database_url: str, plugins: Sequence[Plugin] | None = None, **overrides: Any
) -> AsyncIterator[BotKit]:
    """A running bot; all installed plugins (but the playground) unless `plugins` names them."""
    async with TelegramEmulator(clock=MovableClock()) as telegram:
        kit = BotKit(telegram, database_url, plugins, overrides)
        await kit.start()
        try:
            yield kit
        finally:
            await kit.stop()
