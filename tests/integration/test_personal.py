"""A person's rows in plugins that write no export and no deletion: /mydata and /forget over a real bot."""

from __future__ import annotations

import enum
import io
import json
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Enum,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Time,
    Uuid,
    func,
    insert,
    select,
    text,
)

from astral_core import PluginContext, Tables, UtcDateTime, core_users, plugin_metadata
from astral_core import privacy as privacy_module
from astral_core.host import delete, export
from astral_core.host.state import LoadedPlugin
from astral_core.privacy import Privacy
from astral_playground.telegram.client import EmulatedUser
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
MakeTables = Callable[[str, MetaData], Tables]
SECRET = "hash-of-a-password"


class Mood(enum.Enum):
    """How somebody was."""

    GOOD = "good"


def shop_tables() -> MetaData:
    """Orders, what is in them, who may see them, and what has to stay."""
    metadata = plugin_metadata("shop")
    number = lambda: Column("id", Integer, primary_key=True)  # noqa: E731  # a column is one table's
    person = lambda name="user_id", **more: Column(  # noqa: E731  # the same
        name, BigInteger, ForeignKey(core_users.c.id), **{"nullable": False, **more}
    )
    orders = Table("shop_orders", metadata, number(), person(), Column("note", String(40)))
    Table("shop_items", metadata, number(), Column("order_id", ForeignKey(orders.c.id), nullable=False))
    Table("shop_gifts", metadata, number(), Column("item_id", ForeignKey("shop_items.id"), nullable=False))
    Table("shop_reviews", metadata, number(), person("author", info={"person": "owner"}),
          person("seen_by", nullable=True), Column("order_id", ForeignKey(orders.c.id)))  # fmt: skip
    Table("shop_nodes", metadata, number(), Column("order_id", ForeignKey(orders.c.id), nullable=False),
          Column("parent_id", ForeignKey("shop_nodes.id"), nullable=False))  # fmt: skip
    Table("shop_bills", metadata, number(), person(), Column("amount", Integer), info={"person": "kept"})
    Table(
        "shop_odd", metadata, Column("key", Uuid, primary_key=True), Column("n", Integer, primary_key=True), person(),
        Column("at", UtcDateTime), Column("price", Numeric(12, 2)), Column("data", LargeBinary), Column("on", Date),
        Column("hour", Time), Column("ratio", Float), Column("yes", Boolean), Column("mood", Enum(Mood)),
        Column("tree", JSON), Column("packed", Text, info={"export": "json"}), Column("words", Text),
        Column("secret", String(40), info={"export": False}),
    )  # fmt: skip
    return metadata


def club_tables(orders: Table) -> MetaData:
    """Tables of a plugin that needs the shop."""
    metadata = plugin_metadata("club")
    number = lambda: Column("id", Integer, primary_key=True)  # noqa: E731  # a column is one table's
    Table("club_members", metadata, number(), Column("order_id", ForeignKey(orders.c.id), nullable=False))
    Table("club_marks", metadata, number(), Column("order_id", ForeignKey(orders.c.id)))
    return metadata


async def fill(kit: BotKit, anna: EmulatedUser, boris: EmulatedUser, shop: MetaData) -> None:
    """The same for both people, who are known to the bot."""
    for one in (anna, boris):
        await one.send("/start")
        await one.wait_for()
    rows: dict[str, list[dict[str, Any]]] = {}
    for n, (one, other) in enumerate(((anna, boris), (boris, anna)), 1):
        of = {
            "shop_orders": {"id": n, "user_id": one.id, "note": f"order {n}"},
            "shop_items": {"id": n, "order_id": n},
            "shop_gifts": {"id": n, "item_id": n},
            "shop_reviews": {"id": n, "author": one.id, "seen_by": other.id, "order_id": 3 - n},
            "shop_nodes": {"id": n, "order_id": n, "parent_id": n},
            "shop_bills": {"id": n, "user_id": one.id, "amount": 100},
        }
        for name, row in of.items():
            rows.setdefault(name, []).append(row)
    async with kit.running.database.engine.begin() as connection:
        for name, some in rows.items():
            await connection.execute(insert(shop.tables[name]), some)


