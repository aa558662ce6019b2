"""Handlers that lock the same rows in different orders: each update is handled once, and the storm soon ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import make_url, select, text, update
from sqlalchemy.exc import DBAPIError

from astral_core.db import bulkhead
from astral_core.db.tables import DONE

CHATS = 40


async def patient(bench: Any) -> None:
    """Let the server look for deadlocks after 0.05 s, not after 1 s, where its user may decide that."""
    name = make_url(bench.database.engine.url).database
    with contextlib.suppress(DBAPIError):
        async with bench.engine.connect() as connection:
            outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await outside.execute(text(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '50ms'"))
    await bench.engine.dispose()


@pytest.mark.postgres
async def test_a_storm_of_deadlocks_ends_and_buries_nobody(
    make_bench: Callable[..., Any], postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Forty chats lock two rows, half of them the other way round: fewer run side by side until it is over.

    With all of them side by side there were six tries for each, and more.
    """
    monkeypatch.setattr(bulkhead, "CALM", 0.1)
    bench = make_bench(postgres_url, workers=64)
    bench.worker.handler_timeout = 60.0
    await patient(bench)
    notes = bench.notes
    async with bench.engine.begin() as connection:
        await connection.execute(notes.insert(), [{"id": 1, "note": ""}, {"id": 2, "note": ""}])

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        for number in (1, 2) if row.lane % 2 else (2, 1):
            await work.session.execute(update(notes).where(notes.c.id == number).values(note=notes.c.note + "."))
            await asyncio.sleep(0.02)

    bench.runner.handler = handler
    await bench.start()
    try:
        await asyncio.gather(*(bench.ingest(lane=lane) for lane in range(1, CHATS + 1)))
        await bench.settle()
        assert set((await bench.states()).values()) == {DONE}
        async with bench.engine.connect() as connection:
            assert set((await connection.execute(select(notes.c.note))).scalars()) == {"." * CHATS}
        assert CHATS < len(bench.runner.seen) <= 3 * CHATS
        assert "plugin 'weather': the database rolled a transaction back" in caplog.text
        assert "Fix: lock rows in one order" in caplog.text
    finally:
        await bench.stop(grace=0.0)
        await bench.database.dispose()
