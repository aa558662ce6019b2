"""Who gets the daily message, and on which day the next time."""

from __future__ import annotations

from astral_core import UtcDateTime, core_users, now, plugin_metadata
from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Table

metadata = plugin_metadata("tides")

subscribers = Table(
    "tides_subscribers",
    metadata,
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), primary_key=True, autoincrement=False),
    Column("next_on", Date, nullable=False),
    Column("since", UtcDateTime, nullable=False, default=now),
)
Index("ix_tides_subscribers_next_on", subscribers.c.next_on)
