"""Astral's bot of all measurements: buttons that do nothing, edit, write, send or wait.

BENCH_ROUTES callback routes stand before them. Tables are made by the benchmark, not by migrations.
"""

from __future__ import annotations

import asyncio
import os

from sqlalchemy import text

from astral_core import Context, Flood, Plugin, State


class Seen(State):
    """What a guarded press reads."""

    times: int = 0


plugin = Plugin(states=[Seen], roles={"tester": "Presses the buttons of the measurements"})
COUNT = text("UPDATE bench_counters SET n = n + 1 WHERE id = :id")
EFFECT = text("INSERT INTO bench_effects (number) VALUES (:number)")


def in_front(number: int) -> None:
    """One more route that nobody presses."""

    @plugin.callback(f"route{number}")
    async def other(ctx: Context) -> None:
        """Nothing."""


for index in range(int(os.environ.get("BENCH_ROUTES", "0"))):
    in_front(index)


@plugin.callback("noop")
async def noop(ctx: Context) -> None:
    """Nothing."""


@plugin.callback("limited", flood=Flood(1_000_000, per=3600))
async def limited(ctx: Context) -> None:
    """Nothing, behind a limit that nobody reaches."""


@plugin.callback("edit")
async def edit(ctx: Context) -> None:
    """The core has answered the press in the webhook's answer; the edit is an effect."""
    ctx.edit("Pressed", [[ctx.button("Again", edit())]])


@plugin.callback("guarded", role="tester", flood=Flood(1_000_000, per=3600))
async def guarded(ctx: Context) -> None:
    """As `edit`, for who may, behind a limit that nobody reaches, and after a look at what is kept of the person."""
    seen = await ctx.load(Seen)
    ctx.edit("Pressed", [[ctx.button("Again" if seen.times == 0 else "Once more", guarded())]])


@plugin.callback("manual", answer="manual")
async def manual(ctx: Context) -> None:
    """Both are effects: two calls."""
    ctx.answer()
    ctx.edit("Pressed", [[ctx.button("Again", manual())]])


@plugin.callback("writes")
async def writes(ctx: Context) -> None:
    """Two business writes."""
    await ctx.session.execute(COUNT, {"id": ctx.user.id})
    await ctx.session.execute(EFFECT, {"number": ctx.payload["update_id"]})


@plugin.callback("slow/{ms:int}")
async def slow(ctx: Context, ms: int) -> None:
    """Wait, as for a network; then one write."""
    await asyncio.sleep(ms / 1000)
    await ctx.session.execute(EFFECT, {"number": ctx.payload["update_id"]})


@plugin.callback("wait/{ms:int}")
async def wait(ctx: Context, ms: int) -> None:
    """Wait, and nothing else."""
    await asyncio.sleep(ms / 1000)


@plugin.callback("send/{count:int}/{first:int}")
async def send(ctx: Context, count: int, first: int) -> None:
    """Many messages to many chats."""
    for chat in range(first, first + count):
        ctx.call("sendMessage", chat_id=chat, text="Hello")
