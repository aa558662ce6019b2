"""A person's rows are deleted while others write: what comes between two statements stops nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Table, event, insert
from sqlalchemy.util import await_only

from astral_core import core_users, plugin_metadata
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

metadata = plugin_metadata("shop")
orders = Table(
    "shop_orders", metadata, Column("id", Integer, primary_key=True),
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
)  # fmt: skip
items = Table(
    "shop_items", metadata, Column("id", Integer, primary_key=True),
    Column("order_id", ForeignKey(orders.c.id), nullable=False),
)  # fmt: skip


def adding(kit: BotKit, times: int) -> list[int]:
    """Before the orders are deleted, another transaction adds an item, so many times; the ids that it added."""
    engine, added = kit.running.database.engine, list[int]()

    async def add(number: int) -> None:
        async with engine.begin() as other:
            await other.execute(insert(items).values(id=number, order_id=1))

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("DELETE FROM shop_orders") and len(added) < times:
            added.append(100 + len(added))
            await_only(add(added[-1]))

    return added


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_item_that_comes_meanwhile_goes_too(
    database_url: str, make_plugin: Callable[..., LoadedPlugin], make_tables: Callable[..., Any]
) -> None:
    """The order cannot go while the new item refers to it: both go in the next try. SQLite has one writer."""
    async with bot_kit(database_url, [make_plugin("shop", tables=make_tables("shop", metadata))]) as kit:
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for()
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(insert(orders).values(id=1, user_id=anna.id))
            await connection.execute(insert(items).values(id=1, order_id=1))
        added = adding(kit, times=2)
        assert await kit.forget(anna) == 4
        assert added == [100, 101]
        assert await kit.rows(items) == await kit.rows(orders) == []
