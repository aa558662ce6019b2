"""Small state that plugins keep without a table, and the roles that the owner gives to people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0009"
down_revision = "core_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "core_state",
        sa.Column("plugin", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("plugin", "name", "chat_id", "user_id", name=op.f("pk_core_state")),
    )
    for column in ("chat_id", "user_id"):
        where = sa.text(f"{column} <> 0")
        op.create_index(
            op.f(f"ix_core_state_{column}"), "core_state", [column], sqlite_where=where, postgresql_where=where
        )
    op.create_table(
        "core_roles",
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("given_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("role", "user_id", name=op.f("pk_core_roles")),
    )


def downgrade() -> None:
    op.drop_table("core_roles")
    op.drop_table("core_state")
