"""Tables of what is said and called, beside the outbox."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, Text, text

from astral_core.db.columns import UtcDateTime, metadata, now

core_once = Table(  # calls that a plugin makes once, by a key of its own, and what came of them
    "core_once",
    metadata,
    Column("plugin", String(16), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("chat_id", BigInteger, nullable=False),  # where the handler ran
    Column("user_id", BigInteger),  # for whom
    Column("method", String(64), nullable=False),
    Column("made", Boolean, nullable=False),  # Telegram has answered; else the call is under way, or in doubt
    Column("result", Text),  # as JSON; of a call that was made, None is a result that is too large
    Column("mark", String(32), nullable=False),  # of the one try that may note the result
    Column("process", String(32), nullable=False),  # who makes it: a name of core_replicas
    Column("seq", BigInteger, nullable=False),  # for which inbox row
    Column("begun_at", UtcDateTime, nullable=False, default=now),
)
Index("ix_core_once_chat_id", core_once.c.chat_id)
_person = text("user_id IS NOT NULL")
Index("ix_core_once_user_id", core_once.c.user_id, sqlite_where=_person, postgresql_where=_person)
