"""The mark of what closes a question that gets no answer in time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0008"
down_revision = "core_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("core_dialogs", sa.Column("timer", sa.String(32), nullable=True))


def downgrade() -> None:
    op.drop_column("core_dialogs", "timer")
