"""The first tables of payments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "payments_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _events()
    _orders()
    _payments()
    _entitlements()
    _refunds()
    _transitions()


def _events() -> None:
    op.create_table(
        "payments_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=False),
        sa.Column("payment_ref", sa.String(length=64), nullable=False),
        sa.Column("dedupe_key", sa.String(length=64), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('new', 'done', 'orphan', 'dead')", name=op.f("ck_payments_events_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments_events")),
        sa.UniqueConstraint("provider", "dedupe_key", name=op.f("uq_payments_events_provider_dedupe_key")),
    )
    op.create_index("ix_payments_events_next_try_at", "payments_events", ["next_try_at"], unique=False)


def _orders() -> None:
    op.create_table(
        "payments_orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("product", sa.String(length=24), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("paid_payment_id", sa.BigInteger(), nullable=True),
        sa.Column("invoiced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'paid', 'refunded', 'expired')", name=op.f("ck_payments_orders_status")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["core_users.id"], name=op.f("fk_payments_orders_user_id_core_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments_orders")),
    )
    op.create_index("ix_payments_orders_user_id", "payments_orders", ["user_id"], unique=False)
    op.create_index(
        "uq_payments_orders_open",
        "payments_orders",
        ["user_id", "product"],
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("provider_ref", sa.String(length=255), nullable=True),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("idempotence_key", sa.String(length=64), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("confirmation_url", sa.Text(), nullable=True),
        sa.Column("return_token", sa.String(length=64), nullable=True),
        sa.Column("bot", sa.String(length=64), nullable=True),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('live', 'test')", name=op.f("ck_payments_mode")),
        sa.CheckConstraint("provider IN ('stars', 'yookassa')", name=op.f("ck_payments_provider")),
        sa.CheckConstraint(
            "status IN ('created', 'unknown', 'pending', 'waiting_for_capture', 'succeeded', 'canceled', 'failed')",
            name=op.f("ck_payments_status"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_amount")),
        sa.CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payments_refunded")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["payments_orders.id"], name=op.f("fk_payments_order_id_payments_orders")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["core_users.id"], name=op.f("fk_payments_user_id_core_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("provider", "idempotence_key", name=op.f("uq_payments_provider_idempotence_key")),
        sa.UniqueConstraint("provider", "provider_ref", name=op.f("uq_payments_provider_provider_ref")),
        sa.UniqueConstraint("return_token", name=op.f("uq_payments_return_token")),
    )
    op.create_index("ix_payments_next_check_at", "payments", ["next_check_at"], unique=False)
    op.create_index("ix_payments_order_id", "payments", ["order_id"], unique=False)
    op.create_index("ix_payments_user_id", "payments", ["user_id"], unique=False)


def _entitlements() -> None:
    op.create_table(
        "payments_entitlements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("product", sa.String(length=24), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["payments_orders.id"], name=op.f("fk_payments_entitlements_order_id_payments_orders")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_payments_entitlements_payment_id_payments")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["core_users.id"], name=op.f("fk_payments_entitlements_user_id_core_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments_entitlements")),
        sa.UniqueConstraint("order_id", name=op.f("uq_payments_entitlements_order_id")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_payments_entitlements_payment_id")),
    )
    op.create_index(
        "uq_payments_entitlements_live",
        "payments_entitlements",
        ["user_id", "product"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )


def _refunds() -> None:
    op.create_table(
        "payments_refunds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_ref", sa.String(length=255), nullable=True),
        sa.Column("idempotence_key", sa.String(length=64), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('requested', 'unknown', 'submitted', 'succeeded', 'canceled', 'failed')",
            name=op.f("ck_payments_refunds_status"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_refunds_amount")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_payments_refunds_payment_id_payments")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments_refunds")),
        sa.UniqueConstraint("idempotence_key", name=op.f("uq_payments_refunds_idempotence_key")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_payments_refunds_payment_id")),
        sa.UniqueConstraint("provider_ref", name=op.f("uq_payments_refunds_provider_ref")),
    )
    op.create_index("ix_payments_refunds_next_try_at", "payments_refunds", ["next_try_at"], unique=False)


def _transitions() -> None:
    op.create_table(
        "payments_transitions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("from_status", sa.String(length=24), nullable=False),
        sa.Column("to_status", sa.String(length=24), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_payments_transitions_payment_id_payments")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments_transitions")),
    )
    op.create_index("ix_payments_transitions_payment_id", "payments_transitions", ["payment_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_payments_transitions_payment_id", table_name="payments_transitions")
    op.drop_table("payments_transitions")
    op.drop_index("ix_payments_refunds_next_try_at", table_name="payments_refunds")
    op.drop_table("payments_refunds")
    op.drop_index(
        "uq_payments_entitlements_live",
        table_name="payments_entitlements",
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.drop_table("payments_entitlements")
    op.drop_index("ix_payments_user_id", table_name="payments")
    op.drop_index("ix_payments_order_id", table_name="payments")
    op.drop_index("ix_payments_next_check_at", table_name="payments")
    op.drop_table("payments")
    op.drop_index(
        "uq_payments_orders_open",
        table_name="payments_orders",
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.drop_index("ix_payments_orders_user_id", table_name="payments_orders")
    op.drop_table("payments_orders")
    op.drop_index("ix_payments_events_next_try_at", table_name="payments_events")
    op.drop_table("payments_events")
