"""Pre-checkout queries: whether a payment may go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, registered


@dataclass(frozen=True)
class PreCheckout:
    """Pre-checkout queries whose invoice payload begins with `<plugin>:`."""

    handler: Handler


class PreCheckouts(Kind):
    """Found by whose invoice it is; while that plugin is away the payment is declined, and costs nothing."""

    declares = PreCheckout
    name, plural = "pre_checkout", "pre_checkouts"
    updates = frozenset(("pre_checkout_query",))
    always = True

    def add(self, plugin: Owner, declared: PreCheckout, claims: Claims) -> str | None:
        """A plugin has one."""
        del claims
        if plugin.id in self.routes:
            raise DeclarationError(plugin.id, "two pre_checkout routes; a plugin has one.")
        self.routes[plugin.id] = registered(
            plugin, declared, PreCheckouts, "pre_checkout", ("ctx", "query"), what="pre_checkout"
        )
        return None

    def find(self, incoming: Incoming) -> Iterator[Match] | Match | None:
        """The route, or the core's own answer."""
        if incoming.query is None:  # of a form that is not known
            return None
        payload = incoming.query.invoice_payload
        route = self.routes.get(payload.partition(":")[0])
        return Match(route, (incoming.view,)) if route is not None else self._unknown(incoming, payload)

    @staticmethod
    def _unknown(incoming: Incoming, payload: str) -> Iterator[Match]:
        """An invoice of no route here: a bot of python-telegram-bot may have sent it."""
        yield from incoming.foreign()
        yield incoming.declined(payload)
