"""Plugins that are away: what they declared, what waits for them, and who runs which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "core_plugins",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("distribution", sa.String(length=128), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("declared", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_plugins")),
    )
    op.add_column("core_inbox", sa.Column("parked_for", sa.String(length=16), nullable=True))
    parked = sa.text("state = 3")
    op.create_index(
        "ix_core_inbox_parked", "core_inbox", ["parked_for", "seq"], postgresql_where=parked, sqlite_where=parked
    )
    op.add_column("core_replicas", sa.Column("plugins", sa.Text(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("core_replicas", "plugins")
    op.drop_index("ix_core_inbox_parked", table_name="core_inbox")
    op.execute("UPDATE core_inbox SET state = 2, error = 'its plugin was away' WHERE state = 3")
    op.drop_column("core_inbox", "parked_for")  # no batch: that would copy the table and lose its AUTOINCREMENT
    op.drop_table("core_plugins")
