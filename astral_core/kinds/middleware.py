"""What wraps every handler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Handler
from astral_core.kinds.base import Claims, Kind, Line, Owner, registered


@dataclass(frozen=True)
class Middleware:
    """Wraps every handler. Lower `order` is further out."""

    handler: Handler
    order: int = 100


class Middlewares(Kind):
    """In their order, the outermost first."""

    declares = Middleware
    name, plural = "middleware", "middleware"

    def add(self, plugin: Owner, declared: Middleware, claims: Claims) -> str | None:
        """Keep them sorted."""
        del claims
        name = getattr(declared.handler, "__name__", "middleware")
        route = registered(plugin, declared, Middlewares, name, ("ctx", "call_next"))
        self.routes[f"{plugin.id}:{name}:{len(self.routes)}"] = route
        self.routes = dict(sorted(self.routes.items(), key=lambda pair: pair[1].declared.order))
        return None

    def lines(self) -> Iterator[Line]:
        """With their order."""
        for route in self.routes.values():
            yield Line(route.name, route.plugin, None, f"order {route.declared.order}")
