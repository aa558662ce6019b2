"""Prometheus metrics, in a registry of their own for each host, so that two bots in one test do not mix."""

from __future__ import annotations

import platform
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from astral_core._version import __version__
from astral_core.handled import Handled

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# The objects of the Bot API's Update, and the rows that the core makes itself. Telegram adds kinds, and who knows the
# secret may invent them: as a label each would be a time series for ever. A test compares this with the table.
_KINDS = frozenset({
    "message", "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
    "edited_business_message", "deleted_business_messages", "message_reaction", "message_reaction_count",
    "inline_query", "chosen_inline_result", "callback_query", "shipping_query", "pre_checkout_query",
    "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member", "chat_join_request", "chat_boost",
    "removed_chat_boost", "guest_message", "managed_bot", "subscription", "stopped_message_generation",
    "unreadable", "empty", "step", "event", "job",
})  # fmt: skip


def known_kind(kind: str) -> str:
    """`kind` where the Bot API or the core has it, else "other": the values of a label must be few."""
    return kind if kind in _KINDS else "other"


class Metrics:
    """All metrics of the core. Base units; no chat or user ids as labels."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._rows: dict[tuple[str, str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._calls: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._ingest()
        self._handlers()
        self._replica()
        self._telegram()
        self._process()

    def _ingest(self) -> None:
        self.received = self._counter("astral_updates_received", "Updates committed to the inbox", "kind")
        self.duplicates = self._counter("astral_updates_duplicate", "Updates that were in the inbox already")
        self.rejected = self._counter("astral_updates_rejected", "Posts and bodies that are not taken", "reason")
        sizes = (1, 2, 5, 10, 50, 100, 500)
        self.batch = self._histogram("astral_ingest_batch_size", "Operations that one commit serves", buckets=sizes)
        self.commit_seconds = self._histogram("astral_ingest_commit_seconds", "Time of one commit of the inbox")

    def _handlers(self) -> None:
        labels = ("plugin", "route", "outcome")
        self.done = self._counter(
            "astral_updates_done", "Rows by outcome: ok, refused, retry, dead, parked, emitted", *labels
        )
        self.wait = self._histogram("astral_update_wait_seconds", "From the receipt of a row to its handler")
        self.handler = self._histogram("astral_handler_seconds", "Time in the handler", "plugin", "route")
        self.waiting = self._gauge("astral_handlers_waiting", "Handlers that wait for something slow", "plugin")

    def _replica(self) -> None:
        gauge = self._gauge
        self.pending = gauge("astral_inbox_pending", "Rows that are not handled yet")
        self.full_chats = gauge("astral_full_chats", "Chats of which no more updates are taken for now")
        self.oldest_pending = gauge("astral_inbox_oldest_pending_seconds", "Age of the oldest of these rows")
        self.dead_letters = gauge("astral_dead_letters", "Rows that were given up; see `astral inbox list --dead`")
        self.outbox_pending = gauge("astral_outbox_pending", "Committed messages that are not sent yet")
        self.doubtful = self._counter(
            "astral_outbox_doubtful", "Messages of which a crash left open whether Telegram has taken them"
        )
        self.lanes = gauge("astral_lanes", "Chats that have something to do here")
        self.lanes_owned = gauge("astral_lanes_owned", "Chats that this process has claimed")
        self.fenced = self._counter("astral_fenced", "Rows whose end came too late: another process had ended them")
        self.takeovers = self._counter(
            "astral_takeovers", "Processes that were found dead, and whose chats were taken over"
        )
        self.replicas = gauge("astral_replicas", "Processes that serve this database")
        self.plugin_state = gauge("astral_plugin_state", "1 for the state of each plugin here", "plugin", "state")
        self.plugin_disagreement = gauge(
            "astral_plugin_disagreement", "1 where replicas disagree on whether a plugin runs", "plugin"
        )
        self.parked = gauge(
            "astral_inbox_parked",
            "Rows that wait: until their plugin is back, or for another try after a process died",
        )
        self.clock_off = gauge(
            "astral_clock_off_seconds", "By how much this machine's clock is ahead of the database's, which counts"
        )
        self.pool_in_use = gauge("astral_db_pool_in_use", "Connections to the database that are in use")

    def _telegram(self) -> None:
        self.telegram_requests = self._counter(
            "astral_telegram_requests", "Calls of the Bot API; code 0: no answer", "method", "code"
        )
        self.telegram_seconds = self._histogram(
            "astral_telegram_request_seconds", "Time of a call of the Bot API", "method"
        )

    def _process(self) -> None:
        self.lag = self._histogram("astral_event_loop_lag_seconds", "How late the event loop's heartbeat is")
        self.blocked = self._counter("astral_event_loop_blocked", "Times the event loop was blocked", "plugin")
        self.build_info = self._gauge("astral_build_info", "1; the labels say what runs", "version", "python")
        self.build_info.labels(__version__, platform.python_version()).set(1)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def handled(self, item: Handled) -> None:
        """Count one handled row."""
        key = (item.plugin, item.route, item.outcome)
        found = self._rows.get(key)
        if found is None:  # `labels` takes a lock and builds a tuple of strings: once for each route is enough
            found = self.done.labels(*key).inc, self.handler.labels(*key[:2]).observe
            self._rows[key] = found
        count, observe = found
        count()
        observe(item.ms / 1000)
        self.wait.observe(item.wait_ms / 1000)

    def called(self, method: str, code: int, seconds: float) -> None:
        """Count one call of the Bot API; `code` 0 where no answer came."""
        found = self._calls.get((method, code))
        if found is None:
            found = self.telegram_requests.labels(method, str(code)).inc, self.telegram_seconds.labels(method).observe
            self._calls[method, code] = found
        count, observe = found
        count()
        observe(seconds)

    def render(self) -> bytes:
        """The text exposition."""
        return generate_latest(self.registry)
