"""What other plugins import: products to sell, and who has paid for what.

A plugin offers products with the hook `astral_products`; a purchase starts with a button that calls
`named_route(BUY_ROUTE)(code=...)`. When the money has come, `OrderPaid` is emitted in the transaction that grants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import Event

Currency = Literal["XTR", "RUB"]
Goods = Literal["digital", "physical", "real_world_service"]

CODE_PATTERN = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9][a-z0-9_.-]*")
CODE_LENGTH = 24
TITLE_LENGTH = 32
DESCRIPTION_LENGTH = 128
BUY_ROUTE = "payments:buy"


@dataclass(frozen=True)
class Price:
    """An amount of money: whole stars for XTR, kopecks for RUB."""

    currency: Currency
    amount: int


@dataclass(frozen=True)
class Product:
    """Something to sell. A product is bought once a user; what it gives is granted until it is revoked.

    `code` is `<plugin>.<what>`, at most 24 characters (it goes into a button). `title` (at most 32 characters) and
    `description` (at most 128) are texts by language and must have "en". One price for each currency. `opens` is
    the callback route (`plugin:name`, without arguments) of the button under the thanks; the menu if empty.
    """

    code: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    prices: tuple[Price, ...]
    goods: Goods = field(default="digital")
    opens: str = ""

    def price(self, currency: str) -> Price | None:
        """The price in `currency`; None where the product is not sold for it."""
        return next((price for price in self.prices if price.currency == currency), None)


class OrderPaid(Event, frozen=True, kw_only=True):
    """An order was paid and its product granted. Emitted once an order, in the transaction of the grant."""

    name: ClassVar[str] = "payments.order_paid"
    order_id: str
    user_id: int
    product: str


class OrderRevoked(Event, frozen=True, kw_only=True):
    """A paid order was refunded in full and its product taken back."""

    name: ClassVar[str] = "payments.order_revoked"
    order_id: str
    user_id: int
    product: str


class PaymentsApi(Protocol):
    """`ctx.find(PaymentsApi)`; None where the payments plugin is not there."""

    async def has(self, session: AsyncSession, user_id: int, product: str) -> bool:
        """Whether the user has a live, unrevoked entitlement to the product of this code."""
        ...

    def product(self, code: str) -> Product | None:
        """The product of this code; None where nobody offers it."""
        ...

    def price(self, code: str) -> Price | None:
        """The price in the first way of paying that is switched on; None where the product cannot be bought now."""
        ...

    def price_text(self, code: str, language: str) -> str | None:
        """That price as a button shows it: "150 ⭐", "199 ₽"."""
        ...