async def counts(kit: BotKit, metadata: MetaData) -> dict[str, int]:
    """How many rows are in each table."""
    return {
        name: (await kit.rows(select(func.count()).select_from(table)))[0][0]
        for name, table in metadata.tables.items()
    }


async def given_out(kit: BotKit, anna: EmulatedUser) -> dict[str, Any]:
    """The files of /mydata, read as JSON."""
    await anna.send("/mydata")
    message = await anna.wait_for(lambda one: "document" in one.content)
    data = kit.telegram.world.files.by_id(message.content["document"]["file_id"]).data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


async def forget(kit: BotKit, anna: EmulatedUser) -> None:
    """Ask to be forgotten, and say yes."""
    await anna.send("/forget")
    question = await anna.wait_for()
    await anna.press(question.buttons[0], message=question)
    await kit.settled()


async def test_mydata_has_the_rows_of_every_table_and_of_this_person_alone(
    database_url: str, make_plugin: MakePlugin, make_tables: MakeTables
) -> None:
    """A file for each table with rows, also those behind other tables; none of what only mentions the person."""
    shop = shop_tables()
    async with bot_kit(database_url, [make_plugin("shop", tables=make_tables("shop", shop))]) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        await fill(kit, anna, boris, shop)
        files = await given_out(kit, anna)
        assert {name for name in files if name.startswith("shop/")} == {
            f"shop/{name}.json" for name in ("orders", "items", "gifts", "reviews", "nodes", "bills")
        }
        assert files["shop/orders.json"] == [{"id": 1, "user_id": anna.id, "note": "order 1"}]
        assert [files[f"shop/{name}.json"][0]["id"] for name in ("items", "gifts", "nodes", "bills")] == [1, 1, 1, 1]
        assert [review["author"] for review in files["shop/reviews.json"]] == [anna.id]


async def test_values_are_written_so_that_nothing_is_lost(
    database_url: str, make_plugin: MakePlugin, make_tables: MakeTables
) -> None:
    """Times with their zone, exact numbers as text, bytes as base64, JSON as it is, and no secret."""
    shop, key = shop_tables(), UUID("00000000-0000-4000-8000-000000000001")
    async with bot_kit(database_url, [make_plugin("shop", tables=make_tables("shop", shop))]) as kit:
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for()
        odd = shop.tables["shop_odd"]
        values = {
            "key": key, "user_id": anna.id, "at": datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "price": Decimal("19.90"),
            "data": b"\x00\xff", "on": date(1990, 6, 15), "hour": time(14, 30), "ratio": 0.5, "yes": True,
            "mood": Mood.GOOD, "tree": {"a": [1, None]}, "packed": '{"theme": "night"}', "words": "ü \" 🌞",
            "secret": SECRET,
        }  # fmt: skip
        nothing = dict.fromkeys(set(values) - {"key", "user_id"})
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(insert(odd).values(n=1, **values))
            await connection.execute(
                insert(odd).values(n=2, **{**values, "packed": "{no JSON", "tree": {"a": "\ud800"}})
            )
            await connection.execute(insert(odd).values(n=3, key=key, user_id=anna.id, **nothing))
        first, second, third = (await given_out(kit, anna))["shop/odd.json"]
        assert first == {
            "key": str(key), "n": 1, "user_id": anna.id, "at": "2026-03-01T09:30:00Z", "price": "19.90",
            "data": "AP8=", "on": "1990-06-15", "hour": "14:30:00", "ratio": 0.5, "yes": True, "mood": "good",
            "tree": {"a": [1, None]}, "packed": {"theme": "night"}, "words": "ü \" 🌞",
        }  # fmt: skip
        assert (second["packed"], second["tree"]) == ("{no JSON", {"a": "\ud800"})
        assert {third[name] for name in nothing if name != "secret"} == {None}


