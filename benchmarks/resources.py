"""Memory, the time to ready, and charts: Astral with all five plugins on SQLite, as most owners run it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median, quantiles

import aiohttp
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import create_async_engine

from astral_core.db.tables import core_users
from astral_profile.tables import profiles
from benchmarks.bots import deliver
from benchmarks.load import presses
from benchmarks.processes import Child, children, python, rss_megabytes
from benchmarks.report import Section
from benchmarks.setting import Setting

WARM_CHARTS = 3
IMPORTS = "import telegram.ext, aiohttp, sqlalchemy.ext.asyncio"
FIRST_USER = 500_000
LAG = 0.05  # seconds, a bucket of the bot's own histogram


async def measure(setting: Setting) -> None:
    """Start it some times for the time to ready; the last one draws charts."""
    table = setting.report.section(
        "Resources with all five plugins", "SQLite, the schema in place already; medians.", "what", "figure"
    )
    url = setting.bots.sqlite()
    await _ready(setting, table, url)
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(setting.bots.whole_astral("Astral", url))
        await bot.answers()
        await bot.rests()
        main = rss_megabytes(bot.pid)
        table.add("RSS of the main process after the start", f"{main:.0f} MB")
        setting.report.at_most("RSS of the main process, five plugins", main, 130, "MB")
        await _charts(setting, table, bot, url)
        worker = max((rss_megabytes(pid) for pid in children(bot.pid)), default=0.0)
        table.add("RSS of the main process after the charts", f"{rss_megabytes(bot.pid):.0f} MB")
        table.add("RSS of a pool worker after the charts", f"{worker:.0f} MB")
        setting.report.at_most("RSS of a pool worker after charts", worker, 250, "MB")


async def _ready(setting: Setting, table: Section, url: str) -> None:
    bots = setting.bots
    setting.say("rates: time to ready")
    first = await _seconds_to_ready(bots.whole_astral("Astral", url))
    imports, alls, cores = [], [], []
    core = bots.sqlite()
    await _seconds_to_ready(bots.astral("Astral", core))
    for _ in range(setting.pick(7, 3)):
        imports.append(await _seconds_of_imports())
        alls.append(await _seconds_to_ready(bots.whole_astral("Astral", url)))
        cores.append(await _seconds_to_ready(bots.astral("Astral", core)))
    bare, ready, alone = median(imports), median(alls), median(cores)
    table.add("bare import of PTB + aiohttp + SQLAlchemy", f"{bare:.2f} s")
    table.add("ready, five plugins", f"{ready:.2f} s, {ready / bare:.2f} x the import")
    table.add("ready, the core and one plugin", f"{alone:.2f} s, {alone / bare:.2f} x the import")
    table.add("ready, five plugins, the very first start (makes the schema)", f"{first:.2f} s")
    detail = f"{ready:.2f} against {bare:.2f} s; the core alone {alone / bare:.2f} x"
    setting.report.at_most("ready, five plugins", ready / bare, 1.5, "x the bare import", detail)


async def _seconds_to_ready(bot: Child) -> float:
    began = time.monotonic()
    async with bot:
        await bot.answers(pause=0.005)
        return time.monotonic() - began


async def _seconds_of_imports() -> float:
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(*map(str, python("-c", IMPORTS)))
    await process.wait()
    return time.monotonic() - began


async def _charts(setting: Setting, table: Section, bot: Child, url: str) -> None:
    api, count = setting.bots.api, setting.pick(40, 12)
    await _add_people(url, WARM_CHARTS + count)
    setting.say(f"rates: {count} charts")
    times: list[float] = []
    lag = Lag(bot)
    for index in range(WARM_CHARTS + count):
        if index == WARM_CHARTS:
            await lag.begin()
        await api.note()
        done = await deliver(bot, presses(1, "natal:chart", chats=1, first=FIRST_USER + index))
        await api.until("sendPhoto", 1)
        arrived = next(call.at for call in await api.calls() if call.method == "sendPhoto")
        times.append(arrived - done[0].sent)
    await lag.end()
    cuts = [cut * 1_000 for cut in quantiles(times[WARM_CHARTS:], n=20, method="inclusive")]
    table.add("chart, from the press to the photo: p50, p95", f"{cuts[9]:.0f} ms, {cuts[18]:.0f} ms")
    table.add("lag of the loop meanwhile: p99, above 50 ms", f"{lag.p99 * 1_000:.0f} ms, {lag.above} of {lag.beats}")
    table.add("answers of /healthz meanwhile: p99", f"{lag.health_p99 * 1_000:.0f} ms")
    setting.report.at_most("a chart's picture, p95", cuts[18], 600, "ms", f"p50 {cuts[9]:.0f} ms")
    detail = f"{lag.above} of {lag.beats} beats above; /healthz p99 {lag.health_p99 * 1_000:.0f} ms"
    setting.report.at_most("lag of the loop while charts are drawn, p99", lag.p99 * 1_000, 50, "ms", detail)


async def _add_people(url: str, count: int) -> None:
    """People whose birth data is known, each with a birth of their own: no picture is known already."""
    people = [{"id": FIRST_USER + index, "first_name": "Ada"} for index in range(count)]
    births = [
        {
            "user_id": FIRST_USER + index, "birth_date": dt.date(1950 + index, 1 + index % 12, 1 + index % 28),
            "birth_time": dt.time(index % 24, index % 60), "place_name": "Moscow", "country": "RU",
            "latitude": 55.7522, "longitude": 37.6156, "zone": "Europe/Moscow", "population": 10_000_000,
            "offset_seconds": 10_800,
        }
        for index in range(count)
    ]  # fmt: skip
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(insert(core_users), people)
            await connection.execute(insert(profiles), births)
    finally:
        await engine.dispose()


@dataclass
class Lag:
    """The loop's lag between `begin` and `end`: by the bot's own histogram, and by how late /healthz answers."""

    bot: Child
    p99: float = 0.0
    above: int = 0
    beats: int = 0
    _before: dict[float, float] = field(default_factory=dict)
    _health: list[float] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Begin to look."""
        self._before = await self._buckets()
        self._task = asyncio.create_task(self._ask_health())

    async def end(self) -> None:
        """Read the histogram again; `p99` is the upper edge of the bucket that holds it, in seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        grown = {edge: value - self._before.get(edge, 0.0) for edge, value in (await self._buckets()).items()}
        self.beats = int(max(grown.values(), default=0.0))
        self.above = self.beats - int(grown.get(LAG, 0.0))
        self.p99 = next((edge for edge in sorted(grown) if grown[edge] >= 0.99 * self.beats), 0.0)

    @property
    def health_p99(self) -> float:
        """Seconds."""
        return quantiles(self._health, n=100)[98] if len(self._health) > 1 else 0.0

    async def _ask_health(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                began = time.monotonic()
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.bot.url}/healthz") as answer:
                        await answer.read()
                self._health.append(time.monotonic() - began)
                await asyncio.sleep(0.02)

    async def _buckets(self) -> dict[float, float]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.bot.url}/metrics") as answer:
            text = await answer.text()
        found = re.findall(r'^astral_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text, re.MULTILINE)
        return {float(edge): float(value) for edge, value in found}
