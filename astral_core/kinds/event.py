"""Subscribers to events of plugins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Event, Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Kind, Line, Owner, RegisteredHandler, registered


@dataclass(frozen=True)
class Subscriber:
    """Runs durably, once for each emitted `event`, in the lane of its chat."""

    event: type[Event]
    handler: Handler


class Subscribers(Kind):
    """Found by the event and the name of the handler; `of` has them by event."""

    declares = Subscriber
    name, plural = "event", "listens_to"

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, list[RegisteredHandler]] = {}

    def add(self, plugin: Owner, declared: Subscriber, claims: Claims) -> str | None:
        """Its rows are found by its name, so that one plugin has each name once."""
        event = declared.event
        if not (isinstance(event, type) and issubclass(event, Event)):
            raise DeclarationError(plugin.id, f"a subscriber to {event!r}, which is no Event.")
        name = f"{event.name}>{getattr(declared.handler, '__name__', 'handler')}"
        what = f"subscriber to {event.name!r}"
        route = registered(plugin, declared, Subscribers, name, ("ctx", "event"), what=what, event=event)
        claims.take(f"subscriber of plugin {plugin.id!r}", name, plugin)
        self.routes[f"{plugin.id}:{name}"] = route
        self.of.setdefault(event.name, []).append(route)
        return None

    def withdraw(self, plugin: str) -> None:
        """Take out everything of `plugin`."""
        super().withdraw(plugin)
        for routes in self.of.values():
            routes[:] = [route for route in routes if route.plugin != plugin]

    def lines(self) -> Iterator[Line]:
        """The events."""
        for route in self.routes.values():
            yield Line(route.declared.event.name, route.plugin, None)
