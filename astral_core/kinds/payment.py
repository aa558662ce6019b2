"""Successful payments of a plugin's own invoices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, registered


@dataclass(frozen=True)
class Payment:
    """Successful payments whose invoice payload begins with `<plugin>:`. A fact: parked, never dropped."""

    handler: Handler


class Payments(Kind):
    """Found by whose invoice it is. Money is never dropped in silence: without its plugin the row waits."""

    declares = Payment
    name, plural = "payment", "payments"
    updates = frozenset(("message",))
    always = True

    def add(self, plugin: Owner, declared: Payment, claims: Claims) -> str | None:
        """A plugin has one."""
        del claims
        if plugin.id in self.routes:
            raise DeclarationError(plugin.id, "two payment routes; a plugin has one.")
        self.routes[plugin.id] = registered(plugin, declared, Payments, "payment", ("ctx", "payment"), what="payment")
        return None

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """Wherever the message is."""
        fact = incoming.message.successful_payment
        if fact is None:
            return None
        return incoming.of_invoice(self.routes, fact.invoice_payload, lambda: incoming.view.successful_payment)
