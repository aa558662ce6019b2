"""The first tables of natal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "natal_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "natal_charts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("chart", sa.Text(), nullable=False),
        sa.Column("theme", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core_users.id"], name=op.f("fk_natal_charts_user_id_core_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_natal_charts")),
        sa.UniqueConstraint("user_id", "profile_id", "key", name=op.f("uq_natal_charts_user_id_profile_id_key")),
    )
    op.create_table(
        "natal_readings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=True),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("messages", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core_users.id"], name=op.f("fk_natal_readings_user_id_core_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_natal_readings")),
        sa.UniqueConstraint("order_id", name=op.f("uq_natal_readings_order_id")),
    )
    op.create_index("ix_natal_readings_user_id_key", "natal_readings", ["user_id", "key"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_natal_readings_user_id_key", table_name="natal_readings")
    op.drop_table("natal_readings")
    op.drop_table("natal_charts")
