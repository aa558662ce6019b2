"""A whole bot for a test: the real application, its own database, an emulated Telegram over real HTTP."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from astral_core.app import App, build
from astral_core.config import Settings, load_settings
from astral_core.host.state import Declarations, Plugin, State
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.ports import free_port


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
    overrides: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    app: App | None = None

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

    async def start(self) -> App:
        """Start the bot on its database."""
        plugins = None if self.plugins is None else [_fresh(plugin) for plugin in self.plugins]
        app = build(self.settings(), plugins=plugins)
        await app.__aenter__()
        self.app = app
        return app

    async def stop(self) -> None:
        """Stop the bot as SIGTERM does."""
        if self.app is not None:
            app, self.app = self.app, None
            await app.stop()

    async def restart(self) -> App:
        """Stop and start again."""
        await self.stop()
        return await self.start()

    def user(self, first_name: str, **fields: Any) -> EmulatedUser:
        """A new person who talks to the bot: id, last_name, username, language_code, premium, stars."""
        return self.telegram.user(first_name, **fields)


@contextlib.asynccontextmanager
async def bot_kit(
    database_url: str, plugins: Sequence[Plugin] | None = None, **overrides: Any
) -> AsyncIterator[BotKit]:
    """A running bot; all installed plugins (but the playground) unless `plugins` names them."""
    async with TelegramEmulator() as telegram:
        kit = BotKit(telegram, database_url, plugins, overrides)
        await kit.start()
        try:
            yield kit
        finally:
            await kit.stop()
