"""A shop on a bad day: calls that fail, notifications that get lost, come twice, or come late."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from astral_playground.yookassa.faults import Fault, Faults, Where

HANG = 10.5  # s: longer than the bot waits while somebody looks on
LATE = 4.0  # s
REFUND_PENDING = 2.0  # s

# What YooKassa may do to a call, and how often. What is `after` was done, though nobody heard of it.
CALLS: dict[str, tuple[int, dict[str, Any]]] = {
    "500 before": (3, {"do": "status", "http": 500}),
    "500 after": (3, {"do": "status", "http": 500, "before": False}),
    "502": (2, {"do": "html", "http": 502}),
    "502 after": (2, {"do": "html", "http": 502, "before": False}),
    "202": (2, {"do": "status", "http": 202}),
    "429": (2, {"do": "status", "http": 429, "retry_after": 2}),
    "hanging": (2, {"do": "delay", "seconds": HANG}),
    "cut before": (2, {"do": "drop_before"}),
    "cut after": (3, {"do": "drop_after"}),
    "half an answer": (3, {"do": "truncate_body"}),
}
NOTIFICATIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "lost": (4, {"do": "lose"}),
    "doubled": (3, {"do": "duplicate", "copies": 2}),
    "late": (2, {"do": "delay", "seconds": LATE}),
    "reordered": (1, {"do": "reorder"}),
}


@dataclass(frozen=True)
class Climate:
    """Shares of API calls and notifications that go wrong, and of refunds that take a while."""

    calls: float = 0.10
    notifications: float = 0.40
    slow_refunds: float = 0.15
    lost_refunds: bool = True  # whether YooKassa's notifications of refunds may get lost
    lost_stars: bool = True  # whether Telegram's updates about Stars may get lost


class Weather(Faults):
    """Faults drawn for each call, until `calm`. `losing` loses the next notification for certain."""

    def __init__(self, climate: Climate, seed: int) -> None:
        super().__init__()
        self.struck: Counter[str] = Counter()
        self.calm = False
        self.losing = False
        self.climate = climate
        self._random = random.Random(f"weather {seed}")  # noqa: S311  # it draws accidents, not secrets

    def take(self, where: Where, **facts: str) -> list[Fault]:
        """The fault of this call, if it has one."""
        if self.losing and where == "notification":
            return self._strike("notification lost", where, {"do": "lose"})
        if self.calm:
            return []
        if where == "api":
            return self._call(facts["path"])
        if where == "notification":
            return self._notification(facts["event"])
        if self._random.random() >= self.climate.slow_refunds:
            return []
        return self._strike("refund takes a while", "refund", {"do": "pending_then", "seconds": REFUND_PENDING})

    def _call(self, path: str) -> list[Fault]:
        if self._random.random() >= self.climate.calls:
            return []
        name = self._draw(CALLS)
        if name == "hanging" and path.endswith("/me"):
            return []  # that would keep a bot from starting, whose start is not what is looked at
        return self._strike(f"call {name}", "api", CALLS[name][1])

    def _notification(self, event: str) -> list[Fault]:
        if self._random.random() >= self.climate.notifications:
            return []
        name = self._draw(NOTIFICATIONS)
        if name == "lost" and event.startswith("refund.") and not self.climate.lost_refunds:
            return []
        return self._strike(f"notification {name}", "notification", NOTIFICATIONS[name][1])

    def _draw(self, menu: dict[str, tuple[int, dict[str, Any]]]) -> str:
        return self._random.choices([*menu], [weight for weight, _ in menu.values()])[0]

    def _strike(self, name: str, where: Where, fault: dict[str, Any]) -> list[Fault]:
        self.struck[name] += 1
        return [Fault.model_validate({"where": where, **fault})]
