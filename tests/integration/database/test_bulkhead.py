"""The bulkhead: one plugin cannot take all database connections from the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from astral_core.db import bulkhead
from astral_core.db.engine import Database, is_collision, is_transient, open_database
from astral_core.db.session import Session
from astral_core.errors import SessionClosed
from astral_core.inbox.failure import retry_after


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Four connections, two of them for each plugin."""
    opened = open_database(database_url, pool_size=4, plugin_connections=2)
    yield opened
    await opened.dispose()


async def in_line(database: Database, count: int) -> None:
    """Wait until so many handlers of the plugin stand in line."""
    async with asyncio.timeout(10):
        while len(database.bulkheads.of("weather").waiting) < count:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.001)


async def reads(session: Session) -> int:
    """Hold a connection."""
    return int((await session.execute(text("SELECT 1"))).scalar_one())


async def test_one_more_waits_while_the_others_get_theirs(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The third handler of a plugin that may hold two waits for its turn; another plugin's does not."""
    first, second, third = (Session(database, "weather") for _ in range(3))
    other = Session(database, "natal")
    if database.is_sqlite:  # text() counts as a write there, of which there is one at a time
        await first.connection()
        await second.connection()
        waits = asyncio.create_task(third.connection())
    else:
        await reads(first)
        await reads(second)
        waits = asyncio.create_task(reads(third))
    await in_line(database, 1)
    assert not waits.done()
    await other.connection()
    assert "plugin 'weather' holds 2 database connections, and no more are left for it" in caplog.text
    await first.close()
    await waits
    for session in (second, third, other):
        await session.close()
    assert [database.bulkheads.of(name).held for name in ("weather", "natal")] == [0, 0]


async def test_the_end_of_a_transaction_gives_the_place_back(database: Database) -> None:
    """A handler that rolled back, to compute something for long, holds nobody up."""
    sessions = [Session(database, "weather") for _ in range(5)]
    for session in sessions:
        await session.connection()
        await session.rollback()
    for session in sessions:
        await session.close()


async def test_who_waits_for_too_long_is_told_which_plugin_it_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as a condition that may pass: the handler is tried again."""
    monkeypatch.setattr(bulkhead, "PATIENCE", 0.05)
    held = [Session(database, "weather") for _ in range(2)]
    for session in held:
        await session.connection()
    late = Session(database, "weather")
    with pytest.raises(PoolTimeout, match="'weather' holds 2 connections") as caught:
        await late.connection()
    assert is_transient(caught.value)
    for session in (*held, late):
        await session.close()
    assert database.bulkheads.of("weather").held == 0


async def test_who_gives_up_in_line_takes_no_place_with_it(database: Database) -> None:
    """A cancelled handler leaves the line; the next one gets its turn."""
    held = [Session(database, "weather") for _ in range(2)]
    for session in held:
        await session.connection()
    gone, stays = Session(database, "weather"), Session(database, "weather")
    leaves, waits = asyncio.create_task(gone.connection()), asyncio.create_task(stays.connection())
    await in_line(database, 2)
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    await held[0].close()
    await asyncio.wait_for(waits, 5)
    for session in (*held, gone, stays):
        await session.close()
    assert database.bulkheads.of("weather").held == 0


async def test_a_session_that_is_closed_takes_no_place(database: Database) -> None:
    """A stray task that uses its handler's session late is refused, and costs the plugin nothing."""
    session = Session(database, "weather")
    await session.connection()
    await session.close()
    for _ in range(3):
        with pytest.raises(SessionClosed):
            await session.execute(text("SELECT 1"))
    assert database.bulkheads.of("weather").held == 0


async def test_two_statements_of_one_session_give_back_what_they_took(database: Database) -> None:
    """A handler that does two things at once while its plugin waits leaves no place taken."""
    held = [Session(database, "weather") for _ in range(2)]
    for session in held:
        await session.connection()
    both = Session(database, "weather")
    waits = [asyncio.create_task(both.connection()) for _ in range(2)]
    await in_line(database, 1)
    for session in held:
        await session.close()
    await asyncio.gather(*waits, return_exceptions=True)
    await both.close()
    assert database.bulkheads.of("weather").held == 0


async def test_the_smallest_pool_has_room_for_a_unit_of_work_inside_a_handler(database_url: str) -> None:
    """A handler that has read may open another unit of work: it does not wait for itself."""
    small = open_database(database_url, pool_size=2)
    outer, inner = Session(small, "weather"), Session(small, "weather")
    await outer.connection()
    await asyncio.wait_for(inner.connection(), 5)
    await inner.close()
    await outer.close()
    await small.dispose()


async def test_who_has_given_up_stands_in_nobodys_way(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it has waited in vain, the next one gets a free connection at once."""
    held = [Session(database, "weather") for _ in range(2)]
    for session in held:
        await session.connection()
    monkeypatch.setattr(bulkhead, "PATIENCE", 0.02)
    with pytest.raises(PoolTimeout):
        await Session(database, "weather").connection()
    for session in held:
        await session.close()
    database.bulkheads.of("weather").take()  # waits for nobody: outside of a greenlet it could not
    assert database.bulkheads.of("weather").held == 1


async def test_several_slow_plugins_together_leave_some_to_others(database_url: str) -> None:
    """Three plugins hold what they can get; a fourth one, and the core itself, find a connection at once."""
    database = open_database(database_url, pool_size=16)
    held: list[Session] = []
    for plugin in ("slow", "slower", "slowest"):
        while database.bulkheads.of(plugin)._may():
            held.append(Session(database, plugin))
            await held[-1].connection()
    assert database.bulkheads.of("slow").held == 12
    well = Session(database, "well")
    await well.connection()
    async with database.engine.connect():
        pass
    await well.close()
    late = Session(database, "slower")
    waits = asyncio.create_task(late.connection())
    while len(database.bulkheads.of("slower").waiting) < 1:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.001)
    assert database.bulkheads.full == ["slower"]
    for session in held:
        await session.close()
    await waits
    await late.close()
    await database.dispose()


@pytest.mark.postgres
async def test_after_a_collision_fewer_are_inside_until_it_is_calm(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A serialization failure halves the places of its plugin alone; time gives them back."""
    monkeypatch.setattr(bulkhead, "CALM", 3600.0)
    database = open_database(postgres_url, pool_size=8, plugin_connections=4)
    places = database.bulkheads.of("weather")
    try:
        others = [Session(database, "weather") for _ in range(3)]
        for session in others:
            await reads(session)
        loser = Session(database, "weather")
        with pytest.raises(DBAPIError) as caught:
            await loser.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))
        assert is_collision(caught.value)
        assert 0.05 <= (retry_after(caught.value) or 0) <= 0.5
        await loser.close()
        assert (places.places, places.held) == (2, 3)
        late = Session(database, "weather")
        waits = asyncio.create_task(reads(late))
        await in_line(database, 1)
        await others[0].close()
        assert not waits.done()  # two are inside still
        await others[1].close()
        await waits
        assert [database.bulkheads.of("natal").places, places.places] == [4, 2]
        monkeypatch.setattr(bulkhead, "CALM", 1e-9)
        assert places.places == 4
        for session in (late, others[2]):
            await session.close()
    finally:
        await database.dispose()
