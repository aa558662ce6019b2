"""Calls that are made once, by a key, and what came of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0010"
down_revision = "core_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "core_once",
        sa.Column("plugin", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("process", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("plugin", "key", name=op.f("pk_core_once")),
    )
    op.create_index(op.f("ix_core_once_chat_id"), "core_once", ["chat_id"])
    where = sa.text("user_id IS NOT NULL")
    op.create_index(
        op.f("ix_core_once_user_id"), "core_once", ["user_id"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    op.drop_table("core_once")
