"""The first table of gifts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "gifts_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "gifts_wishes",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["core_users.id"],
            name=op.f("fk_gifts_wishes_user_id_core_users"),
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_gifts_wishes")),
    )
    op.create_index("ix_gifts_wishes_user_id", "gifts_wishes", ["user_id"], unique=False)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("gifts_wishes")
