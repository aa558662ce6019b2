"""Shipping queries: where the goods of an invoice shall go, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, registered


@dataclass(frozen=True)
class Shipping:
    """Shipping queries whose invoice payload begins with `<plugin>:`."""

    handler: Handler


class Shippings(Kind):
    """Found by whose invoice it is."""

    declares = Shipping
    name, plural = "shipping", "shippings"
    updates = frozenset(("shipping_query",))

    def add(self, plugin: Owner, declared: Shipping, claims: Claims) -> str | None:
        """A plugin has one."""
        del claims
        if plugin.id in self.routes:
            raise DeclarationError(plugin.id, "two shipping routes; a plugin has one.")
        self.routes[plugin.id] = registered(
            plugin, declared, Shippings, "shipping", ("ctx", "query"), what="shipping"
        )
        return None

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The route; nothing is charged while there is no answer."""
        if not self.routes:
            return None
        payload = str(incoming.view.invoice_payload or "")
        return incoming.of_invoice(self.routes, payload, lambda: incoming.view)
