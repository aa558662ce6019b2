"""Durable work that waits for its time, and an index that counts the bot's own pending work apart from updates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0006"
down_revision = "core_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "core_due",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("route", sa.String(length=80), nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=True),
        sa.Column("person", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_due")),
        sa.UniqueConstraint("route", "lane", "key", name=op.f("uq_core_due_route_lane_key")),
        sqlite_autoincrement=True,
    )
    for name, table, columns, where in _INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for name, table, _, _ in reversed(_INDEXES):
        op.drop_index(name, table)
    op.drop_table("core_due")


_INDEXES = (
    ("ix_core_due_due_at", "core_due", ["due_at", "id"], "state = 0"),
    ("ix_core_due_person", "core_due", ["person"], "person IS NOT NULL"),
    ("ix_core_due_tries", "core_due", ["tries"], "tries > 0"),
    ("ix_core_inbox_internal", "core_inbox", ["source"],
     "state = 0 AND source >= 'internal:' AND source < 'internal;'"),
)  # fmt: skip
