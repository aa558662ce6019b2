"""The whole house as an owner runs it: the bot's own process, Telegram and YooKassa emulated over real HTTP."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from astral_core.db.engine import open_database
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.ports import free_port
from astral_playground.testkit.process import BotProcess, Nursery
from astral_playground.yookassa import Shop, YooKassaEmulator


@dataclass
class House:
    """Everything that a journey needs."""

    telegram: TelegramEmulator
    yookassa: YooKassaEmulator
    bot: BotProcess
    database_url: str

    async def start_profile(self, user: EmulatedUser, begin: str = "Мой профиль") -> None:
        """From /start to the first question of the wizard."""
        await user.send("/start")
        await user.wait_for(lambda message: message.sender == "bot" and bool(message.buttons))
        await user.press(begin)

    async def restart(self) -> None:
        """Start the bot again, and let Telegram repeat at once what it could not deliver."""
        await self.bot.start()
        self.telegram.retry()

    async def rows(self, query: str) -> Sequence[Any]:
        """Rows of the bot's own database, read from outside."""
        database = open_database(self.database_url)
        try:
            async with database.engine.connect() as connection:
                return (await connection.execute(text(query))).all()
        finally:
            await database.dispose()

    async def scalar(self, query: str) -> Any:
        """One value of the bot's own database."""
        return (await self.rows(query))[0][0]


@pytest.fixture
async def house(database_url: str, nursery: Nursery, tmp_path: Path) -> AsyncIterator[House]:
    """A running bot with all plugins on SQLite and on PostgreSQL."""
    port = free_port()
    shop = Shop()
    notify = f"http://127.0.0.1:{port}/webhook/yookassa"
    async with TelegramEmulator() as telegram, YooKassaEmulator(shops=(shop,), notification_url=notify) as yookassa:
        environment = {
            "ASTRAL_CONFIG": str(tmp_path / "astral.toml"),
            "ASTRAL_TELEGRAM__TOKEN": telegram.token,
            "ASTRAL_TELEGRAM__API_URL": telegram.api_url,
            "ASTRAL_TELEGRAM__WEBHOOK_SECRET": secrets.token_urlsafe(24),
            "ASTRAL_TELEGRAM__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ASTRAL_WEB__PORT": str(port),
            "ASTRAL_DATABASE__URL": database_url,
            "ASTRAL_HOST__ON_ERROR": "stop",
            "ASTRAL_ADMINS": "9001",
            "ASTRAL_POOL__WARM": "false",
            "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SHOP_ID": shop.id,
            "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SECRET_KEY": shop.secret_key,
            "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_API_URL": yookassa.api_url,
        }
        bot = BotProcess(nursery, environment, tmp_path / "bot.log")
        await bot.start()
        try:
            yield House(telegram, yookassa, bot, database_url)
        finally:
            await bot.stop()
