"""The plugin's tables. Money is whole minor units with a currency; times are UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from astral_core import Serial, UtcDateTime, core_users, now, plugin_metadata

metadata = plugin_metadata("payments")

# Accounting law demands payments and what belongs to them: `privacy.py` says what of it goes with a person.
KEPT = {"person": "kept"}
OURS = {"export": False}  # secrets, and our names for things at the provider

OPEN, PAID, REFUNDED, EXPIRED = "open", "paid", "refunded", "expired"
STARS, YOOKASSA = "stars", "yookassa"

orders = Table(
    "payments_orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
    Column("product", String(24), nullable=False),
    Column("snapshot", Text, nullable=False, info={"export": "json"}),  # title and prices as they were offered
    Column("status", String(16), nullable=False, default=OPEN),
    Column("paid_payment_id", BigInteger),
    Column("invoiced_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False, default=now),
    Column("paid_at", UtcDateTime),
    CheckConstraint("status IN ('open', 'paid', 'refunded', 'expired')", name="status"),
    info=KEPT,
)
Index(
    "uq_payments_orders_open",  # one open order a user and product: a double tap finds the first one
    orders.c.user_id,
    orders.c.product,
    unique=True,
    sqlite_where=text("status = 'open'"),
    postgresql_where=text("status = 'open'"),
)
Index("ix_payments_orders_user_id", orders.c.user_id)

payments = Table(
    "payments",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("order_id", Uuid, ForeignKey(orders.c.id)),  # NULL: money with a payload that names no order
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
    Column("provider", String(16), nullable=False),
    Column("provider_ref", String(255)),  # the charge's or the payment's id at the provider
    Column("account_id", String(64), nullable=False),  # the YooKassa shop, or the bot that takes the stars
    Column("mode", String(4), nullable=False),
    Column("idempotence_key", String(64), info=OURS),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("refunded_minor", BigInteger, nullable=False, default=0),
    Column("status", String(24), nullable=False),
    Column("reason", String(64)),
    Column("confirmation_url", Text, info=OURS),
    Column("return_token", String(64), unique=True, info=OURS),
    Column("bot", String(64)),  # the way back to the chat from the return page
    Column("checks", Integer, nullable=False, default=0),
    Column("next_check_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False, default=now),
    Column("settled_at", UtcDateTime),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunded"),
    CheckConstraint("provider IN ('stars', 'yookassa')", name="provider"),
    CheckConstraint("mode IN ('live', 'test')", name="mode"),
    CheckConstraint(
        "status IN ('created', 'unknown', 'pending', 'waiting_for_capture', 'succeeded', 'canceled', 'failed')",
        name="status",
    ),
    UniqueConstraint("provider", "provider_ref"),
    UniqueConstraint("provider", "idempotence_key"),
    info=KEPT,
)
Index("ix_payments_order_id", payments.c.order_id)
Index("ix_payments_user_id", payments.c.user_id)
Index("ix_payments_next_check_at", payments.c.next_check_at)

events = Table(
    "payments_events",  # notifications: hints that something happened, kept before they are looked into
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("provider", String(16), nullable=False),
    Column("event", String(64), nullable=False),
    Column("object_id", String(64), nullable=False),
    Column("payment_ref", String(64), nullable=False),  # the payment to read: object_id, or a refund's payment_id
    Column("dedupe_key", String(64), nullable=False),
    Column("seen", Integer, nullable=False, default=1),
    Column("state", String(8), nullable=False, default="new"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_try_at", UtcDateTime),
    Column("error", Text),
    Column("received_at", UtcDateTime, nullable=False, default=now),
    CheckConstraint("state IN ('new', 'done', 'orphan', 'dead')", name="state"),
    UniqueConstraint("provider", "dedupe_key"),
)
Index("ix_payments_events_state", events.c.state, events.c.next_try_at)

transitions = Table(
    "payments_transitions",  # append only: who moved which payment from where to where
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("payment_id", BigInteger, ForeignKey(payments.c.id), nullable=False),
    Column("from_status", String(24), nullable=False),
    Column("to_status", String(24), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False, default=now),
    info=KEPT,
)
Index("ix_payments_transitions_payment_id", transitions.c.payment_id)

refunds = Table(
    "payments_refunds",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("payment_id", BigInteger, ForeignKey(payments.c.id), nullable=False, unique=True),
    Column("provider_ref", String(255), unique=True),
    Column("idempotence_key", String(64), nullable=False, unique=True, info=OURS),
    Column("amount_minor", BigInteger, nullable=False),
    Column("status", String(16), nullable=False, default="requested"),
    Column("reason", String(32), nullable=False),
    Column("actor", BigInteger, info=OURS),  # the admin who asked for it; NULL: the bot itself
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_try_at", UtcDateTime),
    Column("error", Text, info=OURS),
    Column("refused_at", UtcDateTime),  # when the provider refused first; NULL: it has not
    Column("created_at", UtcDateTime, nullable=False, default=now),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint(
        "status IN ('requested', 'unknown', 'submitted', 'succeeded', 'canceled', 'failed')", name="status"
    ),
    info=KEPT,
)
Index("ix_payments_refunds_next_try_at", refunds.c.next_try_at)

entitlements = Table(
    "payments_entitlements",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
    Column("product", String(24), nullable=False),
    Column("order_id", Uuid, ForeignKey(orders.c.id), nullable=False, unique=True),
    Column("payment_id", BigInteger, ForeignKey(payments.c.id), nullable=False, unique=True),
    Column("granted_at", UtcDateTime, nullable=False, default=now),
    Column("revoked_at", UtcDateTime),
    Column("revoke_reason", String(32)),
    info=KEPT,
)
Index(
    "uq_payments_entitlements_live",  # nobody owns a product twice: the database decides, whoever comes at once
    entitlements.c.user_id,
    entitlements.c.product,
    unique=True,
    sqlite_where=text("revoked_at IS NULL"),
    postgresql_where=text("revoked_at IS NULL"),
)

sweeps = Table(
    "payments_sweeps",  # how far the provider's lists have been read
    metadata,
    Column("provider", String(16), primary_key=True),
    Column("account_id", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False, default=0),  # transactions of Telegram's list that were read
    Column("swept_at", UtcDateTime, nullable=False),  # when the last sweep began that came to the end
)

findings = Table(
    "payments_findings",  # money that a person has to look at, so that nobody is told of it again and again
    metadata,
    Column("provider", String(16), primary_key=True),
    Column("ref", String(255), primary_key=True),
    Column("what", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("at", UtcDateTime, nullable=False, default=now),
    CheckConstraint("what IN ('held', 'contradiction')", name="what"),
)
