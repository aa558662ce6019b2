"""How many updates a second are acknowledged durably, and what one costs, against a bare aiohttp handler.

Both run as processes of their own on this machine, one after the other, under the same load: so read the ratios,
not the absolutes. A post is a button press of one of many chats; Astral answers 200 after the commit (SQLite,
synchronous=FULL), runs the handler and marks the row done, all in the measured process; the floor does nothing.
"""

from __future__ import annotations

import asyncio
import json
import platform
import secrets
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.ports import free_port
from astral_playground.testkit.process import BotProcess

POSTS = 4_000
CONNECTIONS = 40
CHATS = 400
HEADER = "X-Telegram-Bot-Api-Secret-Token"


@dataclass(frozen=True)
class Result:
    """Posts a second, the middle and the slowest hundredth in milliseconds, CPU of the process a post."""

    name: str
    rate: float
    p50: float
    p99: float
    cpu_us: float


def press(number: int) -> bytes:
    """A press of the button that does nothing, as Telegram posts it."""
    user = {"id": 10_000 + number % CHATS, "is_bot": False, "first_name": "Bench", "language_code": "en"}
    message = {"message_id": 1, "date": 1, "chat": {"id": user["id"], "type": "private"}, "text": "Bench"}
    query = {"id": str(number), "from": user, "chat_instance": "1", "data": "noop:noop", "message": message}
    return json.dumps({"update_id": 5_000_000 + number, "callback_query": query}).encode()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def load(name: str, url: str, secret: str, pid: int) -> Result:
    """Send all posts over a fixed number of connections."""
    numbers = iter(range(POSTS))
    times: list[float] = []

    async def client(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            began = time.perf_counter()
            async with session.post(
                f"{url}/webhook/telegram", data=press(number), headers={HEADER: secret}
            ) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"{name} answered {answer.status}")
            times.append(time.perf_counter() - began)

    before, began = cpu_seconds(pid), time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        await asyncio.gather(*(client(session) for _ in range(CONNECTIONS)))
    seconds = time.perf_counter() - began
    cpu = (cpu_seconds(pid) - before) / POSTS * 1e6
    cuts = statistics.quantiles(times, n=100)
    return Result(name, POSTS / seconds, cuts[49] * 1000, cuts[98] * 1000, cpu)


async def measure_floor() -> Result:
    """The bare handler."""
    port, secret = free_port(), secrets.token_urlsafe(16)
    floor = Path(__file__).with_name("floor.py")
    process = await asyncio.create_subprocess_exec(sys.executable, str(floor), str(port), secret)
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.post(f"{url}/webhook/telegram"):
                    break
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    try:
        return await load("bare aiohttp, nothing stored", url, secret, process.pid)
    finally:
        process.terminate()
        await process.wait()


async def measure_astral(folder: Path) -> Result:
    """The bot with its core and one button that does nothing."""
    port, secret = free_port(), secrets.token_urlsafe(16)
    async with TelegramEmulator() as telegram:
        environment = {
            "ASTRAL_CONFIG": str(folder / "astral.toml"),
            "ASTRAL_TELEGRAM__TOKEN": telegram.token,
            "ASTRAL_TELEGRAM__API_URL": telegram.api_url,
            "ASTRAL_TELEGRAM__WEBHOOK_SECRET": secret,
            "ASTRAL_TELEGRAM__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ASTRAL_WEB__PORT": str(port),
            "ASTRAL_DATABASE__URL": f"sqlite+aiosqlite:///{folder / 'bench.db'}",
            "ASTRAL_HOST__ENABLED": "[]",
            "ASTRAL_HOST__REQUIRED": "[]",
        }
        bot = BotProcess(environment, folder / "bench.log", ("--plugin", str(Path(__file__).with_name("noop.py"))))
        await bot.start()
        try:
            return await load("Astral, 200 after the commit", bot.url, secret, bot.pid)
        finally:
            await bot.stop()


async def run() -> list[Result]:
    """Both, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        return [await measure_floor(), await measure_astral(Path(folder))]


def main() -> None:
    """Measure and print."""
    results = asyncio.run(run())
    table = Table(title=f"{POSTS} posts over {CONNECTIONS} connections, Python {platform.python_version()}, SQLite")
    for head in ("", "posts/s", "of the floor", "p50 ms", "p99 ms", "CPU µs a post"):
        table.add_column(head, justify="left" if not head else "right")
    for item in results:
        share = f"{item.rate / results[0].rate:.0%}"
        table.add_row(
            item.name, f"{item.rate:,.0f}", share, f"{item.p50:.1f}", f"{item.p99:.1f}", f"{item.cpu_us:,.0f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
