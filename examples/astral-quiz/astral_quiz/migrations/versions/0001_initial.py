"""The first tables of quiz."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "quiz_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "quiz_games",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_games")),
    )
    op.create_index(
        "ux_quiz_games_place",
        "quiz_games",
        ["place"],
        unique=True,
        sqlite_where=sa.text("over_at IS NULL"),
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_table(
        "quiz_answers",
        sa.Column("game_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_right", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["game_id"], ["quiz_games.id"], name=op.f("fk_quiz_answers_game_id_quiz_games")),
        sa.ForeignKeyConstraint(["user_id"], ["core_users.id"], name=op.f("fk_quiz_answers_user_id_core_users")),
        sa.PrimaryKeyConstraint("game_id", "number", "user_id", name=op.f("pk_quiz_answers")),
    )
    op.create_index("ix_quiz_answers_user_id", "quiz_answers", ["user_id"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("quiz_answers")
    op.drop_table("quiz_games")
