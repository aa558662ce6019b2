"""Who buys what and how, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from .goods import CARD, STARS, WARES, Ware
from .weather import Climate

# How people pay, and how often.
WAYS = {
    "card": 26,
    "stars": 22,
    "card, twice on the bank's page": 8,
    "card, the first one declined": 8,
    "both ways": 14,
    "stars, two invoices": 10,
    "stars, unheard": 4,
    "link that nobody pays": 6,
    "link that is paid late": 6,
}
ONE_PAYMENT = {
    "card": CARD, "stars": STARS, "card, twice on the bank's page": CARD, "card, the first one declined": CARD
}  # fmt: skip
SORRY = {
    CARD: {"": 50, "admin": 14, "cabinet": 14, "cabinet, unheard": 8, "cabinet, in part": 6},
    STARS: {"": 70, "admin": 18, "Telegram": 6, "Telegram, unheard": 6},
}
"""Who gives the money back afterwards, and of what the bot hears nothing; nobody mostly."""


@dataclass(frozen=True)
class Order:
    """One purchase."""

    ware: Ware
    way: str
    sorry: str = ""
    double_tap: bool = False
    comes_back: bool = False  # opens the page that the bank leads to
    asks: bool = False  # presses "I have paid"
    again: bool = False  # buys anew what was returned


@dataclass(frozen=True)
class Plan:
    """A run."""

    url: str
    folder: Path
    orders: int = 300
    replicas: int = 2
    seed: int = 1
    at_once: int = 14  # buyers who are in the shop at the same time
    climate: Climate = field(default_factory=Climate)
    mutant: str = ""
    patience: float = 90.0  # seconds until the books must agree, from when the last buyer has gone


def draw(orders: int, seed: int) -> list[list[Order]]:
    """The orders of each buyer. Nobody plans to buy a ware twice, so that a second payment of one is surplus."""
    drawn = random.Random(f"orders {seed}")  # noqa: S311  # it draws habits, not secrets
    ways = deal(WAYS, orders, drawn)
    sorry = {
        provider: deal(menu, sum(ONE_PAYMENT.get(way) == provider for way in ways), drawn)
        for provider, menu in SORRY.items()
    }
    buyers: list[list[Order]] = []
    while ways:
        wares = drawn.sample(WARES, min(len(ways), len(WARES)))
        buyers.append([_order(drawn, ware, ways.pop(), sorry) for ware in wares])
    return buyers


def deal(menu: dict[str, int], count: int, drawn: random.Random) -> list[str]:
    """`count` kinds in the shares of their weights, shuffled; each kind at least once where there is room."""
    total = sum(menu.values())
    kinds = [*menu] + [kind for kind, weight in menu.items() for _ in range(round(count * weight / total) - 1)]
    kinds = kinds[:count] + drawn.choices([*menu], [*menu.values()], k=max(0, count - len(kinds)))
    drawn.shuffle(kinds)
    return kinds


def _order(drawn: random.Random, ware: Ware, way: str, sorry: dict[str, list[str]]) -> Order:
    who = sorry[ONE_PAYMENT[way]].pop() if way in ONE_PAYMENT else ""
    return Order(
        ware, way, who, double_tap=drawn.random() < 0.3, comes_back=drawn.random() < 0.5,
        asks=drawn.random() < 0.3, again=who not in ("", "cabinet, in part") and drawn.random() < 0.3,
    )  # fmt: skip
