"""The core's tables. Plugins may refer to `core_users`; the rest is the core's own business."""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from astral_core.db.columns import (
    NAMING,
    Serial,
    UtcDateTime,
    created,
    metadata,
    now,
    plugin_metadata,
    shared_now,
    storable,
)
from astral_core.db.delivery import PLACE_WIDTH, SLOT_WIDTH, core_once, core_paced

# What other modules of these tables give out, so that all tables come from one place.
__all__ = [
    "NAMING", "PLACE_WIDTH", "SLOT_WIDTH", "Serial", "UtcDateTime", "core_once", "core_paced", "metadata", "now",
    "plugin_metadata", "shared_now", "storable",
]  # fmt: skip


class RowState(IntEnum):
    """`core_inbox.state`. PARKED: it waits, for its plugin or for another try, and is pending again after that."""

    PENDING = 0
    DONE = 1
    DEAD = 2
    PARKED = 3


class MessageState(IntEnum):
    """`core_outbox.state`. SENDING: noted before the call, for messages that must not be repeated."""

    UNSENT = 0
    SENT = 1
    DEAD_EFFECT = 2
    SENDING = 3


class LaneState(IntEnum):
    """`core_lanes.state`.

    FREE: nothing is pending. CLAIMED: when it was free. ADOPTED: with rows pending. HANDED_OVER: given away by a
    process that stopped. ORPHANED: its owner died, perhaps of its first row.
    """

    FREE = 0
    CLAIMED = 1
    ADOPTED = 2
    HANDED_OVER = 3
    ORPHANED = 4


class DueState(IntEnum):
    """`core_due.state`. FIRED: an inbox row was made of it, which is still to be handled."""

    WAITING = 0
    FIRED = 1


PENDING, DONE, DEAD, PARKED = RowState
UNSENT, SENT, DEAD_EFFECT, SENDING = MessageState
FREE, CLAIMED, ADOPTED, HANDED_OVER, ORPHANED = LaneState
CACHE_WIDTH, FILE_ID_WIDTH = 128, 256  # characters


core_users = Table(
    "core_users",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("first_name", String(256), nullable=False),
    Column("last_name", String(256)),
    Column("username", String(64)),
    Column("language_code", String(16)),
    Column("language", String(16)),  # chosen with /language; else language_code counts
    Column("blocked_at", UtcDateTime),
    created(),
    Column("seen_at", UtcDateTime, nullable=False, default=now),
)

core_chats = Table(  # groups and channels where the bot is, or was; private chats are in core_users
    "core_chats",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(16), nullable=False),
    Column("title", String(256)),
    Column("username", String(64)),
    Column("is_forum", Boolean, nullable=False, server_default=false()),
    Column("status", String(16)),  # ours there, as Telegram's ChatMember names it; None while nobody told
    Column("rights", Text),  # ours there: the names of what we may do, as JSON
    Column("status_at", UtcDateTime),  # when Telegram told of the status
    Column("migrated_to", BigInteger),  # the supergroup that the group has become
    created(),
)

