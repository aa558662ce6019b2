"""Periodic jobs: each run is a durable row, unique by its time slot, so that one replica runs it once."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from typing import Protocol

from astral_core.errors import DatabaseError, IngestRefused
from astral_core.host.registry import Registry
from astral_core.inbox.envelope import as_json
from astral_core.inbox.rows import NewRow
from astral_core.inbox.store import Store
from astral_core.inbox.work import INTERNAL

log = logging.getLogger("astral.jobs")


class Clock(Protocol):
    """What says when a job's time has come; a test may move it on."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)


def slot_key(job: str, every: float, moment: float) -> str:
    """What makes a run unique: the job and its time slot."""
    return f"{job}:{int(moment // every)}"


def lane_of(job: str) -> int:
    """A lane of the job's own, where no chat can be: below every group's id."""
    return -(2**62) - zlib.crc32(job.encode())


async def run_jobs(registry: Registry, store: Store, clock: Clock) -> None:
    """Put every job's rows into the inbox when their time comes, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for name, (_, every) in registry.jobs.items():
            group.create_task(_repeat(name, every, store, clock), name=f"astral-job-{name}")


async def _repeat(name: str, every: float, store: Store, clock: Clock) -> None:
    while True:
        moment = clock.time()
        key = slot_key(name, every, moment)
        row = NewRow(f"{INTERNAL}:job", key, lane_of(name), "job", as_json({"job": name}))
        try:
            await store.ingest(row)
        except (DatabaseError, IngestRefused) as error:
            log.warning("job %s could not be stored, trying again: %s", name, error)
            await asyncio.sleep(min(every, 5.0))
            continue
        await clock.sleep((moment // every + 1) * every - clock.time())
