"""The first table of tides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "tides_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tides_subscribers",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_on", sa.Date(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["core_users.id"],
            name=op.f("fk_tides_subscribers_user_id_core_users"),
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_tides_subscribers")),
    )
    op.create_index("ix_tides_subscribers_next_on", "tides_subscribers", ["next_on"], unique=False)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("tides_subscribers")
