"""Existing handlers of python-telegram-bot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from astral_core.botapi.table import update_kinds
from astral_core.declare import ANY
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, RegisteredHandler

if TYPE_CHECKING:
    from telegram.ext import BaseHandler


@dataclass(frozen=True)
class Raw:
    """An existing python-telegram-bot handler, asked in order after the exact routes."""

    handler: BaseHandler[Any, Any, object]


class Raws(Kind):
    """Asked in the order of the declarations; each chooses by itself."""

    declares = Raw
    name, plural = "raw", "raw"
    may_skip = True
    # A press of a button with data, and the question before a payment, have exact routes.
    updates = frozenset(update_kinds()) - {"pre_checkout_query"}

    def add(self, plugin: Owner, declared: Raw, claims: Claims) -> str | None:
        """Its callback is the library's."""
        del claims
        callback = getattr(declared.handler, "callback", None)
        if not callable(getattr(declared.handler, "check_update", None)) or not callable(callback):
            raise DeclarationError(
                plugin.id, f"raw({type(declared.handler).__name__}) cannot be run.",
                "give one of python-telegram-bot's handlers with a callback; conversations are not taken yet.",
            )  # fmt: skip
        name = getattr(callback, "__name__", "raw")
        route = RegisteredHandler(plugin.id, name, Raws.name, callback, declared, ANY)
        self.routes[f"{plugin.id}:{name}:{len(self.routes)}"] = route
        return None

    def wanted(self) -> Iterable[str]:
        """What the handlers look at."""
        from astral_core.kinds.foreign import (
            kinds_of,  # it imports python-telegram-bot, which most bots here need not
        )

        return {kind for route in self.routes.values() for kind in kinds_of(route.declared.handler)}

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The handlers that want the update."""
        query = incoming.query
        if not self.routes or (query is not None and query.data is not None):
            return None
        if not incoming.is_readable:
            return None
        return self._wanting(incoming)

    def _wanting(self, incoming: Incoming) -> Iterator[Match]:
        for route in self.routes.values():
            check = route.declared.handler.check_update(incoming.update)
            if check is not None and check is not False:
                yield Match(route, check=check)

    def shown(self, key: str, route: RegisteredHandler) -> str:
        """The handler's class and its callback."""
        del key
        return f"{type(route.declared.handler).__name__} {route.name}"
