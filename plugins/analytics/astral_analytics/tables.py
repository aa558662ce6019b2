"""One row for each handled update and each event."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, String, Table

from astral_core import Serial, UtcDateTime, now, plugin_metadata

metadata = plugin_metadata("analytics")

events = Table(
    "analytics_events",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False, default=now),
    Column("name", String(64), nullable=False),  # "update" for telemetry, else the event's name
    Column("plugin", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("route", String(96), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("ms", Float, nullable=False),
    Column("wait_ms", Float, nullable=False),
    Column("user_id", BigInteger, info={"person": "owner"}),  # maybe of somebody who is not stored yet
    Column("update_id", BigInteger),
    Column("error_id", String(16)),
)
Index("ix_analytics_events_at", events.c.at)
Index("ix_analytics_events_user_id", events.c.user_id)
