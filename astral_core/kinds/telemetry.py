"""Who hears of everything that was handled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Handler
from astral_core.kinds.base import Claims, Kind, Line, Owner, registered


@dataclass(frozen=True)
class TelemetrySubscriber:
    """Gets batches of `Handled` about once a second."""

    handler: Handler


class TelemetrySubscribers(Kind):
    """All of them get each batch."""

    declares = TelemetrySubscriber
    name, plural = "telemetry", "telemetry"

    def add(self, plugin: Owner, declared: TelemetrySubscriber, claims: Claims) -> str | None:
        """Check the handler."""
        del claims
        name = getattr(declared.handler, "__name__", "telemetry")
        route = registered(
            plugin, declared, TelemetrySubscribers, name, ("ctx", "batch"), what="telemetry subscriber"
        )
        self.routes[f"{plugin.id}:{name}:{len(self.routes)}"] = route
        return None

    def lines(self) -> Iterator[Line]:
        """The names of the handlers."""
        return (Line(route.name, route.plugin, None) for route in self.routes.values())
