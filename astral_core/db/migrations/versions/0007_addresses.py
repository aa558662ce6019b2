"""Addresses: a topic and a person beside the chat, for rows, questions, slots and due work; and a table of chats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "core_0007"
down_revision = "core_0006"
branch_labels = None
depends_on = None

_KEYS = {
    "core_dialogs": (["chat_id", "place", "user_id"], ["chat_id", "user_id"]),
    "core_slots": (["chat_id", "place", "user_id", "slot"], ["chat_id", "slot"]),
}


def upgrade() -> None:
    op.create_table(
        "core_chats",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=256), nullable=True),
        sa.Column("username", sa.String(length=64), nullable=True),
        sa.Column("is_forum", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("rights", sa.Text(), nullable=True),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("migrated_to", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_chats")),
    )
    for table in ("core_inbox", "core_due"):
        op.add_column(table, sa.Column("address", sa.Text(), nullable=True))
    user_id = sa.Column("user_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    _rebuild(
        "core_dialogs", [_place(), sa.Column("message_id", sa.BigInteger(), nullable=True)], _KEYS["core_dialogs"][0]
    )
    _rebuild("core_slots", [_place(), user_id], _KEYS["core_slots"][0])
    _keep_topics()


def downgrade() -> None:
    op.execute("DELETE FROM core_dialogs WHERE place <> ''")
    op.execute("DELETE FROM core_slots WHERE place <> '' OR user_id <> 0")
    for table, gone in (("core_slots", ["user_id", "place"]), ("core_dialogs", ["message_id", "place"])):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            for name in gone:
                batch.drop_column(name)
            batch.create_primary_key(op.f(f"pk_{table}"), _KEYS[table][1])
    for table in ("core_due", "core_inbox"):
        op.drop_column(table, "address")
    op.drop_table("core_chats")


def _place() -> sa.Column[Any]:
    return sa.Column("place", sa.String(length=32), server_default=sa.text("''"), nullable=False)


def _rebuild(table: str, new: list[sa.Column[Any]], key: list[str]) -> None:
    """Add columns and make some of them a part of the key; SQLite makes the table anew for that."""
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(f"pk_{table}"), type_="primary")
        for column in new:
            batch.add_column(column)
        batch.create_primary_key(op.f(f"pk_{table}"), key)


def _keep_topics() -> None:
    """Let what waits for an answer in a forum's topic get it there."""
    inbox = sa.table("core_inbox", *(sa.column(name) for name in ("seq", "source", "payload", "state", "address")))
    waits = sa.select(inbox.c.seq, inbox.c.payload).where(
        inbox.c.state != 1, inbox.c.source.like("tg:%"), inbox.c.payload.like("%is_topic_message%")
    )
    bind = op.get_bind()
    for seq, payload in bind.execute(waits).all():
        for topic in _topics(payload):
            address = json.dumps({"topic": topic})
            bind.execute(sa.update(inbox).where(inbox.c.seq == seq).values(address=address))


def _topics(payload: str) -> Iterator[int]:
    """The topic of an update's message, or of the one whose button was pressed."""
    try:
        update = json.loads(payload)
        message = update.get("message") or update["callback_query"]["message"]
        if message.get("is_topic_message") is True and isinstance(message["message_thread_id"], int):
            yield message["message_thread_id"]
    except (ValueError, KeyError, TypeError, AttributeError):  # no message, or none of this form: it has no topic
        return
