"""The first tables of profile."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "profile_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile_drafts",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core_users.id"], name=op.f("fk_profile_drafts_user_id_core_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profile_drafts")),
    )
    op.create_index("ix_profile_drafts_updated_at", "profile_drafts", ["updated_at"], unique=False)
    op.create_table(
        "profile_profiles",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("birth_time", sa.Time(), nullable=True),
        sa.Column("place_name", sa.String(length=200), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("fold", sa.SmallInteger(), nullable=True),
        sa.Column("offset_seconds", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core_users.id"], name=op.f("fk_profile_profiles_user_id_core_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_profiles")),
    )
    op.create_index("ix_profile_profiles_user_id", "profile_profiles", ["user_id"], unique=False)
    op.create_index(
        "uq_profile_profiles_active",
        "profile_profiles",
        ["user_id"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )


def downgrade() -> None:
    op.drop_table("profile_profiles")
    op.drop_table("profile_drafts")