async def test_forget_deletes_what_is_theirs_and_leaves_what_is_not(
    database_url: str, make_plugin: MakePlugin, make_tables: MakeTables
) -> None:
    """Children before parents without any CASCADE; mentions and keys of others' rows become NULL; kept rows stay."""
    shop = shop_tables()
    async with bot_kit(database_url, [make_plugin("shop", tables=make_tables("shop", shop))]) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        await fill(kit, anna, boris, shop)
        await forget(kit, anna)
        left = await counts(kit, shop)
        assert {name: number for name, number in left.items() if number != 1} == {"shop_bills": 2, "shop_odd": 0}
        [review] = await kit.rows(shop.tables["shop_reviews"])
        assert (review.author, review.seen_by, review.order_id) == (boris.id, None, None)
        assert {one.user_id for one in await kit.rows(shop.tables["shop_orders"])} == {boris.id}
        assert [one.user_id for one in await kit.rows(shop.tables["shop_bills"])] == [anna.id, boris.id]
        assert await kit.forget(anna) == 0, "nothing is left, and to ask again does no harm"
        assert await kit.forget(boris) == 5


async def test_the_hook_runs_first_counts_add_up_and_its_file_wins(
    database_url: str, make_plugin: MakePlugin, make_tables: MakeTables
) -> None:
    """The hook still sees the rows, adds files, has one better, and does with kept rows what the law allows."""
    shop, seen = shop_tables(), []

    async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes]:
        return {"bills.json": b'["1.00 EUR"]', "more.txt": b"1"}

    async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
        bills = shop.tables["shop_bills"]
        async with ctx.work() as work:
            seen.append(await work.session.scalar(select(func.count()).select_from(shop.tables["shop_gifts"])))
            change = bills.update().where(bills.c.user_id == user_id, bills.c.amount.is_not(None)).values(amount=None)
            return len((await work.session.execute(change.returning(bills.c.id))).all())

    hooks = [astral_export_user, astral_delete_user]
    plugin = make_plugin("shop", tables=make_tables("shop", shop), hooks=hooks)
    async with bot_kit(database_url, [plugin]) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        await fill(kit, anna, boris, shop)
        files = await kit.export(anna)
        assert (files["shop/bills.json"], files["shop/more.txt"]) == (b'["1.00 EUR"]', b"1")
        assert "shop/orders.json" in files
        assert await kit.forget(anna) == 1 + 5 + 1, "a bill is emptied, five rows go, a review of Boris's forgets"
        assert seen == [2]
        assert [(one.user_id, one.amount) for one in await kit.rows(shop.tables["shop_bills"])] == [
            (anna.id, None), (boris.id, 100),
        ]  # fmt: skip


