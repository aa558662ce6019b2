"""One row for each order that was paid: the wish that it has brought."""

from __future__ import annotations

from astral_core import UtcDateTime, core_users, now, plugin_metadata
from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table

metadata = plugin_metadata("gifts")

wishes = Table(
    "gifts_wishes",
    metadata,
    Column("order_id", String(36), primary_key=True),  # of the payments plugin; it delivers an order's event again
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
    Column("code", String(24), nullable=False),
    Column("given_at", UtcDateTime, nullable=False, default=now),
    Column("taken_back_at", UtcDateTime),
)
Index("ix_gifts_wishes_user_id", wishes.c.user_id)
