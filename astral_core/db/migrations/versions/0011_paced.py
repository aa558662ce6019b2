"""What slots are to show next, where their edits are paced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0011"
down_revision = "core_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "core_paced",
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("plugin", sa.String(length=32), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("every", sa.Float(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("chat_id", "place", "user_id", "slot", name=op.f("pk_core_paced")),
    )
    where = sa.text("effect IS NOT NULL")
    op.create_index(op.f("ix_core_paced_lane"), "core_paced", ["lane"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("core_paced")