core_inbox = Table(
    "core_inbox",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("source", String(64), nullable=False),
    Column("ext_id", String(255), nullable=False),
    Column("lane", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("express", Boolean, nullable=False, default=False),
    Column("payload", Text),
    Column("state", SmallInteger, nullable=False, default=PENDING),
    Column("attempts", SmallInteger, nullable=False, default=0),
    Column("crashes", SmallInteger, nullable=False, default=0),  # how often it was put off: it may kill processes
    Column("received_at", UtcDateTime, nullable=False, default=now),
    Column("done_at", UtcDateTime),
    Column("error_id", String(16)),
    Column("parked_for", String(16)),
    Column("error", Text),
    Column("due_at", UtcDateTime),  # when a row that was put off is tried again
    Column("address", Text),  # where it belongs, if that is more than its lane's chat
    UniqueConstraint("source", "ext_id"),
    sqlite_autoincrement=True,  # a seq is never used twice, also after retention deleted the newest rows
)
Index(
    "ix_core_inbox_pending",
    core_inbox.c.lane,
    core_inbox.c.seq,
    sqlite_where=text(f"state = {PENDING}"),
    postgresql_where=text(f"state = {PENDING}"),
)
Index("ix_core_inbox_done_at", core_inbox.c.done_at)

core_replicas = Table(  # the processes that handle this database's inbox
    "core_replicas",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(32), nullable=False),  # the application_name of all its connections
    Column("bot_id", BigInteger, nullable=False),
    Column("host", String(128), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("port", Integer, nullable=False),
    Column("version", String(32), nullable=False),
    Column("leader", Boolean, nullable=False, default=False),
    Column("started_at", UtcDateTime, nullable=False, default=now),
    Column("last_seen", UtcDateTime, nullable=False, default=now),
    Column("plugins", Text, nullable=False, server_default="{}"),  # the state of each one there
)

core_lanes = Table(  # who handles which chat; PostgreSQL only, SQLite has one process
    "core_lanes",
    metadata,
    Column("lane", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Integer, ForeignKey("core_replicas.id", ondelete="SET NULL")),
    Column("epoch", BigInteger, nullable=False),  # counts the claims: what an earlier owner still does is refused
    Column("arrivals", BigInteger, nullable=False),  # counts the rows: an owner sees that it has missed some
    Column("state", SmallInteger, nullable=False),
)
Index("ix_core_lanes_owner", core_lanes.c.owner, postgresql_where=text("owner IS NOT NULL"))
Index(
    "ix_core_lanes_orphan", core_lanes.c.lane, postgresql_where=text(f"owner IS NULL AND state <> {FREE}"),
    sqlite_where=text(f"owner IS NULL AND state <> {FREE}"),
)  # fmt: skip

core_runs = Table(  # which process began a row that may have killed another one
    "core_runs",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("process", String(32), primary_key=True),  # a name of core_replicas
    Column("began_at", UtcDateTime, nullable=False, default=now),
)

core_deaths = Table(  # the processes that died, by their name in core_replicas
    "core_deaths",
    metadata,
    Column("process", String(32), primary_key=True),
    Column("at", UtcDateTime, nullable=False, default=now),
)

core_facts = Table(  # what all replicas must know, one value a name
    "core_facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

Index(
    "ix_core_inbox_dead",
    core_inbox.c.seq,
    sqlite_where=text(f"state = {DEAD}"),
    postgresql_where=text(f"state = {DEAD}"),
)

Index(
    "ix_core_inbox_parked",
    core_inbox.c.parked_for,
    core_inbox.c.seq,
    sqlite_where=text(f"state = {PARKED}"),
    postgresql_where=text(f"state = {PARKED}"),
)

core_plugins = Table(  # what each plugin declared when it last ran: it may not even be importable now
    "core_plugins",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("distribution", String(128), nullable=False),
    Column("version", String(64), nullable=False),
    Column("declared", Text, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False, default=now),
)

core_blobs = Table(
    "core_blobs",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("data", LargeBinary, nullable=False),
)

core_outbox = Table(
    "core_outbox",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("seq", BigInteger, nullable=False),  # the inbox row that caused it
    Column("n", SmallInteger, nullable=False),  # its place among that row's effects
    Column("lane", BigInteger, nullable=False),
    Column("plugin", String(32), nullable=False),
    Column("effect", Text, nullable=False),
    Column("blob_id", BigInteger),
    Column("state", SmallInteger, nullable=False, default=UNSENT),
    Column("attempts", SmallInteger, nullable=False, default=0),
    Column("message_id", BigInteger),
    Column("error_id", String(16)),
    Column("error", Text),
    created(),
    UniqueConstraint("seq", "n"),
)
Index("ix_core_outbox_lane", core_outbox.c.lane, core_outbox.c.id)

core_dialogs = Table(
    "core_dialogs",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("place", String(PLACE_WIDTH), primary_key=True, server_default=text("''")),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("route", String(80), nullable=False),
    Column("args", Text, nullable=False),
    Column("message_id", BigInteger),  # the first message whose edit answers it
    Column("timer", String(32)),  # the mark of what closes it if nobody answers in time
    created(),
)

core_slots = Table(
    "core_slots",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("place", String(PLACE_WIDTH), primary_key=True, server_default=text("''")),
    Column(
        "user_id", BigInteger, primary_key=True, autoincrement=False, server_default=text("0")
    ),  # whose it is in a group
    Column("slot", String(SLOT_WIDTH), primary_key=True),
    Column("message_id", BigInteger, nullable=False),
    Column("photo", Boolean, nullable=False),
)

core_files = Table(
    "core_files",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", String(CACHE_WIDTH), primary_key=True),
    Column("file_id", String(FILE_ID_WIDTH), nullable=False),
    Column("user_id", BigInteger),  # whose picture it is: what it shows is forgotten with them
    created(),
    Index("ix_core_files_user_id", "user_id"),
)

core_due = Table(  # durable work that waits for its time
    "core_due",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("route", String(80), nullable=False),
    Column("lane", BigInteger, nullable=False),
    Column("key", String(255), nullable=False),
    Column("generation", Integer, nullable=False),  # counts how often it was replaced or armed again
    Column("state", SmallInteger, nullable=False, default=DueState.WAITING),
    Column("due_at", UtcDateTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("schedule", Text),  # of recurring work: when it runs next
    Column("person", BigInteger),  # with whom it is forgotten
    Column("attempts", SmallInteger, nullable=False, default=0),  # failures that were bugs
    Column("tries", Integer, nullable=False, default=0),  # failures of any kind in a row
    Column("since", UtcDateTime),  # when what failed was to be done first
    Column("address", Text),  # as in core_inbox
    UniqueConstraint("route", "lane", "key"),
    sqlite_autoincrement=True,  # a number is never used twice: inbox rows are named by it
)
_waiting = text(f"state = {DueState.WAITING}")
Index("ix_core_due_due_at", core_due.c.due_at, core_due.c.id, sqlite_where=_waiting, postgresql_where=_waiting)
_person = text("person IS NOT NULL")
Index("ix_core_due_person", core_due.c.person, sqlite_where=_person, postgresql_where=_person)
_again = text("tries > 0")
Index("ix_core_due_tries", core_due.c.tries, sqlite_where=_again, postgresql_where=_again)
_internal = text(f"state = {PENDING} AND source >= 'internal:' AND source < 'internal;'")
Index("ix_core_inbox_internal", core_inbox.c.source, sqlite_where=_internal, postgresql_where=_internal)

core_state = Table(  # what plugins keep without a table of their own; 0 is no chat, or nobody
    "core_state",
    metadata,
    Column("plugin", String(16), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),  # a number of its own for each change
    Column("value", Text, nullable=False),
    Column("saved_at", UtcDateTime, nullable=False, default=now),
)

core_roles = Table(  # the roles that the owner gave in the bot; those of astral.toml are not here
    "core_roles",
    metadata,
    Column("role", String(32), primary_key=True),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("given_by", BigInteger),
    created(),
)

core_ptb = Table(  # what bots of python-telegram-bot keep; 0 is no chat, or nobody
    "core_ptb",
    metadata,
    Column("plugin", String(16), primary_key=True),
    Column("store", String(200), primary_key=True),  # "user", "chat", "bot", or a conversation's name
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("item", LargeBinary, primary_key=True),  # a key of the dict; empty for a conversation's state
    Column("version", BigInteger, nullable=False),  # a number of its own for each change
    Column("value", LargeBinary, nullable=False),
    Column("saved_at", UtcDateTime, nullable=False, default=now),
)
for _column in (one.c[name] for one in (core_state, core_ptb) for name in ("chat_id", "user_id")):
    _given = text(f"{_column.name} <> 0")
    Index(f"ix_{_column.table.name}_{_column.name}", _column, sqlite_where=_given, postgresql_where=_given)
