"""Inline queries: what people write behind the bot's name in any chat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Flood, Handler
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, RegisteredHandler, registered
from astral_core.kinds.message import compiled
from astral_core.kinds.roles import check_group


@dataclass(frozen=True)
class Inline:
    """Inline queries; with `pattern` those in whose text it is found."""

    handler: Handler
    pattern: str | re.Pattern[str] | None = None
    role: str | None = None
    flood: Flood | None = None
    timeout: float | None = None


class InlineQueries(Kind):
    """Those with a pattern in their order, then the one without."""

    declares = Inline
    name, plural = "inline", "inline"
    may_skip = True
    updates = frozenset(("inline_query",))

    def add(self, plugin: Owner, declared: Inline, claims: Claims) -> str | None:
        """A bot has one without a pattern."""
        name = (
            "inline"
            if declared.pattern is None
            else f"inline {getattr(declared.pattern, 'pattern', declared.pattern)}"
        )
        pattern = compiled(plugin, name, declared.pattern)
        route = registered(plugin, declared, InlineQueries, name, ("ctx", "query"), what=name, codec=pattern)
        check_group(plugin.id, name, declared.role, "an inline query comes from a chat that the bot does not know")
        if pattern is not None or claims.take("inline route", "*", plugin, "give one a pattern="):
            self.routes[f"{plugin.id}:{name}:{len(self.routes)}"] = route
        return None

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The routes whose pattern fits, then the one for all."""
        query = str(incoming.view.query or "")
        routes = list(self.routes.values())
        fitting = [route for route in routes if route.codec is not None and route.codec.search(query)]
        fitting += [route for route in routes if route.codec is None]
        return (Match(route, (incoming.view,)) for route in fitting)

    def shown(self, key: str, route: RegisteredHandler) -> str:
        """The pattern, or *."""
        del key
        return route.codec.pattern if route.codec is not None else "*"
