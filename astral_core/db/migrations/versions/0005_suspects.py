"""Suspects: which processes ran a row that may kill, which processes died, and when the row is tried again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0005"
down_revision = "core_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "core_runs",
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("process", sa.String(length=32), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", "process", name=op.f("pk_core_runs")),
    )
    op.create_table(
        "core_deaths",
        sa.Column("process", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_core_deaths")),
    )
    op.add_column("core_inbox", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE core_inbox SET crashes = 0 WHERE crashes > 0")  # it counted deaths, and now counts tries


def downgrade() -> None:
    op.execute("UPDATE core_inbox SET state = 0, parked_for = NULL WHERE state = 3 AND parked_for = '?'")
    op.drop_column("core_inbox", "due_at")
    op.drop_table("core_deaths")
    op.drop_table("core_runs")
