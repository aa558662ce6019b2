"""Refunds that were refused and wait, how far the provider's lists were read, and what was found there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "payments_0003"
down_revision = "payments_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments_refunds", sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "payments_sweeps",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "account_id", name=op.f("pk_payments_sweeps")),
    )
    op.create_table(
        "payments_findings",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=255), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("what IN ('held', 'contradiction')", name=op.f("ck_payments_findings_what")),
        sa.PrimaryKeyConstraint("provider", "ref", name=op.f("pk_payments_findings")),
    )


def downgrade() -> None:
    op.drop_table("payments_findings")
    op.drop_table("payments_sweeps")
    op.drop_column("payments_refunds", "refused_at")
