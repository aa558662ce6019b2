"""Messages with a certain content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import ANY, CHANNEL, PRIVATE, ChatKind, Flood, Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, RegisteredHandler, check_chat, registered
from astral_core.kinds.question import check_content

EVERYTHING = "*"  # all that people say
# A message with the first one has the second as well, for older programs: it is the first.
INCLUDED = {"animation": "document", "venue": "location"}
INSTEAD = {  # members with routes of their own
    "successful_payment": "payment",
    "refunded_payment": "refund",
    "web_app_data": "web_app_data",
}


@dataclass(frozen=True)
class Message:
    """Messages that have one of `contents`, members of the Bot API's Message; all that people say if there are none.

    With `pattern` those in whose text or caption it is found.
    """

    handler: Handler
    contents: tuple[str, ...] = ()
    pattern: str | re.Pattern[str] | None = None
    chat: ChatKind = PRIVATE
    role: str | None = None
    flood: Flood | None = None
    timeout: float | None = None


class Messages(Kind):
    """Found by what a message has; those with a pattern first, each in the order of the declarations."""

    declares = Message
    name, plural = "message", "messages"
    may_skip = True
    updates = frozenset(("message", "channel_post"))

    def __init__(self) -> None:
        super().__init__()
        self._by_content: dict[str, list[tuple[int, RegisteredHandler]]] = {}

    def add(self, plugin: Owner, declared: Message, claims: Claims) -> str | None:
        """Two plugins that take the same content without a pattern are a conflict."""
        name = "message " + ("/".join(declared.contents) or EVERYTHING)
        route = registered(
            plugin, declared, Messages, name, what=name, codec=compiled(plugin, name, declared.pattern)
        )
        check_content(plugin, name, declared.contents)
        for content in declared.contents:
            if content in INSTEAD:
                raise DeclarationError(
                    plugin.id, f"the route {name} is asked for nothing.", f"use {INSTEAD[content]}."
                )
        check_chat(plugin, name, declared.chat, ANY)
        contents = declared.contents or (EVERYTHING,)
        taken = [
            claims.take("message route", f"{content} in {str(kind.name).lower()}s", plugin, "give one a pattern=")
            for content in contents
            for kind in (declared.chat if declared.pattern is None else ())
        ]
        if all(taken):
            self.routes[f"{plugin.id}:{name}:{len(self.routes)}"] = route
            for content in contents:
                self._by_content.setdefault(content, []).append((len(self.routes), route))
        return None

    def withdraw(self, plugin: str) -> None:
        """Take out everything of `plugin`."""
        super().withdraw(plugin)
        for routes in self._by_content.values():
            routes[:] = [(number, route) for number, route in routes if route.plugin != plugin]

    def wanted(self) -> frozenset[str]:
        """Posts of channels only if somebody takes them."""
        posts = any(CHANNEL in route.chat for route in self.routes.values())
        return frozenset(("message", "channel_post") if posts else ("message",) if self.routes else ())

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The routes for what the message has. One that begins like a command is no content."""
        if not self.routes or incoming.is_command or incoming.message.is_automatic_forward:
            return None
        return (Match(route) for route in self._fitting(incoming))

    def _fitting(self, incoming: Incoming) -> Iterator[RegisteredHandler]:
        by, contents = self._by_content, set(incoming.contents)
        contents -= {less for more, less in INCLUDED.items() if more in contents}
        found: list[tuple[int, RegisteredHandler]] = []
        for content in contents & by.keys():
            found += by[content]
        if incoming.is_spoken:
            found += by.get(EVERYTHING, ())
        routes = {number: route for number, route in found if incoming.chat in route.chat}
        here = [routes[number] for number in sorted(routes)]  # in the order of the declarations
        yield from (route for route in here if route.codec is not None and route.codec.search(incoming.text))
        yield from (route for route in here if route.codec is None)

    def shown(self, key: str, route: RegisteredHandler) -> str:
        """The contents and the pattern."""
        del key
        contents = "/".join(route.declared.contents) or EVERYTHING
        return contents if route.codec is None else f"{contents} {route.codec.pattern}"


def compiled(plugin: Owner, what: str, pattern: str | re.Pattern[str] | None) -> re.Pattern[str] | None:
    """A pattern that is searched for; DeclarationError if it is none."""
    try:
        found = re.compile(pattern) if pattern is not None else None
    except re.error as error:
        raise DeclarationError(plugin.id, f"{what}: the pattern is no regular expression: {error}.") from error
    if found is not None and not isinstance(found.pattern, str):
        raise DeclarationError(plugin.id, f"{what}: the pattern is bytes.", "give a str.")
    return found
