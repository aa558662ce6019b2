"""Text that nothing else took."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import ANY, CHANNEL, PRIVATE, ChatKind, Flood, Handler
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, RegisteredHandler, check_chat, registered
from astral_core.kinds.message import compiled


@dataclass(frozen=True)
class Text:
    """Messages with text that nothing else took; with `pattern` those in which it is found."""

    handler: Handler
    pattern: str | re.Pattern[str] | None = None
    chat: ChatKind = PRIVATE
    role: str | None = None
    flood: Flood | None = None
    timeout: float | None = None


class Texts(Kind):
    """Those with a pattern in their order, then the one catch-all of this kind of chat."""

    declares = Text
    name, plural = "text", "texts"
    may_skip = True
    updates = frozenset(("message", "channel_post"))

    def add(self, plugin: Owner, declared: Text, claims: Claims) -> str | None:
        """A bot has one catch-all for each kind of chat."""
        name = (
            "text" if declared.pattern is None else f"text {getattr(declared.pattern, 'pattern', declared.pattern)}"
        )
        route = registered(plugin, declared, Texts, name, what="catch-all text" if name == "text" else name,
                           codec=compiled(plugin, name, declared.pattern))  # fmt: skip
        check_chat(plugin, "catch-all text", declared.chat, ANY)
        free = [kind for kind in declared.chat if declared.pattern is not None or self._claim(plugin, kind, claims)]
        if len(free) == len(declared.chat):
            self.routes[f"{plugin.id}:{name}:{len(self.routes)}"] = route
        return None

    @staticmethod
    def _claim(plugin: Owner, kind: ChatKind, claims: Claims) -> bool:
        where = "" if kind is PRIVATE else f" of {str(kind.name).lower()}s"
        return claims.take(f"catch-all text{where}", "*", plugin, "a bot has one: disable a plugin in [host]")

    def wanted(self) -> frozenset[str]:
        """Posts of channels only if somebody takes them."""
        posts = any(CHANNEL in route.chat for route in self.routes.values())
        return frozenset(("message", "channel_post") if posts else ("message",) if self.routes else ())

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The routes that answer here; no command is text."""
        if not self.routes or incoming.is_command or incoming.message.text is None or not incoming.is_spoken:
            return None
        return (Match(route) for route in self._fitting(incoming))

    def _fitting(self, incoming: Incoming) -> Iterator[RegisteredHandler]:
        here = [route for route in self.routes.values() if incoming.chat in route.chat]
        yield from (route for route in here if route.codec is not None and route.codec.search(incoming.text))
        yield from (route for route in here if route.codec is None)

    def shown(self, key: str, route: RegisteredHandler) -> str:
        """The pattern, or * for the catch-all."""
        del key
        return route.codec.pattern if route.codec is not None else "*"
