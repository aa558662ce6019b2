"""Whose a plugin's rows are: what follows from foreign keys, what `info` says, and what is refused with the fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Integer, MetaData, String, Table

from astral_core import core_users, plugin_metadata
from astral_core.db.people import People, people_of
from astral_core.errors import DeclarationError
from astral_core.host.export import file_names

OWNER, MENTION, KEPT = {"person": "owner"}, {"person": "mention"}, {"person": "kept"}


def number(**options: Any) -> Column[Any]:
    """A primary key."""
    return Column("id", Integer, primary_key=True, **options)


def key(name: str = "user_id", nullable: bool = False, ondelete: str | None = None, **options: Any) -> Column[Any]:
    """A key to a person."""
    return Column(name, BigInteger, ForeignKey(core_users.c.id, ondelete=ondelete), nullable=nullable, **options)


def to(target: str, nullable: bool = False, ondelete: str | None = None) -> Column[Any]:
    """A key to another table."""
    return Column(f"{target}_id", Integer, ForeignKey(f"{target}.id", ondelete=ondelete), nullable=nullable)


def people(*tables: Callable[[MetaData], Table]) -> People:
    """What follows from tables of the plugin `shop`."""
    metadata = plugin_metadata("shop")
    for table in tables:
        table(metadata)
    return people_of({"shop": metadata})


def table(name: str, *columns: Any, **options: Any) -> Callable[[MetaData], Table]:
    """A table that is still to be made."""
    return lambda metadata: Table(name, metadata, *columns, **options)


def names(found: list[Any]) -> list[str]:
    """The names of tables."""
    return [held.table.name for held in found]


def test_rows_belong_to_people_also_through_other_tables_and_children_go_first() -> None:
    """Any depth; a key that may be NULL makes no row a person's, and what stays is not deleted."""
    found = people(
        table("shop_orders", number(), key()),
        table("shop_items", number(), to("shop_orders")),
        table("shop_gifts", number(), to("shop_items")),
        table("shop_notes", number(), to("shop_items", nullable=True)),
        table("shop_goods", number(), Column("name", String(10))),
        table("shop_ledger", number(), key(), info=KEPT),
    )
    assert names(found.exported("shop")) == ["shop_gifts", "shop_items", "shop_ledger", "shop_orders"]
    assert names(found.deleted("shop")) == ["shop_gifts", "shop_items", "shop_orders"]
    assert [(held.table.name, link.parent.name) for held, link in found.loose("shop")] == [
        ("shop_notes", "shop_items")
    ]
    assert names(found.kept("shop")) == ["shop_ledger"]
    assert not found.tangled()


def test_a_table_without_keys_to_people_holds_nothing_of_them() -> None:
    """Neither exported nor deleted; a mention alone counts as something that has to be forgotten."""
    assert not people(table("shop_goods", number())).holds("shop")
    mentioned = people(table("shop_goods", number(), key("seen_by", nullable=True)))
    assert mentioned.holds("shop")
    assert mentioned.exported("shop") == []


def test_info_says_whose_a_row_is_where_keys_do_not() -> None:
    """Of two firm keys; of a key that may be NULL; of a number without a key; and that a number is nobody's."""
    found = people(
        table("shop_messages", number(), key("sender", info=OWNER), key("receiver", info=MENTION)),
        table("shop_visits", number(), Column("who", BigInteger, info=OWNER)),
        table("shop_guests", number(), key("guest", nullable=True, info=OWNER)),
        table("shop_logs", number(), Column("user_id", BigInteger, info={"person": "nobody"})),
        table("shop_pairs", number(), key("one", info=OWNER), key("other", info=OWNER)),
    )
    owners = {held.table.name: [column.name for column in held.owners] for held in found.exported("shop")}
    assert owners == {
        "shop_messages": ["sender"], "shop_visits": ["who"], "shop_guests": ["guest"], "shop_pairs": ["one", "other"],
    }  # fmt: skip
    assert found.mentioning("shop") == [], "one that may not be NULL stays"


