"""One process handles one database: a second is refused (SQLite) or stands by and takes over (PostgreSQL)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from astral_core.db.engine import open_database
from astral_core.errors import DatabaseBusy
from astral_core.inbox.replica import Ownership

HOLD = """
import asyncio, sys
from astral_core.db.engine import open_database
from astral_core.inbox.replica import Ownership
async def hold():
    ownership = Ownership(open_database(sys.argv[1]))
    await ownership.acquire()
    print("held", flush=True)
    await asyncio.sleep(60)
asyncio.run(hold())
"""


def holder(url: str) -> subprocess.Popen[str]:
    """Another process that owns the database by now."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """kill -9 and clean up."""
    process.kill()
    process.communicate()


async def test_a_second_process_is_refused_on_sqlite_until_the_first_is_dead(sqlite_url: str) -> None:
    """The refusal names the process that holds the file and what to do; kill -9 leaves no lock behind."""
    process = await asyncio.to_thread(holder, sqlite_url)
    database = open_database(sqlite_url)
    try:
        with pytest.raises(DatabaseBusy, match=rf"astral\.db is used by the process {process.pid}\. Fix: "):
            await Ownership(database).acquire()
    finally:
        await asyncio.to_thread(end, process)
    ownership = Ownership(database)
    await ownership.acquire()
    assert await ownership.check()
    await ownership.release()
    assert not await ownership.check()
    await database.dispose()


async def test_released_is_free_again(database_url: str) -> None:
    """After `release` the next one has the right at once; several rounds leak nothing."""
    database = open_database(database_url)
    for _ in range(3):
        ownership = Ownership(database)
        await ownership.acquire(poll=0.01)
        assert ownership.owned
        await ownership.release()
        assert not ownership.owned
    await database.dispose()
    if database.is_sqlite:
        assert Path(f"{database.engine.url.database}.lock").exists()  # noqa: ASYNC240  # nothing else runs in this loop


@pytest.mark.postgres
async def test_a_second_process_stands_by_and_takes_over_when_the_first_is_killed(postgres_url: str) -> None:
    """It waits as long as the first one lives, and goes on when the server has seen it die."""
    process = await asyncio.to_thread(holder, postgres_url)
    database = open_database(postgres_url)
    ownership = Ownership(database)
    try:
        waiting = asyncio.create_task(ownership.acquire(poll=0.02))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        assert not ownership.owned
    finally:
        await asyncio.to_thread(end, process)
    await waiting
    assert await ownership.check()
    await ownership.release()
    await database.dispose()


@pytest.mark.postgres
async def test_the_owner_notices_that_its_connection_is_gone(postgres_url: str) -> None:
    """When the server cuts the lock's connection, `check` says so, stays so, and another one gets the right."""
    first, second = open_database(postgres_url), open_database(postgres_url)
    ownership, other = Ownership(first), Ownership(second)
    await ownership.acquire()
    async with second.engine.connect() as connection:
        cut = text("SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        assert (await connection.execute(cut)).scalar_one() == 1
    assert not await ownership.check()
    assert not await ownership.check()
    await other.acquire(poll=0.01)
    assert await other.check()
    await ownership.release()
    assert await other.check()
    await other.release()
    await first.dispose()
    await second.dispose()


@pytest.mark.postgres
async def test_a_cancelled_wait_leaves_no_connection_behind(postgres_url: str) -> None:
    """Standing by can be stopped."""
    first, second = open_database(postgres_url), open_database(postgres_url)
    ownership = Ownership(first)
    await ownership.acquire()
    waiting = asyncio.create_task(Ownership(second).acquire(poll=0.01))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert second.engine.pool.checkedout() == 0
    await ownership.release()
    await first.dispose()
    await second.dispose()
