"""Whose picture a cached file is, so that it can be forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0004"
down_revision = "core_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM core_files")  # of these nobody knows whose they are; they are sent and kept anew
    op.add_column("core_files", sa.Column("user_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_core_files_user_id", "core_files", ["user_id"])


def downgrade() -> None:
    op.drop_index("ix_core_files_user_id", table_name="core_files")
    op.drop_column("core_files", "user_id")
