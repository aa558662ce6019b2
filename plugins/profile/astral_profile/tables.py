"""Profiles, and the wizard's state of those who are still answering."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    text,
)

from astral_core import Serial, UtcDateTime, core_users, now, plugin_metadata

metadata = plugin_metadata("profile")

profiles = Table(
    "profile_profiles",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), nullable=False),
    Column("label", String(64), nullable=False, default=""),  # "" is the user's own profile
    Column("active", Boolean, nullable=False, default=True),
    Column("birth_date", Date, nullable=False),
    Column("birth_time", Time),  # None where it is not known
    Column("place_name", String(200), nullable=False),
    Column("country", String(2), nullable=False),
    Column("latitude", Double, nullable=False),
    Column("longitude", Double, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("population", Integer, nullable=False),
    Column("fold", SmallInteger),
    Column("offset_seconds", Integer),
    Column("created_at", UtcDateTime, nullable=False, default=now),
    Column("updated_at", UtcDateTime, nullable=False, default=now),
)
Index("ix_profile_profiles_user_id", profiles.c.user_id)
# A user has one active profile at most, whatever two replicas do at the same moment.
Index(
    "uq_profile_profiles_active",
    profiles.c.user_id,
    unique=True,
    sqlite_where=text("active"),
    postgresql_where=text("active"),
)

drafts = Table(
    "profile_drafts",
    metadata,
    Column("user_id", BigInteger, ForeignKey(core_users.c.id), primary_key=True, autoincrement=False),
    Column("data", Text, nullable=False, info={"export": "json"}),  # a `draft.Draft` as JSON
    Column("updated_at", UtcDateTime, nullable=False, default=now),
)
Index("ix_profile_drafts_updated_at", drafts.c.updated_at)
