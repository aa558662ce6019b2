"""What becomes known of a subscriber that failed for good: an event, to the plugin whose event it was."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from astral_core.declare import Event
from astral_core.host.registry import Registry
from astral_core.inbox.envelope import as_builtins
from astral_core.inbox.rows import InboxRow, NewRow
from astral_core.inbox.work import internal_row


class EventFailed(Event, frozen=True, kw_only=True):
    """A subscriber of an event of yours failed for good: its row is a dead letter, and the admins are alerted.

    Only the plugin that declares the event is told, in the chat of the event, and so it can tell a person who waits
    for what should have followed. `event` and `data` are the event's name and fields, `plugin` is whose subscriber
    failed, `error_id` finds its traceback.
    """

    name: ClassVar[str] = "core.event_failed"
    event: str
    data: dict[str, Any]
    plugin: str
    error_id: str


def told(registry: Registry, row: InboxRow, error_id: str) -> list[NewRow]:
    """The rows that tell of the dead letter `row`, once each; none where nobody asked, or it is no event's."""
    if row.kind != "event":
        return []
    body = msgspec.json.decode(row.payload)
    failed = EventFailed(event=body["event"], data=body["data"], plugin=body["plugin"], error_id=error_id)
    owner = registry.events.get(failed.event)
    return [
        internal_row(
            "event", f"{plugin}:{name}:{row.seq}", row.lane,
            {"event": EventFailed.name, "plugin": plugin, "name": name, "data": as_builtins(failed)}, row.to,
        )
        for plugin, name in registry.listeners(EventFailed.name)
        if plugin == owner
    ]  # fmt: skip
