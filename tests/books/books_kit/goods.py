"""What the stall sells; known to the bots' plugin and to the people who buy."""

from __future__ import annotations

from dataclasses import dataclass

STARS, CARD = "stars", "yookassa"  # as the tables and the buttons call the two ways
CURRENCIES = {STARS: "XTR", CARD: "RUB"}
GOODS = "Here it is: "  # the words with which the stall hands out what was bought
THANKS = "Thank you!"  # the words of the payments plugin


@dataclass(frozen=True)
class Ware:
    """A product; prices in Stars and in kopecks. No two wares cost the same, and no title contains another."""

    code: str
    title: str
    stars: int
    kopecks: int

    def price(self, way: str) -> int:
        """What it costs in a way of paying."""
        return self.stars if way == STARS else self.kopecks


WARES = (
    Ware("stall.sun", "The whole Sun", 150, 19900),
    Ware("stall.moon", "A piece of the Moon", 250, 29900),
    Ware("stall.star", "One bright star", 90, 9900),
)


def ware_of(text: str) -> Ware | None:
    """The ware whose title stands in a text."""
    return next((ware for ware in WARES if ware.title in text), None)
