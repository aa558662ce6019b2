"""Strangers at the door: forged notifications come while the shop's API is slow, and people write to the bot.

    python -m benchmarks.strangers --posts 1200 --delay 8 --people 20

Prints how long people waited for the answer to /start, and whether a genuine notification was taken. All of it runs
in one process, so the times are upper bounds.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import insert

from astral_payments.tables import payments
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.bot import BotKit, module_plugin
from astral_playground.yookassa import Shop, YooKassaEmulator
from benchmarks.report import BenchError

SECRET = "test_benchmark"
GENUINE = "genuine-1"
CLIENTS = 40


@dataclass(frozen=True)
class Outcome:
    """Seconds that people waited, sorted; the answers to forged notifications; the answer to the genuine one."""

    waited: list[float]
    forged: dict[int, int]
    genuine: int

    @property
    def p99(self) -> float:
        """What 99 of 100 people did not wait longer than."""
        return self.waited[min(len(self.waited) - 1, int(len(self.waited) * 0.99))]


async def run(database_url: str, posts: int, delay: float, people: int) -> Outcome:
    """Let strangers post and people write."""
    async with (
        YooKassaEmulator(shops=[Shop(secret_key=SECRET)]) as yookassa,
        TelegramEmulator() as telegram,
        aiohttp.ClientSession() as session,
    ):
        section = {"yookassa_shop_id": "100500", "yookassa_secret_key": SECRET, "yookassa_api_url": yookassa.api_url}
        plugins = [module_plugin("payments", "astral_payments.plugin")]
        kit = BotKit(telegram, database_url, plugins, {"plugins": {"payments": section}})
        await kit.start()
        try:
            await _wait_for_payment(kit)
            slow = {"where": "api", "match": {"method": "GET"}, "do": "delay", "seconds": delay, "times": None}
            yookassa.set_faults([slow])
            return await _crowd(kit, session, posts, people)
        finally:
            await yookassa.__aexit__()  # what still waits for an answer gets none
            await kit.stop()


async def _crowd(kit: BotKit, session: aiohttp.ClientSession, posts: int, people: int) -> Outcome:
    left = iter(range(posts))
    forged: dict[int, int] = {}

    async def post() -> None:
        for _ in left:
            status = await _notify(kit, session, str(uuid.uuid4()))
            forged[status] = forged.get(status, 0) + 1

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(post())
    waited = await asyncio.gather(*(_start(kit, number) for number in range(people)))
    return Outcome(sorted(waited), forged, await _notify(kit, session, GENUINE))


async def _wait_for_payment(kit: BotKit) -> None:
    """A buyer, and a payment of his that the shop's API knows nothing of."""
    buyer = kit.user("Ada")
    await buyer.send("/start")
    await buyer.wait_for()
    row = {
        "user_id": buyer.id, "provider": "yookassa", "provider_ref": GENUINE, "account_id": "100500", "mode": "test",
        "amount_minor": 19900, "currency": "RUB", "refunded_minor": 0, "status": "pending", "checks": 0,
    }  # fmt: skip
    async with kit.running.database.engine.begin() as connection:
        await connection.execute(insert(payments).values(**row))


async def _start(kit: BotKit, number: int) -> float:
    person = kit.user(f"Ada {number}")
    began = time.monotonic()
    await person.send("/start")
    await person.wait_for(timeout=120)
    return time.monotonic() - began


async def _notify(kit: BotKit, session: aiohttp.ClientSession, ref: str) -> int:
    subject: dict[str, Any] = {"id": ref, "status": "succeeded"}
    body = {"type": "notification", "event": "payment.succeeded", "object": subject}
    async with session.post(f"{kit.url}/webhook/yookassa", json=body) as answer:
        return answer.status


def main() -> None:
    """Run it and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1200)
    parser.add_argument("--delay", type=float, default=8.0, help="seconds until the shop's API answers")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--database", help="a SQLAlchemy URL of an empty database; SQLite by default")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.database or f"sqlite+aiosqlite:///{Path(folder) / 'bot.db'}"
        found = asyncio.run(run(url, chosen.posts, chosen.delay, chosen.people))
    print(f"forged notifications by answer: {found.forged}")
    print(f"/start: median {found.waited[len(found.waited) // 2]:.2f} s, p99 {found.p99:.2f} s")
    print(f"a genuine notification: {found.genuine}")
    if found.genuine != 200:
        raise BenchError(f"the genuine notification was answered {found.genuine}")


if __name__ == "__main__":
    main()
