"""Jobs: what runs again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Kind, Line, Owner, registered
from astral_core.kinds.codec import is_name


@dataclass(frozen=True)
class Job:
    """Runs every `every` seconds, once among all replicas, as a durable row. `name` is a name within the plugin."""

    name: str
    every: float
    handler: Handler


class Jobs(Kind):
    """Found by `<plugin>.<name>`."""

    declares = Job
    name, plural = "job", "jobs"

    def add(self, plugin: Owner, declared: Job, claims: Claims) -> str | None:
        """Check name and interval."""
        name = f"{plugin.id}.{declared.name}"
        if not is_name(declared.name):
            raise DeclarationError(
                plugin.id, f"job {declared.name!r} must be called 1-32 of a-z 0-9 _ . in the plugin."
            )
        is_number = isinstance(declared.every, (int, float)) and not isinstance(declared.every, bool)
        if not is_number or declared.every <= 0:
            raise DeclarationError(plugin.id, f"job {declared.name!r} must run every > 0 s, not {declared.every!r}.")
        route = registered(plugin, declared, Jobs, name)
        if claims.take("job", name, plugin):
            self.routes[name] = route
        return None

    def lines(self) -> Iterator[Line]:
        """With their intervals."""
        for key, route in self.routes.items():
            yield Line(key, route.plugin, None, f"every {route.declared.every:g} s")
