"""Messages a second, and one crowded chat beside a thousand others."""

from __future__ import annotations

import re
import signal
from contextlib import AsyncExitStack
from statistics import median

import aiohttp

from benchmarks.bots import deliver
from benchmarks.figures import hundredths, start
from benchmarks.load import Press, presses
from benchmarks.processes import Child
from benchmarks.report import BenchError
from benchmarks.roster import Peer
from benchmarks.setting import Setting

EACH = 20  # messages of one handler, each to another chat
CROWD, OTHERS = 10_000, 1_000
CROWDED = 7_777  # the chat with too much to do
PTB = Peer("ptb", "PTB + httpx, aiohttp", "ptb", "ptb.py", ("aiohttp",))
ASTRAL = "Astral, SQLite"


async def messages(setting: Setting) -> None:
    """sendMessage calls a second of one process."""
    table = setting.report.section(
        "sendMessage calls a second",
        f"Presses by many people whose handlers send {EACH} messages each, to other chats. From the first post to "
        "the last call. PTB handles 64 updates at once, as Astral does.",
        "bot", "calls/s",
    )  # fmt: skip
    found: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        bots = {ASTRAL: setting.bots.astral(ASTRAL, setting.bots.sqlite())}
        if any(peer.place == PTB.place for peer in setting.peers):
            try:
                bots[PTB.title] = setting.bots.peer(PTB, BENCH_CONCURRENT="64")
            except BenchError as error:
                table.add(PTB.title, f"not measured: {error}")
        await start(stack, *bots.values())
        for number in range(-1, setting.pick(5, 3)):
            setting.say(f"rates: messages, {'warm-up' if number < 0 else number + 1}")
            for name, bot in bots.items():
                rate = await _burst(setting, bot, setting.pick(150, 60) if name == ASTRAL else 30)
                if number >= 0:
                    found.setdefault(name, []).append(rate)
    rates = {name: median(values) for name, values in found.items()}
    for name, rate in rates.items():
        table.add(name, f"{rate:,.0f}")
    beside = f"PTB + httpx: {rates[PTB.title]:,.0f}/s" if PTB.title in rates else ""
    setting.report.at_least("sendMessage calls of one process", rates[ASTRAL], 1_500, "/s", beside)


async def _burst(setting: Setting, bot: Child, updates: int) -> float:
    api = setting.bots.api
    await api.note()
    items = [
        Press(item.number, f"press:send/{EACH}/{1_000_000 + index * EACH}", item.user)
        for index, item in enumerate(presses(updates, ""))
    ]
    done = await deliver(bot, items)
    await api.until("sendMessage", updates * EACH)
    last = max(call.at for call in await api.calls())
    await bot.rests()
    return updates * EACH / (last - min(item.sent for item in done))


async def crowded(setting: Setting) -> None:
    """One chat has thousands of updates pending; the others must not feel it."""
    table = setting.report.section(
        f"A chat with {CROWD:,} pending updates, and {OTHERS:,} others with one each",
        "From the post to the arrival of the message that the handler edits, of the others.",
        "engine", "p50 ms", "p99 ms", "pending afterwards",
    )  # fmt: skip
    for engine, new in setting.engines():
        setting.say(f"rates: a crowded chat, {engine}")
        bot = setting.bots.astral("Astral", new())
        async with bot:
            await bot.answers()
            times = await _beside_the_crowd(setting, bot)
            pending = await _pending(bot)
            await bot.end(signal.SIGKILL)  # what is pending is of no interest
        cuts = hundredths(times)
        table.add(engine, f"{cuts[49]:,.0f}", f"{cuts[98]:,.0f}", f"{pending:,.0f}")
        detail = f"p50 {cuts[49]:,.0f} ms, {pending:,.0f} still pending"
        what = f"others' p99 beside a chat with {CROWD:,} pending, {engine}"
        setting.report.at_most(what, cuts[98] / 1_000, 1.0, "s", detail)


async def _beside_the_crowd(setting: Setting, bot: Child) -> list[float]:
    api = setting.bots.api
    await deliver(bot, presses(CROWD, "press:wait/20", chats=1, first=CROWDED))
    await api.note()
    done = await deliver(bot, presses(OTHERS, "press:edit", chats=OTHERS, first=100_000))
    await api.until("editMessageText", OTHERS)
    arrived = {call.chat: call.at for call in await api.calls() if call.method == "editMessageText"}
    return [arrived[item.press.user] - item.sent for item in done]


async def _pending(bot: Child) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{bot.url}/metrics") as answer:
        found = re.search(r"^astral_inbox_pending (\S+)", await answer.text(), re.MULTILINE)
    return float(found[1]) if found else 0.0
