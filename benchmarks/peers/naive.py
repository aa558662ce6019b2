"""What one writes without a framework: the work is done in the request, in one SQLAlchemy transaction, then 200.

``naive.py insert`` stores the update, one INSERT and one commit a request. ``naive.py writes`` is a bot's business
in the request: one UPDATE of a counter and one INSERT. BENCH_DATABASE is SQLAlchemy's URL.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from aiohttp import web
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

PORT, SECRET, URL = (os.environ[f"BENCH_{name}"] for name in ("PORT", "SECRET", "DATABASE"))
SQLITE = URL.startswith("sqlite")
# SQLite has one writer. A lock of our own is kinder to this handler than SQLite's, which sleeps and tries again.
WRITER = asyncio.Lock()
RAW = text("INSERT INTO bench_raw (number, payload) VALUES (:number, :payload)")
COUNT = text("UPDATE bench_counters SET n = n + 1 WHERE id = :id")
EFFECT = text("INSERT INTO bench_effects (number) VALUES (:number)")


def durable(connection: Any, record: Any) -> None:
    """The settings under which Astral runs SQLite."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def engine() -> AsyncEngine:
    """As many connections as Astral's default."""
    if not SQLITE:
        return create_async_engine(URL, pool_size=16, max_overflow=0)
    made = create_async_engine(URL)
    event.listen(made.sync_engine, "connect", durable)
    return made


ENGINE = engine()


def writing() -> AbstractAsyncContextManager[Any]:
    """One writer at a time on SQLite, as many as there are connections on PostgreSQL."""
    return WRITER if SQLITE else nullcontext()


async def insert(connection: AsyncConnection, number: int, body: str) -> None:
    """Keep the update."""
    await connection.execute(RAW, {"number": number, "payload": body})


async def writes(connection: AsyncConnection, number: int, body: str) -> None:
    """Two business writes."""
    user = json.loads(body)["callback_query"]["from"]["id"]
    await connection.execute(COUNT, {"id": user})
    await connection.execute(EFFECT, {"number": number})


WORK = {"insert": insert, "writes": writes}


async def handle(request: web.Request) -> web.Response:
    """Check, do it, commit, answer."""
    given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
    if not hmac.compare_digest(given.encode(), SECRET.encode()):
        return web.Response(status=403)
    body = (await request.read()).decode()
    number = json.loads(body)["update_id"]
    async with writing(), ENGINE.begin() as connection:
        await WORK[sys.argv[1]](connection, number, body)
    return web.Response()


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post("/webhook/telegram", handle)
    web.run_app(app, host="127.0.0.1", port=int(PORT), access_log=None, print=None)
