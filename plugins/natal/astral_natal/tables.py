"""The plugin's tables. Both hold personal data: charts say when and where somebody was born."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text, UniqueConstraint

from astral_core import Serial, UtcDateTime, core_users, now, plugin_metadata

metadata = plugin_metadata("natal")

natal_charts = Table(
    "natal_charts",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
    Column("profile_id", BigInteger, nullable=False),
    Column("key", String(64), nullable=False),
    Column("chart", Text, nullable=False, info={"export": "json"}),
    Column("theme", String(16), nullable=False),  # the one the user looked at last
    Column("created_at", UtcDateTime, nullable=False, default=now),
    Column("updated_at", UtcDateTime, nullable=False, default=now),
    UniqueConstraint("user_id", "profile_id", "key"),
)

# A paid reading is stored before it is sent. A row without a key is paid but waits for birth data to read.
natal_readings = Table(
    "natal_readings",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
    Column("order_id", String(64), unique=True),  # the payment that it answers; NULL for a later re-creation
    Column("key", String(64)),
    Column("language", String(16)),
    Column("messages", Text, info={"export": "json"}),  # a list of HTML texts
    Column("created_at", UtcDateTime, nullable=False, default=now),
)
Index("ix_natal_readings_user_id_key", natal_readings.c.user_id, natal_readings.c.key)
