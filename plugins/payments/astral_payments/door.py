"""Who stands at the door of the notifications: YooKassa's addresses, and what strangers may cost.

Anybody can post to the webhook. What is about a payment that we know is always taken; the rest shares few lanes, few
waiting rows and few calls to the shop's API.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from logging import Logger
from typing import Any

from astral_core import LogThrottle, PluginContext
from astral_payments.settings import PaymentsSettings

NETWORKS = tuple(
    ip_network(text)
    for text in (
        "185.71.76.0/27", "185.71.77.0/27", "77.75.153.0/25", "77.75.154.128/25", "77.75.156.11/32",
        "77.75.156.35/32", "2a02:5180::/32",
    )
)  # fmt: skip
"""Where YooKassa's notifications come from, as its documentation says ("Входящие уведомления", IP-адреса)."""

MOST_WAITING = 200
"""Notifications about unknown payments that wait to be looked into; beyond it YooKassa is asked to come again."""

CALLS = 60
"""Calls a minute to the shop's API, in one process, for notifications about unknown payments."""


class Budget:
    """`most` a minute, in any order: what was not used is saved, but never more than that."""

    def __init__(self, most: int) -> None:
        self._most = self._left = float(most)
        self._seen = time.monotonic()

    def take(self) -> bool:
        """Whether there is one more now."""
        moment = time.monotonic()
        self._left = min(self._most, self._left + (moment - self._seen) * self._most / 60)
        self._seen = moment
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass
class Door:
    """One process's door: its budget, and which lines it wrote when."""

    settings: PaymentsSettings
    log: Logger
    calls: Budget = field(default_factory=lambda: Budget(CALLS))
    _lines: dict[str, LogThrottle] = field(default_factory=dict)

    def complain(self, kind: str, text: str, *values: Any) -> None:
        """Log `text`, once a minute for each kind: anybody can be the cause."""
        left_out = self._lines.setdefault(kind, LogThrottle())()
        if left_out is not None:
            self.log.warning(f"{text}; %d more of these were left out of the log before", *values, left_out)

    def lets_in(self, remote: str | None) -> bool:
        """Whether a notification from this address may come in."""
        if self.settings.ip_check == "off" or self._is_yookassas(remote or ""):
            return True
        self.complain(
            "address",
            "a notification came from %s, which is no address of YooKassa's (ip_check = %s). If a proxy of yours has "
            "it, name it in [web] trusted_proxies",
            remote, self.settings.ip_check,
        )  # fmt: skip
        return self.settings.ip_check == "log"

    def _is_yookassas(self, remote: str) -> bool:
        try:
            address = ip_address(remote)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        if self.settings.emulated and address.is_loopback:
            return True
        return any(address in network for network in NETWORKS)


def open_door(ctx: PluginContext) -> None:
    """Begin with a full budget."""
    ctx.provide(Door, Door(ctx.settings(PaymentsSettings), ctx.log))
