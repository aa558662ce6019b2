"""What bots of python-telegram-bot keep: data of people, chats and the bot, and conversations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0012"
down_revision = "core_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "core_ptb",
        sa.Column("plugin", sa.String(length=16), nullable=False),
        sa.Column("store", sa.String(length=200), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("plugin", "store", "chat_id", "user_id", "item", name=op.f("pk_core_ptb")),
    )
    for column in ("chat_id", "user_id"):
        where = sa.text(f"{column} <> 0")
        op.create_index(
            op.f(f"ix_core_ptb_{column}"), "core_ptb", [column], sqlite_where=where, postgresql_where=where
        )


def downgrade() -> None:
    op.drop_table("core_ptb")
