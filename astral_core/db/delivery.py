"""Tables of what is said and called, beside the outbox."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, LargeBinary, String, Table, Text, text

from astral_core.db.columns import UtcDateTime, metadata, now

SLOT_WIDTH, PLACE_WIDTH = 64, 32  # characters

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

core_paced = Table(  # what a slot is to show next, where its edits are paced; the key is that of core_slots
    "core_paced",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("place", String(PLACE_WIDTH), primary_key=True),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("slot", String(SLOT_WIDTH), primary_key=True),
    Column("lane", BigInteger, nullable=False),
    Column("plugin", String(32), nullable=False),
    Column("version", BigInteger, nullable=False),  # the inbox row that wants it
    Column("every", Float, nullable=False),  # seconds between two edits
    Column("effect", Text),  # None where nothing is wanted
    Column("data", LargeBinary),  # its file
    Column("shown_at", UtcDateTime),
)
_wanted = text("effect IS NOT NULL")
Index("ix_core_paced_lane", core_paced.c.lane, sqlite_where=_wanted, postgresql_where=_wanted)
