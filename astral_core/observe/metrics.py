"""Prometheus metrics, in a registry of their own for each host, so that two bots in one test do not mix."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from astral_core.declare import Handled

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """All metrics of the core. Base units; no chat or user ids as labels."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = Counter(
            "astral_updates_received", "Updates stored in the inbox", ["kind"], registry=self.registry
        )
        self.duplicates = Counter("astral_updates_duplicate", "Updates delivered again", registry=self.registry)
        self.rejected = Counter(
            "astral_updates_rejected", "Posts that were not stored", ["reason"], registry=self.registry
        )
        self.done = Counter(
            "astral_updates_done", "Handled rows", ["plugin", "route", "outcome"], registry=self.registry
        )
        self.wait = Histogram(
            "astral_update_wait_seconds", "From receipt to the handler", buckets=_SECONDS, registry=self.registry
        )
        self.handler = Histogram(
            "astral_handler_seconds", "Handler time", ["plugin", "route"], buckets=_SECONDS, registry=self.registry
        )
        self.batch = Histogram(
            "astral_ingest_batch_size",
            "Operations a commit",
            buckets=(1, 2, 5, 10, 50, 100, 500),
            registry=self.registry,
        )
        self.pending = Gauge("astral_inbox_pending", "Rows not yet done", registry=self.registry)
        self.lanes = Gauge("astral_lanes", "Chats with something to do", registry=self.registry)
        self.lag = Histogram(
            "astral_event_loop_lag_seconds",
            "How late the loop's heartbeat is",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.blocked = Counter(
            "astral_event_loop_blocked", "Times the loop was blocked", ["plugin"], registry=self.registry
        )

    def handled(self, item: Handled) -> None:
        """Count one handled row."""
        self.done.labels(item.plugin, item.route, item.outcome).inc()
        self.handler.labels(item.plugin, item.route).observe(item.ms / 1000)
        self.wait.observe(item.wait_ms / 1000)

    def render(self) -> bytes:
        """The text exposition."""
        return generate_latest(self.registry)
