"""Notifications that wait are counted by their state; those that are closed are due at no time."""

from __future__ import annotations

from alembic import op

revision = "payments_0002"
down_revision = "payments_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE payments_events SET next_try_at = NULL WHERE state <> 'new'")
    op.drop_index("ix_payments_events_next_try_at", table_name="payments_events")
    op.create_index("ix_payments_events_state", "payments_events", ["state", "next_try_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_payments_events_state", table_name="payments_events")
    op.create_index("ix_payments_events_next_try_at", "payments_events", ["next_try_at"], unique=False)
