"""The session of a unit of work: lazy, aware of its writes, and closed for good at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import MetaData, select, text, update
from sqlalchemy.exc import InvalidRequestError, StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from astral_core.db.engine import Database, open_database
from astral_core.db.session import Session
from astral_core.db.tables import UtcDateTime, plugin_metadata, storable
from astral_core.errors import SessionClosed


class Base(DeclarativeBase):
    """The base of a plugin's classes."""

    metadata: MetaData = plugin_metadata("weather")


class City(Base):
    """A plugin's row."""

    __tablename__ = "weather_cities"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    seen: Mapped[datetime | None] = mapped_column(UtcDateTime)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with a city."""
    made = open_database(database_url)
    async with made.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.run_sync(lambda sync: sync.execute(City.__table__.insert().values(id=1, name="Omsk")))
    yield made
    assert made.engine.pool.checkedout() == 0
    await made.dispose()


async def test_no_connection_before_the_first_statement(database: Database) -> None:
    """A handler that touches no data holds no connection; one that read gives it back with a rollback."""
    async with Session(database, "weather") as session:
        assert database.engine.pool.checkedout() == 0
        await session.get(City, 1)
        assert database.engine.pool.checkedout() == 1
        await session.rollback()
        assert database.engine.pool.checkedout() == 0


async def test_wrote_tells_reads_from_writes(database: Database) -> None:
    """Statements, new, changed and deleted objects count; reads do not."""
    async with Session(database, "weather") as session:
        city = await session.get(City, 1)
        await session.scalars(select(City))
        assert not session.wrote
        city.name = "Tomsk"
        assert session.wrote
        await session.rollback()
    for change in (
        lambda session: session.add(City(id=2, name="Perm")),
        lambda session: session.execute(update(City).values(name="x")),
        lambda session: session.execute(text("SELECT 1")),
        lambda session: session.get(City, 1, with_for_update=True),
    ):
        async with Session(database, "weather") as session:
            result = change(session)
            if result is not None:
                await result
            assert session.wrote


async def test_wrote_stays_known_after_a_flush(database: Database) -> None:
    """Once flushed, the objects are clean, but the transaction has written."""
    async with Session(database, "weather") as session:
        session.add(City(id=2, name="Perm"))
        await session.flush()
        assert session.wrote
        await session.commit_unit()
    async with Session(database, "weather") as session:
        assert (await session.scalars(select(City.name).order_by(City.id))).all() == ["Omsk", "Perm"]
        assert not session.wrote


Use = Callable[[Session], Awaitable[Any]]


async def _add(session: Session) -> None:
    session.add(City(id=3, name="Ufa"))
    await session.flush()


@pytest.mark.parametrize(
    "use",
    [
        lambda session: session.execute(select(City)),
        lambda session: session.scalar(select(City)),
        lambda session: session.scalars(select(City)),
        lambda session: session.stream(select(City)),
        lambda session: session.get(City, 1),
        lambda session: session.merge(City(id=1, name="x")),
        lambda session: session.connection(),
        lambda session: session.commit_unit(),
        lambda session: session.begin(),
        _add,
    ],
    ids=["execute", "scalar", "scalars", "stream", "get", "merge", "connection", "commit", "begin", "add"],
)
async def test_every_use_after_the_end_raises_and_names_the_plugin(database: Database, use: Use) -> None:
    """A forgotten task that still writes is found by its plugin's name, whatever method it calls."""
    session = Session(database, "weather")
    await session.execute(select(City))
    await session.close()
    with pytest.raises(SessionClosed, match=r"'weather' used its session after its handler ended\. Fix: "):
        await use(session)


async def test_other_mistakes_keep_their_own_error(database: Database) -> None:
    """Only the use after the end is translated."""
    async with Session(database, "weather") as session, session.begin():
        with pytest.raises(InvalidRequestError, match="already begun"):
            await session.begin()


@pytest.mark.parametrize("offset", [0, 3, -11])
async def test_times_come_back_in_utc(database: Database, offset: int) -> None:
    """Any zone goes in, UTC comes out, the moment is the same; a naive time is refused."""
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=offset)))
    async with Session(database, "weather") as session:
        await session.execute(update(City).values(seen=moment))
        found = (await session.execute(select(City.seen))).scalar_one()
        assert found == moment
        assert found.utcoffset() == timedelta(0)
        count = await session.scalar(select(City.id).where(City.seen <= moment.astimezone(UTC)))
        assert count == 1
    async with Session(database, "weather") as session:
        with pytest.raises(StatementError, match="naive datetime"):
            await session.execute(update(City).values(seen=datetime(2026, 1, 1)))  # noqa: DTZ001  # the point


async def test_storable_text_goes_into_both_engines(database: Database) -> None:
    """What `storable` returns is stored as it is."""
    kept = storable("a\x00b\udfffc" + "я" * 99, 20)
    assert kept == "a\ufffdb?c" + "я" * 15
    async with Session(database, "weather") as session:
        await session.execute(update(City).values(name=kept))
        assert await session.scalar(select(City.name)) == kept