async def test_rows_of_dependents_go_before_what_they_refer_to(
    database_url: str, make_plugin: MakePlugin, make_tables: MakeTables
) -> None:
    """Rows of another plugin that refer to the person's are theirs, too, and keys that may be NULL are emptied."""
    shop = shop_tables()
    club = club_tables(shop.tables["shop_orders"])
    plugins = [
        make_plugin("shop", tables=make_tables("shop", shop)),
        make_plugin("club", tables=make_tables("club", club), requires=("astral-shop",)),
    ]
    async with bot_kit(database_url, plugins) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        await fill(kit, anna, boris, shop)
        async with kit.running.database.engine.begin() as connection:
            for table in club.tables.values():
                await connection.execute(insert(table), [{"id": n, "order_id": n} for n in (1, 2)])
        assert (await given_out(kit, anna))["club/members.json"] == [{"id": 1, "order_id": 1}]
        await forget(kit, anna)
        assert [row.order_id for row in await kit.rows(club.tables["club_members"])] == [2]
        assert [row.order_id for row in await kit.rows(club.tables["club_marks"])] == [None, 2]
        assert [row.user_id for row in await kit.rows(shop.tables["shop_orders"])] == [boris.id]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few rows, and no patience."""
    for module, name, value in (
        (delete, "BATCH", 3), (delete, "PIECE", 2), (export, "BATCH", 3), (export, "NARROW", 3), (export, "KEYS", 7),
        (privacy_module, "PATIENCE", 0.0),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("small")
async def test_many_rows_go_in_batches_also_in_later_steps(
    database_url: str, make_plugin: MakePlugin, make_tables: MakeTables
) -> None:
    """Every row is given out once, whatever its key is made of; what one handler has no time for, steps delete."""
    shop = shop_tables()
    async with bot_kit(database_url, [make_plugin("shop", tables=make_tables("shop", shop))]) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        await fill(kit, anna, boris, shop)
        odd = [{"key": UUID(int=n % 5), "n": n, "user_id": anna.id} for n in range(1, 26)]
        orders = [{"id": n, "user_id": anna.id} for n in range(3, 20)]
        items = [{"id": n, "order_id": n} for n in range(3, 20)]
        async with kit.running.database.engine.begin() as connection:
            for name, rows in (("shop_odd", odd), ("shop_orders", orders), ("shop_items", items)):
                await connection.execute(insert(shop.tables[name]), rows)
        files = await given_out(kit, anna)
        assert sorted(row["n"] for row in files["shop/odd.json"]) == list(range(1, 26))
        assert [row["id"] for row in files["shop/orders.json"]] == [1, *range(3, 20)]
        await forget(kit, anna)
        assert set((await counts(kit, shop)).values()) == {0, 1, 2}
        assert [row.user_id for row in await kit.rows(shop.tables["shop_orders"])] == [boris.id]


@pytest.fixture
def uninstall(make_plugin: MakePlugin) -> Callable[[BotKit, str], None]:
    """`uninstall(kit, "club")`: the plugin cannot be imported at the next start."""

    def break_it(kit: BotKit, name: str) -> None:
        kit.overrides["host"] = {"on_error": "quarantine"}
        for plugin in kit.plugins or ():
            if plugin.id == name:
                plugin.module_name = "no_such_module"

    return break_it


async def test_a_plugin_that_is_away_loses_its_rows_when_it_is_back(
    database_url: str, make_plugin: MakePlugin, make_tables: MakeTables, uninstall: Callable[[BotKit, str], None]
) -> None:
    """Its tables alone say that it holds something of people. What its rows refer to waits with them."""
    shop = shop_tables()
    club = club_tables(shop.tables["shop_orders"])
    plugins = [
        make_plugin("shop", tables=make_tables("shop", shop)),
        make_plugin("club", tables=make_tables("club", club), requires=("astral-shop",)),
    ]
    module = plugins[1].module_name
    async with bot_kit(database_url, plugins) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        await fill(kit, anna, boris, shop)
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(insert(club.tables["club_members"]), [{"id": n, "order_id": n} for n in (1, 2)])
        uninstall(kit, "club")
        await kit.restart()
        assert kit.running.host.registry.away["club"].holds_user_data
        await anna.send("/forget")
        question = await anna.wait_for()
        await anna.press(question.buttons[0], message=question)
        await anna.wait_for("Done, except for one part of me")
        await kit.settled()
        assert await counts(kit, club) == {"club_members": 2, "club_marks": 0}
        assert len(await kit.rows(shop.tables["shop_orders"])) == 2
        plugins[1].module_name = module
        await kit.restart()
        assert [row.order_id for row in await kit.rows(club.tables["club_members"])] == [2]
        assert [row.user_id for row in await kit.rows(shop.tables["shop_orders"])] == [boris.id]


@pytest.mark.rest
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_memory_stays_flat_however_many_rows_there_are(
    database_url: str, make_plugin: MakePlugin, make_tables: MakeTables
) -> None:
    """A hundred thousand rows pass through a few megabytes."""
    shop = shop_tables()
    async with bot_kit(database_url, [make_plugin("shop", tables=make_tables("shop", shop))]) as kit:
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for()
        rows = (
            "INSERT INTO shop_orders (id, user_id, note) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
            "FROM n WHERE i < 100000) SELECT i, :who, 'note ' || i FROM n"
        )
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(text(rows), {"who": anna.id})
        files = await kit.context("core").get(Privacy).export(anna.id)
        pieces = files["shop/orders.json"]
        assert isinstance(pieces, AsyncIterator)
        lines = 0
        tracemalloc.start()
        try:
            async for piece in pieces:
                lines += piece.count(b'{"id"')
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert lines == 100_000
        assert peak < 10 * 2**20
