"""A topic for each person who wrote, and the parts of albums that are on their way."""

from astral_core import UtcDateTime, core_users, now, plugin_metadata
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, String, Table, false

metadata = plugin_metadata("helpdesk")

topics = Table(
    "helpdesk_topics",
    metadata,
    Column("user_id", ForeignKey(core_users.c.id), primary_key=True, autoincrement=False),
    Column("thread_id", BigInteger, nullable=False, unique=True),  # as Telegram numbers it in the helpers' group
    Column("is_closed", Boolean, nullable=False, server_default=false()),
    Column("opened_at", UtcDateTime, nullable=False, default=now),
)

# Telegram sends each picture of an album as a message of its own. They are gone from here when the album is copied.
parts = Table(
    "helpdesk_parts",
    metadata,
    # Where they were sent. A private chat has the number of its person.
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False, info={"person": "owner"}),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("album", String(64), nullable=False),
)
