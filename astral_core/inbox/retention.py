"""Retention: done rows are kept for dedupe, dead ones for a retry; then they go, in small batches."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.tables import DEAD, DEAD_EFFECT, DONE, core_blobs, core_facts, core_inbox, core_outbox, now
from astral_core.db.wipe import vacuum
from astral_core.inbox import notes, personal, suspects
from astral_core.inbox.store import Store

log = logging.getLogger("astral.inbox")
BATCH = 2_000
FORGOTTEN = "forgotten"  # the fact that somebody was, until the file is rewritten


async def purge(store: Store, keep_done_hours: int, keep_dead_hours: int, payments: Collection[str] = ()) -> int:
    """Delete rows done more than `keep_done_hours` ago, and what people wrote in rows dead for `keep_dead_hours`.

    A dead row itself stays for its owner to see, without its payload. `payments` are the plugins that take some.
    Return how many rows were deleted.
    """
    dead = now() - timedelta(hours=keep_dead_hours)
    await store.write(lambda connection: _forget_dead(connection, dead))
    await store.write(lambda connection: personal.forget_late(connection, payments))
    await store.write(_drop_blobs)
    await store.write(suspects.purge)
    before = now() - timedelta(hours=keep_done_hours)
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


async def compact(store: Store) -> None:
    """Rewrite SQLite's file where somebody asked to be forgotten since the last time.

    What is deleted is overwritten, but a page that was reorganised before may have kept a copy in its unused part.
    """
    if not store.database.is_sqlite:
        return
    asked = core_facts.c.name == FORGOTTEN
    async with store.database.engine.connect() as connection:
        if await connection.scalar(select(core_facts.c.value).where(asked)) is None:
            return
    if await vacuum(store.database):
        await store.write(lambda connection: connection.execute(delete(core_facts).where(asked)))
    else:
        log.info("people were forgotten, and this file is too large to be rewritten now. Fix: at a quiet hour, "
                 "`VACUUM` it; the bot may run.")  # fmt: skip


async def _forget_dead(connection: AsyncConnection, before: object) -> None:
    rows = (
        core_inbox.c.state == DEAD,
        core_inbox.c.payload.is_not(None),
        func.coalesce(core_inbox.c.done_at, core_inbox.c.received_at) < before,
    )
    await connection.execute(update(core_inbox).where(*rows).values(payload=None))
    waiting = (*notes.parked_words(), core_inbox.c.parked_for != notes.SUSPECT, core_inbox.c.received_at < before)
    why = {"state": DEAD, "payload": None, "parked_for": None, "done_at": now(),
           "error": "its plugin was away for too long"}  # fmt: skip
    await connection.execute(update(core_inbox).where(*waiting).values(why))
    messages = (core_outbox.c.state == DEAD_EFFECT, core_outbox.c.created_at < before)
    await connection.execute(delete(core_outbox).where(*messages))


async def _drop_blobs(connection: AsyncConnection) -> None:
    referred = exists().where(core_outbox.c.blob_id == core_blobs.c.id)
    await connection.execute(delete(core_blobs).where(~referred))
