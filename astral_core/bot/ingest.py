"""The way in, shared by webhook and polling: classify, store durably, say what may be answered at once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from astral_core.bot.chats import Chats
from astral_core.bot.people import People
from astral_core.db.tables import DEAD
from astral_core.errors import ChatFull, UnreadableUpdate
from astral_core.host.registry import Registry
from astral_core.inbox.envelope import UNREADABLE, ChatFacts, Sender, open_envelope
from astral_core.inbox.money import has_payment
from astral_core.inbox.rows import NewRow, chat_of
from astral_core.inbox.store import Store
from astral_core.observe.logs import LogThrottle
from astral_core.observe.metrics import Metrics, known_kind

log = logging.getLogger("astral.bot")


@dataclass
class Ingest:
    """Stores updates of one bot. `source` makes update ids unique among bots."""

    store: Store
    people: People
    chats: Chats
    registry: Registry
    metrics: Metrics
    source: str
    _complain: LogThrottle = field(default_factory=LogThrottle)
    _unreadable: LogThrottle = field(default_factory=LogThrottle)

    async def take(self, body: bytes, *, polled: bool = False) -> str | None:
        """Commit the update in `body`; then return the id of a button press that may be answered at once.

        Returns after the commit. A body that is no update is kept as a dead row, so that its sender stops
        repeating it. Raises IngestRefused or DatabaseError where the sender shall repeat it.

        A `polled` update comes again only with all others: if its chat is full, it waits behind the chat's share, and
        if too many wait there, it becomes a dead letter without its content.
        """
        try:
            envelope = open_envelope(body)
        except UnreadableUpdate as error:
            if (left_out := self._unreadable()) is not None:
                log.warning(
                    "an update cannot be read and is set aside: %s (%d lines like this were left out)",
                    error,
                    left_out,
                )
            self.metrics.rejected.labels("unreadable").inc()
            row = NewRow(self.source, error.ext_id, 0, UNREADABLE, error.payload, state=DEAD, error=str(error))
            await self.store.ingest(row)
            return None
        changed, chat = self._changed(envelope.sender), self._new_chat(envelope.chat)
        row = NewRow(
            self.source, envelope.ext_id, envelope.lane, envelope.kind, envelope.payload, envelope.express,
            user=envelope.sender.columns() if changed and envelope.sender else None,
            chat=chat.columns() if chat is not None else None, to=envelope.to,
        )  # fmt: skip
        try:
            stored = await self.store.ingest(row, aside=polled)
        except ChatFull as full:
            if has_payment(row.payload):  # somebody else in that chat may have paid
                stored = await self.store.ingest(row, always=True)
            else:
                self._tell(full, polled=polled)
                if not polled:
                    raise
                await self.store.ingest(_without_content(row, full))
                return None
        if stored is None:
            self.metrics.duplicates.inc()  # the answer to the first delivery may have been lost: answer again
        else:
            self.metrics.received.labels(known_kind(envelope.kind)).inc()
        if changed and envelope.sender:
            self.people.users.drop(envelope.sender.id)
            self.people.seen.put(envelope.sender.id, envelope.sender)
        if chat is not None:
            self.chats.seen.put(chat.id, chat)
        if envelope.callback_id and self.registry.is_answered_at_once(envelope.callback_data or ""):
            return envelope.callback_id
        return None

    def _tell(self, full: ChatFull, *, polled: bool) -> None:
        """Count an update that its full chat keeps out; one line a minute, because one chat can be the cause."""
        self.metrics.rejected.labels("chat").inc()
        if self._complain() is not None:
            fate = "are dead letters without their content" if polled else "get 503"
            log.warning(
                "chat %d has %d updates waiting; more of it %s until some are handled. Other chats are not touched. "
                "Fix: `astral inbox list` shows what waits; find out why it is slow, or raise [inbox] max_chat.",
                chat_of(full.lane), full.waiting, fate,
            )  # fmt: skip

    def _new_chat(self, chat: ChatFacts | None) -> ChatFacts | None:
        """A group or channel that the database may know not at all, or otherwise than now."""
        return chat if chat is not None and self.chats.seen.get(chat.id) != chat else None

    def _changed(self, sender: Sender | None) -> bool:
        """Whether the database may know this person not at all, or otherwise than now."""
        return sender is not None and self.people.seen.get(sender.id) != sender


def _without_content(row: NewRow, full: ChatFull) -> NewRow:
    """The dead letter of an update for which its chat has no room."""
    error = f"{full}: there was no room for it, and what it said is not kept"
    return NewRow(row.source, row.ext_id, row.lane, row.kind, "{}", state=DEAD, error=error)
