"""Retention: done rows are kept for dedupe, then deleted in batches that hold no lock for long."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.tables import DONE, core_blobs, core_inbox, core_outbox, now
from astral_core.inbox.store import Store

BATCH = 2_000


async def purge(store: Store, keep_hours: int) -> int:
    """Delete rows done more than `keep_hours` ago, and files of dropped messages; return how many rows."""
    await store.write(_drop_blobs)
    before = now() - timedelta(hours=keep_hours)
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


async def _drop_blobs(connection: AsyncConnection) -> None:
    referred = exists().where(core_outbox.c.blob_id == core_blobs.c.id)
    await connection.execute(delete(core_blobs).where(~referred))
