"""Refunds of a plugin's own invoices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, registered


@dataclass(frozen=True)
class RefundedPayment:
    """Refunds whose invoice payload begins with `<plugin>:`. A fact: parked, never dropped."""

    handler: Handler


class Refunds(Kind):
    """Found by whose invoice it is. Money is never dropped in silence: without its plugin the row waits."""

    declares = RefundedPayment
    name, plural = "refund", "refunds"
    updates = frozenset(("message",))
    always = True

    def add(self, plugin: Owner, declared: RefundedPayment, claims: Claims) -> str | None:
        """A plugin has one."""
        del claims
        if plugin.id in self.routes:
            raise DeclarationError(plugin.id, "two refund routes; a plugin has one.")
        self.routes[plugin.id] = registered(plugin, declared, Refunds, "refund", ("ctx", "refund"), what="refund")
        return None

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """Wherever the message is."""
        fact = incoming.message.refunded_payment
        if fact is None:
            return None
        return incoming.of_invoice(self.routes, fact.invoice_payload, lambda: incoming.view.refunded_payment)
