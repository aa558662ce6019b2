"""Who gets the daily message, and on which day the next time."""

from astral_core import UtcDateTime, core_users, now, plugin_metadata
from sqlalchemy import Column, Date, ForeignKey, Table, select

metadata = plugin_metadata("tides")

subscribers = Table(
    "tides_subscribers",
    metadata,
    Column("user_id", ForeignKey(core_users.c.id), primary_key=True, autoincrement=False),
    Column("next_on", Date, nullable=False, index=True),
    Column("since", UtcDateTime, nullable=False, default=now),
)
# Who waits for a message, and since when the bot is blocked there.
waiting = select(subscribers.c.user_id, core_users.c.blocked_at).join(core_users).order_by(subscribers.c.user_id)
