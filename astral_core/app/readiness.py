"""Whether this process may get traffic, and the gauges of what the database holds."""

from __future__ import annotations

import time

from sqlalchemy.pool import QueuePool

from astral_core.db.engine import Database
from astral_core.inbox.build import Inbox
from astral_core.inbox.rows import chat_of
from astral_core.observe.metrics import Metrics

FRESH = 5.0  # seconds for which "the database answers" holds
SHOWN = 5  # full chats that are named


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

    def full(self) -> list[str]:
        """What has reached its bound here, one sentence each; most of it concerns one chat or one plugin alone."""
        inbox, bulkheads = self._inbox, self._database.bulkheads
        said = ["the inbox is full: updates of all chats get 503"] if inbox.backlog.is_full else []
        chats = sorted(inbox.backlog.full_chats.items(), key=lambda item: -item[1])
        said += [f"chat {chat_of(lane)} has {count} updates waiting, more get 503" for lane, count in chats[:SHOWN]]
        said += [f"{len(chats) - SHOWN} more chats are full"] if len(chats) > SHOWN else []
        waiting, most = inbox.crowd.waiting, inbox.crowd.most
        said += [
            f"plugin {name}: {waiting[name]} handlers wait for something slow, no more than {most} may"
            for name in inbox.crowd.full
        ]
        return [*said, *(f"plugin {name}: its handlers wait for database connections" for name in bulkheads.full)]

    def gauges(self) -> None:
        """Set the gauges: of this process, and what the database said of all replicas about a second ago."""
        metrics, inbox, census = self._metrics, self._inbox, self._inbox.replica.census
        metrics.pending.set(inbox.backlog.pending)
        metrics.lanes.set(inbox.lanes.active)
        metrics.full_chats.set(len(inbox.backlog.full_chats))
        metrics.waiting.clear()
        for plugin, count in inbox.crowd.waiting.items():
            metrics.waiting.labels(plugin).set(count)
        metrics.lanes_owned.set(len(inbox.lanes))
        metrics.clock_off.set(inbox.store.shared.off())
        pool = self._database.engine.pool
        metrics.pool_in_use.set(pool.checkedout() if isinstance(pool, QueuePool) else 0)
        if census is not None:
            metrics.dead_letters.set(census.dead)
            metrics.oldest_pending.set(census.oldest)
            metrics.outbox_pending.set(census.unsent)
            metrics.replicas.set(census.replicas)
            metrics.parked.set(census.parked)
