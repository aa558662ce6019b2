"""The first tables of helpdesk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "helpdesk_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "helpdesk_topics",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("is_closed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["core_users.id"],
            name=op.f("fk_helpdesk_topics_user_id_core_users"),
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_helpdesk_topics")),
        sa.UniqueConstraint("thread_id", name=op.f("uq_helpdesk_topics_thread_id")),
    )
    op.create_table(
        "helpdesk_parts",
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("album", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chat_id", "message_id", name=op.f("pk_helpdesk_parts")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("helpdesk_parts")
    op.drop_table("helpdesk_topics")