def test_a_key_of_several_columns_and_a_cascade_lead_to_people_too() -> None:
    """The database deletes what cascades, so it belongs to the person as well."""
    pair = ForeignKeyConstraint(["day", "place"], ["shop_days.day", "shop_days.place"])
    days = [Column(name, Integer, primary_key=True) for name in ("day", "place")]
    hours = [Column(name, Integer, nullable=False) for name in ("day", "place")]
    found = people(
        table("shop_days", *days, key()),
        table("shop_hours", number(), *hours, pair),
        table("shop_minutes", number(), to("shop_hours", nullable=True, ondelete="CASCADE")),
    )
    assert names(found.deleted("shop")) == ["shop_minutes", "shop_hours", "shop_days"]


@pytest.mark.parametrize(
    ("made", "what", "fix"),
    [
        ([table("shop_duels", number(), key("winner"), key("loser"))],
         "table 'shop_duels' has more than one key to people (winner, loser): whose are its rows?",
         'Column("winner", ..., info={"person": "owner"}), Column("loser", ..., info={"person": "mention"})'),
        ([table("shop_duels", number(), key("winner", info=OWNER), key("loser"))],
         "more than one key to people (winner, loser)", 'info={"person": "mention"}'),
        ([table("shop_duels", number(), key("winner", info={"person": "ovner"}))],
         "shop_duels.winner has info={'person': 'ovner'}", "Did you mean 'owner'?"),
        ([table("shop_duels", number(), key("winner", info={"person": "nobody"}))],
         "shop_duels.winner has info={'person': 'nobody'}", 'info={"person": "mention"}'),
        ([table("shop_duels", number(), Column("user_id", BigInteger))],
         "shop_duels.user_id is no foreign key", "ForeignKey(core_users.c.id)"),
        ([table("shop_duels", number(), key(nullable=True, ondelete="CASCADE"))],
         "shop_duels.user_id may be NULL, and its row is deleted with the person", "nullable=False"),
        ([table("shop_duels", number(), Column("who", String(20), info=OWNER))],
         "shop_duels.who is said to be a person's, and is no number", "BigInteger"),
        ([table("shop_duels", number(), key(), info={"person": "keep"})],
         "table 'shop_duels' has info={'person': 'keep'}", 'info={"person": "kept"}'),
        ([table("shop_duels", number(), Column("note", String(9), info={"export": "no"}))],
         "shop_duels.note has info={'export': 'no'}", 'info={"export": False}'),
        ([table("shop_duels", key())], "table 'shop_duels' holds something of people and has no primary key", "one"),
        ([table("shop_orders", number(), key()), table("shop_bills", number(), key(), to("shop_orders"), info=KEPT)],
         "table 'shop_bills' is kept, and refers to 'shop_orders'", "keep 'shop_orders', too"),
        ([table("shop_items", number(), Column("order_id", Integer, ForeignKey("shop_orders.nr"))),
          table("shop_orders", number(), key())],
         "shop_items.order_id refers to shop_orders.nr, which is not there", "correct the foreign key"),
    ],
)  # fmt: skip
def test_what_is_unclear_is_refused_with_the_line_to_write(
    made: list[Callable[[MetaData], Table]], what: str, fix: str
) -> None:
    """The error names the plugin, the table, the columns, and what to write."""
    with pytest.raises(DeclarationError) as raised:
        people(*made)
    assert raised.value.plugin == "shop"
    assert what in raised.value.what
    assert fix in raised.value.fix


def test_a_kept_row_may_let_go_of_one_that_is_deleted() -> None:
    """Where its author told the database to empty the key."""
    found = people(
        table("shop_orders", number(), key()),
        table("shop_bills", number(), key(), to("shop_orders", nullable=True, ondelete="SET NULL"), info=KEPT),
    )
    assert names(found.deleted("shop")) == ["shop_orders"]


def test_files_are_called_by_their_tables_without_the_plugin() -> None:
    """A table that is called by the plugin alone keeps its name, and no two have the same file."""
    assert file_names("shop", ["shop", "shop_orders"]) == {"shop": "shop.json", "shop_orders": "orders.json"}
    assert file_names("shop", ["shop", "shop_shop"]) == {"shop": "shop.json", "shop_shop": "shop_shop.json"}
    assert file_names("shop", ["shop_state"]) == {"shop_state": "shop_state.json"}, "ctx.save has state.json"
