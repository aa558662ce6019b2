"""Rows that may be there already: the same words on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Column, Integer, String, Table, UniqueConstraint, select

from astral_core import Routes, UtcDateTime, plugin_metadata
from astral_core.errors import HandlerError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
metadata = plugin_metadata("party")
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
goals = Table(
    "party_goals",
    metadata,
    Column("user_id", Integer, primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("name", String(32)),
    Column("first", Integer, default=7),
    Column("changed_at", UtcDateTime, onupdate=lambda: WHEN),
    UniqueConstraint("name"),
)


@pytest.fixture
async def work(database_url: str, make_plugin: MakePlugin) -> Any:
    """A function that opens a unit of work on a database with the table."""
    async with bot_kit(database_url, [make_plugin("party", Routes())]) as kit:
        async with kit.running.database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        yield kit.context("party").work


async def rows(work: Any) -> list[Any]:
    """All rows."""
    async with work() as unit:
        return [tuple(row) for row in await unit.session.execute(select(goals).order_by(*goals.primary_key))]


async def test_upsert_inserts_and_changes(work: Any) -> None:
    """It returns the row as it is afterwards; defaults count for new rows, what changes them for old ones."""
    async with work() as unit:
        row = await unit.upsert(goals, {"user_id": 1, "kind": "run", "name": "5 km"}, key=("user_id", "kind"))
        assert (row.name, row.first, row.changed_at) == ("5 km", 7, None)
    async with work() as unit:
        values = {"user_id": 1, "kind": "run", "name": "10 km", "first": 8}
        row = await unit.upsert(goals, values, key=("user_id", "kind"), keep=["first"])
        assert (row.name, row.first, row.changed_at) == ("10 km", 7, WHEN)
        row = await unit.upsert(goals, {"user_id": 1, "kind": "run"}, key=("user_id", "kind"))
        assert row.name == "10 km"
    assert await rows(work) == [(1, "run", "10 km", 7, WHEN)]


async def test_insert_ignore_tells_whether_it_inserted(work: Any) -> None:
    """A row of the same key, or of any unique key, stays as it is."""
    async with work() as unit:
        assert await unit.insert_ignore(goals, {"user_id": 1, "kind": "run", "name": "a"})
        assert not await unit.insert_ignore(
            goals, {"user_id": 1, "kind": "run", "name": "b"}, key=("user_id", "kind")
        )
        assert not await unit.insert_ignore(goals, {"user_id": 2, "kind": "run", "name": "a"})
        assert await unit.insert_ignore(goals, {"user_id": 2, "kind": "run", "name": "c"}, key="name")
    assert [row[2] for row in await rows(work)] == ["a", "c"]


@pytest.mark.parametrize(
    ("values", "key", "why"),
    [
        ({"user_id": 1, "kind": "run", "nmae": "a"}, "user_id", "has no column 'nmae'; it has user_id, kind"),
        ({"user_id": 1, "kind": "run"}, "id", "has no column 'id'"),
        ({"user_id": 1}, ("user_id", "kind"), "needs a value for each of its columns"),
        ({"user_id": 1}, (), "needs a value for each of its columns"),
    ],
)
async def test_a_wrong_name_is_named(work: Any, values: dict[str, Any], key: Any, why: str) -> None:
    """What the database would say in its own words, or would do wrong, fails before."""
    unit = work()
    with pytest.raises(HandlerError, match=why):
        await unit.upsert(goals, values, key=key)
    with pytest.raises(HandlerError, match="is neither a Table nor a class"):
        await unit.upsert("party_goals", values, key=key)
