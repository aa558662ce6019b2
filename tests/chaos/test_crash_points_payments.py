"""Crash point 18: YooKassa's notification is committed, and the process dies before it looks into it."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from chaos_kit.books import Books
from chaos_kit.scene import KILLED

from astral_payments.handlers.fetch import RECONCILE_EVERY
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.ports import free_port
from astral_playground.testkit.process import BotProcess, Nursery, until
from astral_playground.yookassa import Shop, YooKassaEmulator

SKY = Path(__file__).parent / "chaos_kit" / "sky.py"
CARD = "5555555555554444"
DONE = """
INSERT INTO core_inbox (source, ext_id, lane, kind, express, state, attempts, crashes, received_at)
VALUES ('internal:job', :ext_id, 0, 'job', false, 1, 0, 0, CURRENT_TIMESTAMP) ON CONFLICT DO NOTHING
"""
GRANTS = "SELECT count(*) FROM payments_entitlements WHERE revoked_at IS NULL"


@dataclass
class Till:
    """A bot that sells, with both emulators."""

    telegram: TelegramEmulator
    yookassa: YooKassaEmulator
    bot: BotProcess
    books: Books
    http: aiohttp.ClientSession

    async def notify(self, body: bytes) -> int:
        """Post a notification once more; the status."""
        async with self.http.post(f"{self.bot.url}/webhook/yookassa", data=body) as answer:
            return answer.status

    async def quiet(self) -> None:
        """Wait until the bot has nothing to do, and keep its periodic look at payments out of the next minutes."""
        slot = int(time.time() // RECONCILE_EVERY)
        for number in range(1, 41):
            await self.books.execute(DONE, ext_id=f"payments.reconcile:{slot + number}")
        await until(self.books.idle, what="the bot has nothing to do")

    async def pay(self, url: str) -> None:
        """Pay in a browser with a test card."""
        async with self.http.post(url, data={"preset": CARD}, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()


@pytest.fixture
async def till(zygote: subprocess.Popen[bytes], database_url: str, tmp_path: Path) -> AsyncIterator[Till]:
    """Its bot is not started yet. YooKassa's pauses between attempts are short."""
    port, shop = free_port(), Shop()
    hook = f"http://127.0.0.1:{port}/webhook/yookassa"
    async with (
        TelegramEmulator() as telegram,
        YooKassaEmulator(shops=(shop,), notification_url=hook, speed=1000) as yookassa,
        Books(database_url) as books, Nursery(zygote) as nursery, aiohttp.ClientSession() as http,
    ):  # fmt: skip
        environment = {
            "ASTRAL_CONFIG": "none.toml",
            "ASTRAL_TELEGRAM__TOKEN": telegram.token,
            "ASTRAL_TELEGRAM__API_URL": telegram.api_url,
            "ASTRAL_TELEGRAM__WEBHOOK_SECRET": secrets.token_urlsafe(24),
            "ASTRAL_TELEGRAM__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ASTRAL_WEB__PORT": str(port),
            "ASTRAL_DATABASE__URL": database_url,
            "ASTRAL_HOST__ENABLED": '["payments"]',
            "ASTRAL_HOST__ON_ERROR": "stop",
            "ASTRAL_POOL__WARM": "false",
            "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SHOP_ID": shop.id,
            "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SECRET_KEY": shop.secret_key,
            "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_API_URL": yookassa.api_url,
        }
        bot = BotProcess(nursery, environment, tmp_path / "bot.log", ("--plugin", str(SKY)))
        yield Till(telegram, yookassa, bot, books, http)


async def test_point_18_a_paid_order_is_granted_once(till: Till) -> None:
    """The notification outlives the crash; the grant comes from YooKassa's own record, once."""
    await till.bot.start()
    anna = till.telegram.user("Anna", language_code="en")
    await anna.send("/shop")
    await anna.wait_for("Shop")
    await anna.press("Buy")
    offer = await anna.wait_for(lambda message: "The button opens" in message.text or "How do you" in message.text)
    if "How do you" in offer.text:
        await anna.press("payments:pay/sky.full/yookassa")
        offer = await anna.wait_for("The button opens")
    await till.quiet()
    await till.bot.stop()
    await till.books.execute("UPDATE core_due SET due_at = '2100-01-01 00:00:00.000000'")  # no job is what is killed
    await till.bot.start("worker.before_run:kill")
    await till.pay(offer.button_rows[0][0]["url"])
    assert await till.bot.ended() == KILLED
    assert await till.books.one("SELECT count(*) FROM payments_events") == 1
    assert await till.books.one(GRANTS) == 0
    await till.bot.start()
    till.telegram.retry()
    await anna.wait_for("The whole sky for")
    await till.yookassa.idle()
    for delivery in till.yookassa.notifier.deliveries:
        assert await till.notify(delivery.body) == 200
    await until(till.books.idle, what="the bot has nothing to do")
    assert await till.books.one(GRANTS) == 1
    assert await till.books.one("SELECT count(*) FROM payments WHERE status = 'succeeded'") == 1
    assert len([message for message in anna.messages if message.text.startswith("The whole sky for")]) == 1
    assert await till.bot.stop() == 0
