"""One row for each order that was paid: the wish that it has brought."""

from astral_core import UtcDateTime, core_users, now, plugin_metadata
from sqlalchemy import Column, ForeignKey, String, Table

metadata = plugin_metadata("gifts")

wishes = Table(
    "gifts_wishes",
    metadata,
    Column("order_id", String(36), primary_key=True),  # of the payments plugin; it delivers an order's event again
    Column("user_id", ForeignKey(core_users.c.id), nullable=False, index=True),
    Column("code", String(24), nullable=False),
    Column("given_at", UtcDateTime, nullable=False, default=now),
    Column("taken_back_at", UtcDateTime),
)
is_kept = wishes.c.taken_back_at.is_(None)
