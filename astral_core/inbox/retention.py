"""Retention: done rows are kept for dedupe, then deleted in batches that hold no lock for long."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select

from astral_core.db.tables import DONE, core_inbox, now
from astral_core.inbox.store import Store

BATCH = 2_000


async def purge(store: Store, keep_hours: int) -> int:
    """Delete rows done more than `keep_hours` ago; return how many."""
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
