"""One row for each reminder that is not done."""

from astral_core import Serial, UtcDateTime, core_users, plugin_metadata
from sqlalchemy import Column, ForeignKey, String, Table

metadata = plugin_metadata("reminders")

items = Table(
    "reminders_items",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("user_id", ForeignKey(core_users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("text", String(300), nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,  # a number is never used twice: old buttons name it
)
