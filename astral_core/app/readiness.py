"""Whether this process may get traffic, and the gauges of what the database holds."""

from __future__ import annotations

import time

from sqlalchemy.pool import QueuePool

from astral_core.db.engine import Database
from astral_core.inbox.build import Inbox
from astral_core.observe.metrics import Metrics

FRESH = 5.0  # seconds for which "the database answers" holds


class Readiness:
    """Answers /readyz, and sets the gauges when /metrics is read."""

    def __init__(self, inbox: Inbox, database: Database, metrics: Metrics) -> None:
        self._inbox = inbox
        self._database = database
        self._metrics = metrics
        self._serving = False

    @property
    def serving(self) -> bool:
        """Whether this process handles updates."""
        return self._serving

    def begin(self) -> None:
        """All parts run."""
        self._serving = True

    def end(self) -> None:
        """The process stops."""
        self._serving = False

    async def points(self) -> dict[str, bool]:
        """What is needed to get traffic, each point true or false."""
        fresh = time.monotonic() - self._inbox.replica.counted < FRESH
        return {
            "serving": self._serving,
            "registered": self._inbox.lease.number is not None,
            "database": fresh and not self._inbox.store.failing,
        }

    def gauges(self) -> None:
        """Set the gauges: of this process, and what the database said of all replicas about a second ago."""
        metrics, inbox, census = self._metrics, self._inbox, self._inbox.replica.census
        metrics.pending.set(inbox.backlog.pending)
        metrics.lanes.set(inbox.lanes.active)
        metrics.lanes_owned.set(len(inbox.lanes))
        pool = self._database.engine.pool
        metrics.pool_in_use.set(pool.checkedout() if isinstance(pool, QueuePool) else 0)
        if census is not None:
            metrics.dead_letters.set(census.dead)
            metrics.oldest_pending.set(census.oldest)
            metrics.outbox_pending.set(census.unsent)
            metrics.replicas.set(census.replicas)
            metrics.parked.set(census.parked)
