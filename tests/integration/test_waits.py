"""Whether a handler waits for something slow is read off its frames: the database and the inbox are not slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from astral_core.db.bulkhead import Bulkheads
from astral_core.db.engine import Database, open_database
from astral_core.db.link import OwnLink
from astral_core.db.session import Session
from astral_core.inbox.waits import Waits
from astral_core.observe.logs import scope


async def looked_at(wait: Callable[[], Awaitable[Any]]) -> tuple[str, str] | None:
    """What is told of a task that waits in `wait`."""
    begun = asyncio.Event()

    async def handler() -> None:
        scope.set({"plugin": "weather"})
        begun.set()
        await wait()

    task = asyncio.create_task(handler())
    await begun.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    found = Waits(has_one_writer=False).of(task)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return found


@pytest.fixture
async def server() -> Any:
    """A server that takes connections and says nothing."""
    held: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    for writer in held:
        writer.close()


async def test_the_network_an_event_and_a_pause_are_slow(server: int) -> None:
    """And the plugin's own line is named, not a library's."""

    async def fetch() -> None:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{server}/"):
            pass

    for wait in (fetch, asyncio.Event().wait, lambda: asyncio.sleep(60)):
        found = await looked_at(wait)
        assert found is not None
        assert found[0] == "weather"
        assert Path(__file__).name in found[1]


async def test_a_turn_at_ones_own_plugins_connections_is_slow() -> None:
    """Who waits there waits for what the plugin itself holds."""
    bulkheads = Bulkheads(1, 1)
    found = await looked_at(lambda: bulkheads.of("weather").wait())
    assert found is not None


@pytest.mark.postgres
async def test_a_statement_is_not_slow(postgres_url: str) -> None:
    """Neither by SQLAlchemy nor by the driver alone, nor the turn on a connection that many share."""
    database: Database = open_database(postgres_url)
    link = OwnLink(database, "test")
    session = Session(database, "weather")
    try:
        assert await looked_at(lambda: session.execute(text("SELECT pg_sleep(5)"))) is None
        await link.fetch("SELECT 1")
        assert await looked_at(lambda: link.fetch("SELECT pg_sleep(5)")) is None
    finally:
        await link.close()
        await session.close()
        await database.dispose()
