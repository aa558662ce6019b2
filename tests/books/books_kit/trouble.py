"""Those who stand in the way while people buy: a killer, a forger, and time, which passes quickly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.faults import Kind
from astral_playground.testkit.process import BotProcess
from astral_playground.yookassa import YooKassaEmulator

from .accounts import Tables

KILL_EVERY = (2.5, 5.5)  # seconds
KILLS_AN_EDITION = 3  # with two replicas, each of them sells another edition for some time
FORGE_EVERY = (0.3, 1.2)
HURRY_EVERY = 4.0
BREAK_EVERY = (1.0, 4.0)
UNKNOWN = "2d000000-000f-5000-8000-"  # the beginning of ids that the emulator never gives


@dataclass
class Killer:
    """kill -9 for one process after the other; each is started again, from time to time with other titles."""

    bots: Sequence[BotProcess]
    telegram: TelegramEmulator
    done: Counter[str]
    seed: int
    fallen: list[str] = field(default_factory=list)  # bots that ended by themselves
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Kill until `closing` is set; then all bots run."""
        drawn = random.Random(f"killer {self.seed}")  # noqa: S311  # it draws accidents, not secrets
        while not await self._closes_within(drawn.uniform(*KILL_EVERY)):
            for bot in self.bots:
                if not bot.alive:
                    self.fallen.append(f"{bot.url} ended by itself, see {bot.log}")
            victim = drawn.choice(self.bots)
            await victim.kill()
            self.done["kills"] += 1
            edition = self.done["kills"] // KILLS_AN_EDITION
            await victim.start(BOOKS_EDITION=f", edition {edition}" if edition else "")
            self.telegram.retry()  # Telegram's own pauses grow to a minute

    async def _closes_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)
        return self.closing.is_set()


async def hurry(tables: Tables) -> None:
    """Let hours pass for what the plugin put off, until cancelled."""
    while True:
        await asyncio.sleep(HURRY_EVERY)
        await tables.hurry()


async def break_returns(telegram: TelegramEmulator, done: Counter[str], seed: int) -> None:
    """Let some of the calls fail that give Stars back, before or after it was done, until cancelled."""
    drawn = random.Random(f"stars {seed}")  # noqa: S311  # it draws accidents, not secrets
    kinds: tuple[Kind, ...] = ("500", "429", "timeout")
    while True:
        await asyncio.sleep(drawn.uniform(*BREAK_EVERY))
        if not telegram.world.faults.rules:
            done["faults of refundStarPayment"] += 1
            telegram.fail("refundStarPayment", drawn.choice(kinds), delay=1.0)


@dataclass
class Forger:
    """Posts notifications that YooKassa has not sent. Anybody can, who knows the address."""

    url: str
    yookassa: YooKassaEmulator
    http: aiohttp.ClientSession
    done: Counter[str]
    seed: int

    async def run(self) -> None:
        """Forge until cancelled."""
        drawn = random.Random(f"forger {self.seed}")  # noqa: S311  # it draws lies, not secrets
        while True:
            await asyncio.sleep(drawn.uniform(*FORGE_EVERY))
            async with self.http.post(self.url, data=self._lie(drawn)) as answer:
                self.done["forged notifications"] += 1
                self.done["forged notifications kept"] += answer.status == 200

    def _lie(self, drawn: random.Random) -> bytes:
        # A lie about a payment makes the bot look at it: it would find a refund that nobody has told it of.
        payments = [one for one in self.yookassa.bank.payments.values() if not one.refunded]
        if not payments or drawn.random() < 0.15:
            return _news("payment.succeeded", f"{UNKNOWN}{drawn.getrandbits(48):012x}", 19900)
        if drawn.random() < 0.05:
            return drawn.choice([b"{}", b"[]", b"\xff", b'{"type": "notification"}'])
        target = drawn.choice(payments[-20:])
        amount = drawn.choice([target.amount, 100])
        if drawn.random() < 0.25:
            return _news("refund.succeeded", f"{UNKNOWN}{drawn.getrandbits(48):012x}", amount, target.id)
        return _news(drawn.choice(["payment.succeeded", "payment.succeeded", "payment.canceled"]), target.id, amount)


def _news(event: str, object_id: str, kopecks: int, payment_id: str = "") -> bytes:
    """A notification that says all that YooKassa would say, to the last member that is looked at."""
    amount = {"value": f"{kopecks // 100}.{kopecks % 100:02d}", "currency": "RUB"}
    status = event.partition(".")[2]
    subject: dict[str, Any] = {"id": object_id, "status": status, "amount": amount, "paid": True}
    if payment_id:
        subject["payment_id"] = payment_id
    elif status == "succeeded":
        subject["refunded_amount"] = {"value": "0.00", "currency": "RUB"}
    return json.dumps({"type": "notification", "event": event, "object": subject}).encode()
