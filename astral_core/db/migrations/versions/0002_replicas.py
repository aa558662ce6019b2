"""Several replicas: who is alive, who owns which lane, what all must know."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None

# Rows of these tables are written a few times and then deleted: vacuum early, and leave room for updates in place.
_BUSY = ("core_inbox", "core_outbox", "core_lanes")


def upgrade() -> None:
    op.create_table(
        "core_replicas",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.String(length=128), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("leader", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_replicas")),
    )
    op.create_table(
        "core_lanes",
        sa.Column("lane", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("arrivals", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_core_lanes")),
        sa.ForeignKeyConstraint(
            ["owner"], ["core_replicas.id"], name=op.f("fk_core_lanes_owner_core_replicas"), ondelete="SET NULL"
        ),
    )
    op.create_index("ix_core_lanes_owner", "core_lanes", ["owner"], postgresql_where=sa.text("owner IS NOT NULL"))
    orphan = sa.text("owner IS NULL AND state <> 0")
    op.create_index("ix_core_lanes_orphan", "core_lanes", ["lane"], postgresql_where=orphan, sqlite_where=orphan)
    op.create_table(
        "core_facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_core_facts")),
    )
    dead = sa.text("state = 2")
    op.create_index("ix_core_inbox_dead", "core_inbox", ["seq"], postgresql_where=dead, sqlite_where=dead)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE core_replica_ids AS integer CYCLE")
        for table in _BUSY:
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01)")
        op.execute(  # rows that were pending before there were lanes
            "INSERT INTO core_lanes (lane, epoch, arrivals, state) SELECT lane, 0, count(*), 2 FROM ("
            "SELECT lane FROM core_inbox WHERE state = 0 UNION ALL SELECT lane FROM core_outbox WHERE state = 0"
            ") AS waiting GROUP BY lane"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE core_replica_ids")
        for table in _BUSY:
            op.execute(f"ALTER TABLE {table} RESET (fillfactor, autovacuum_vacuum_scale_factor)")
    op.drop_index("ix_core_inbox_dead", table_name="core_inbox")
    op.drop_table("core_facts")
    op.drop_index("ix_core_lanes_orphan", table_name="core_lanes")
    op.drop_index("ix_core_lanes_owner", table_name="core_lanes")
    op.drop_table("core_lanes")
    op.drop_table("core_replicas")
