"""Periodic jobs: recurring due work in lanes of their own, so that of all replicas one runs each of them once."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.host.host import Host
from astral_core.inbox import due
from astral_core.inbox.due import Due
from astral_core.inbox.envelope import as_json
from astral_core.inbox.schedule import Schedule, lane_of
from astral_core.inbox.store import Store
from astral_core.kinds.job import Jobs


def job_due(name: str, every: float) -> Due:
    """The due work of a job; its first run is at once."""
    return Due(due.JOB, name, lane_of(name), "", as_json({"job": name}), schedule=Schedule(every))


async def arm_jobs(host: Host, store: Store) -> None:
    """Arm the jobs of the plugins that run; forget those that they declare no more."""
    jobs = [job_due(name, job.declared.every) for name, job in host.registry.of(Jobs).routes.items()]
    plugins = {plugin.id for plugin in host.alive}

    async def arm(connection: AsyncConnection) -> None:
        await due.keep_jobs(store.database, connection, jobs, plugins, store.shared)

    await store.write(arm)
    store.wakeup.within(0.0)
