"""Retention: done rows are kept for dedupe, dead ones for a retry; then they go, in small batches."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.tables import (
    DEAD,
    DEAD_EFFECT,
    DONE,
    core_blobs,
    core_chats,
    core_facts,
    core_inbox,
    core_once,
    core_outbox,
    now,
    shared_now,
)
from astral_core.db.wipe import Vacuum, shape, vacuum
from astral_core.inbox import due, once, paced, personal, row_updates, suspects
from astral_core.inbox.migrate import GONE
from astral_core.inbox.store import Store

log = logging.getLogger("astral.inbox")
BATCH = 2_000
KEEP_CHATS = timedelta(days=90)  # that a chat is known which the bot has left
FORGOTTEN = "forgotten"  # the fact that somebody was, and when last, until the file is rewritten
_TOLD = "forgotten_told"
TOLD_TIMES = 3  # days on which the owner of a file that is too large is told so


async def purge(store: Store, keep_done_hours: int, keep_dead_hours: int, payments: Collection[str] = ()) -> int:
    """Delete rows done more than `keep_done_hours` ago, and what people wrote in rows dead for `keep_dead_hours`.

    A dead row itself stays for its owner to see, without its payload. `payments` are the plugins that take some.
    Return how many rows were deleted.
    """
    moment = shared_now(store.database.engine.dialect)  # a replica whose clock is days ahead must keep what is kept
    dead = moment - timedelta(hours=keep_dead_hours)
    await store.write(lambda connection: _forget_dead(connection, dead))
    await store.write(lambda connection: personal.forget_late(connection, payments))
    await store.write(_drop_blobs)
    await store.write(suspects.purge)
    await store.write(due.purge)
    await store.write(once.purge)
    await store.write(paced.purge)
    await store.write(_forget_chats)
    before = moment - timedelta(hours=keep_done_hours)
    old = (
        select(core_inbox.c.seq)
        .where(core_inbox.c.state == DONE, core_inbox.c.done_at < before)
        .limit(BATCH)
        .scalar_subquery()
    )
    total = 0
    while True:
        result = await store.write(
            lambda connection: connection.execute(delete(core_inbox).where(core_inbox.c.seq.in_(old)))
        )
        deleted = int(result.rowcount)
        total += deleted
        if deleted < BATCH:
            return total


class _Told(msgspec.Struct):
    """What the owner was told of a file that is not rewritten: of which request, when last, and how often.

    `shape` is the file's by then: one that has changed as VACUUM does it was rewritten by its owner.
    """

    asked: str
    shape: str
    at: datetime | None = None
    times: int = 0


async def compact(store: Store) -> None:
    """Rewrite SQLite's file where somebody asked to be forgotten since the last time.

    What is deleted is overwritten, but a page that was reorganised before may have kept a copy in its unused part.
    What keeps it from that is said once a day. A file that is too large is its owner's: who has rewritten it, or was
    told often enough, hears no more until somebody else asks.
    """
    if not store.database.is_sqlite:
        return
    asked = await _fact(store, FORGOTTEN)
    if asked is None:
        return
    result = await vacuum(store.database)
    if result is Vacuum.DONE:
        await store.write(lambda connection: _end(connection, asked))
        return
    shape_now, kept = await shape(store.database), await _fact(store, _TOLD)
    told = msgspec.json.decode(kept, type=_Told) if kept else _Told(asked, shape_now)
    if told.asked != asked:
        told = _Told(asked, shape_now, told.at)
    elif _is_rewritten(told.shape, shape_now):
        await store.write(lambda connection: _end(connection, asked))
        return
    if told.at is None or not timedelta() <= now() - told.at < timedelta(days=1):  # a clock may have been set back
        told.at, told.times = now(), told.times + 1
        log.warning("people were forgotten, of whom unused parts of the database may hold a copy: %s", result.value)
    told.shape = shape_now
    await store.write(lambda connection: _remember(connection, told))
    if result is Vacuum.LARGE and told.times >= TOLD_TIMES:
        await store.write(lambda connection: _end(connection, asked))


async def _fact(store: Store, name: str) -> str | None:
    async with store.database.engine.connect() as connection:
        value: str | None = await connection.scalar(select(core_facts.c.value).where(core_facts.c.name == name))
        return value


async def _end(connection: AsyncConnection, asked: str) -> None:
    """Nothing is to be rewritten any more, unless somebody has asked meanwhile."""
    fact = (core_facts.c.name == FORGOTTEN, core_facts.c.value == asked)
    await connection.execute(delete(core_facts).where(*fact))


async def _remember(connection: AsyncConnection, told: _Told) -> None:
    await connection.execute(delete(core_facts).where(core_facts.c.name == _TOLD))
    await connection.execute(insert(core_facts).values(name=_TOLD, value=msgspec.json.encode(told).decode()))


def _is_rewritten(before: str, after: str) -> bool:
    """Whether the schema's number has changed, and the schema has not: a migration changes both."""
    return before != after and before.partition(" ")[2] == after.partition(" ")[2]


async def _forget_dead(connection: AsyncConnection, before: object) -> None:
    rows = (
        core_inbox.c.state == DEAD,
        core_inbox.c.payload.is_not(None),
        func.coalesce(core_inbox.c.done_at, core_inbox.c.received_at) < before,
    )
    await connection.execute(update(core_inbox).where(*rows).values(payload=None))
    waiting = (
        *row_updates.parked_words(),
        core_inbox.c.parked_for != row_updates.SUSPECT,
        core_inbox.c.received_at < before,
    )
    why = {"state": DEAD, "payload": None, "parked_for": None, "done_at": shared_now(connection.dialect),
           "error": "its plugin was away for too long"}  # fmt: skip
    await connection.execute(update(core_inbox).where(*waiting).values(why))
    messages = (core_outbox.c.state == DEAD_EFFECT, core_outbox.c.created_at < before)
    await connection.execute(delete(core_outbox).where(*messages))


async def _forget_chats(connection: AsyncConnection) -> None:
    """Chats in which the bot has not been for long: anybody can add it to groups and take it out again."""
    chats = core_chats.c
    since = func.coalesce(chats.status_at, chats.created_at)
    gone = (chats.status.in_(GONE), since < shared_now(connection.dialect) - KEEP_CHATS)
    await connection.execute(delete(core_once).where(core_once.c.chat_id.in_(select(chats.id).where(*gone))))
    await connection.execute(delete(core_chats).where(*gone))


async def _drop_blobs(connection: AsyncConnection) -> None:
    referred = exists().where(core_outbox.c.blob_id == core_blobs.c.id)
    await connection.execute(delete(core_blobs).where(~referred))
