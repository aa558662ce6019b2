"""Astral's bot of all measurements: buttons that do nothing, edit, write, send or wait.

BENCH_ROUTES callback routes stand before them. Tables are made by the benchmark, not by migrations.
"""

from __future__ import annotations

import asyncio
import os

from sqlalchemy import text

from astral_core import Context, Routes, Update, hookimpl

routes = Routes()
COUNT = text("UPDATE bench_counters SET n = n + 1 WHERE id = :id")
EFFECT = text("INSERT INTO bench_effects (number) VALUES (:number)")


def in_front(number: int) -> None:
    """One more route that nobody presses."""

    @routes.callback(f"route{number}")
    async def other(update: Update, ctx: Context) -> None:
        """Nothing."""


for index in range(int(os.environ.get("BENCH_ROUTES", "0"))):
    in_front(index)


@routes.callback("noop")
async def noop(update: Update, ctx: Context) -> None:
    """Nothing."""


@routes.callback("edit")
async def edit(update: Update, ctx: Context) -> None:
    """The core has answered the press in the webhook's answer; the edit is an effect."""
    ctx.edit("Pressed", [[ctx.button("Again", edit)]])


@routes.callback("manual", answer="manual")
async def manual(update: Update, ctx: Context) -> None:
    """Both are effects: two calls."""
    ctx.answer()
    ctx.edit("Pressed", [[ctx.button("Again", manual)]])


@routes.callback("writes")
async def writes(update: Update, ctx: Context) -> None:
    """Two business writes."""
    await ctx.session.execute(COUNT, {"id": ctx.user.id})
    await ctx.session.execute(EFFECT, {"number": update.update_id})


@routes.callback("slow/{ms:int}")
async def slow(update: Update, ctx: Context, ms: int) -> None:
    """Wait, as for a network; then one write."""
    await asyncio.sleep(ms / 1000)
    await ctx.session.execute(EFFECT, {"number": update.update_id})


@routes.callback("wait/{ms:int}")
async def wait(update: Update, ctx: Context, ms: int) -> None:
    """Wait, and nothing else."""
    await asyncio.sleep(ms / 1000)


@routes.callback("send/{count:int}/{first:int}")
async def send(update: Update, ctx: Context, count: int, first: int) -> None:
    """Many messages to many chats."""
    for chat in range(first, first + count):
        ctx.call("sendMessage", chat_id=chat, text="Hello")


@hookimpl
def astral_routes() -> Routes:
    """All buttons."""
    return routes
