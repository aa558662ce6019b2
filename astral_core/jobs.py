"""Periodic jobs: each run is a durable row, unique by its time slot, so that one replica runs it once."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib

from astral_core.errors import DatabaseError, IngestRefused
from astral_core.host.registry import Registry
from astral_core.inbox.envelope import as_json
from astral_core.inbox.rows import NewRow
from astral_core.inbox.store import Store
from astral_core.inbox.work import INTERNAL

log = logging.getLogger("astral.jobs")


def lane_of(job: str) -> int:
    """A lane of the job's own, where no chat can be: below every group's id."""
    return -(2**62) - zlib.crc32(job.encode())


async def run_jobs(registry: Registry, store: Store) -> None:
    """Put every job's rows into the inbox when their time comes, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for name, (_, every) in registry.jobs.items():
            group.create_task(_repeat(name, every, store), name=f"astral-job-{name}")


async def _repeat(name: str, every: float, store: Store) -> None:
    while True:
        slot = int(time.time() // every)
        row = NewRow(f"{INTERNAL}:job", f"{name}:{slot}", lane_of(name), "job", as_json({"job": name}))
        try:
            await store.ingest(row)
        except (DatabaseError, IngestRefused) as error:
            log.warning("job %s could not be stored, trying again: %s", name, error)
            await asyncio.sleep(min(every, 5.0))
            continue
        await asyncio.sleep((slot + 1) * every - time.time())
