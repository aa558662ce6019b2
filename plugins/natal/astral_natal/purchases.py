"""What the payments plugin adds where it is there: a price and a right. No chart needs either of them.

The plugin is imported inside the functions: natal works where it is not installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from astral_core import Context

if TYPE_CHECKING:
    from astral_payments.api import PaymentsApi, Product

FULL_READING = "natal.full"
BUY_ROUTE = "payments:buy"


def is_installed() -> bool:
    """Whether the payments plugin is installed; it may still be switched off."""
    return find_spec("astral_payments") is not None


def astral_products() -> list[Product]:
    """What this plugin sells; the payments plugin asks."""
    from astral_payments.api import Price, Product

    return [
        Product(
            code=FULL_READING,
            title={"en": "Full natal chart reading", "ru": "Полный разбор натальной карты"},
            description={
                "en": "Character, feelings, mind, love, work and growth. Edit your birth data, and it is renewed "
                "at no cost.",
                "ru": "Характер, чувства, ум, любовь, дело и рост. Уточните данные о рождении, и разбор обновится "
                "бесплатно.",
            },
            prices=(Price("XTR", 150), Price("RUB", 19900)),
            opens="natal:reading",
        )
    ]


async def owns_reading(ctx: Context, user_id: int) -> bool:
    """Whether the user has paid for the full reading."""
    return await _owns(ctx, user_id) is True


async def is_given_back(ctx: Context, user_id: int) -> bool:
    """Whether the money for the full reading went back since its payment was told.

    False also where the payments plugin is away and nobody can say: that it was paid is then the last that is known.
    """
    return await _owns(ctx, user_id) is False


async def _owns(ctx: Context, user_id: int) -> bool | None:
    payments = _payments(ctx)
    return None if payments is None else await payments.has(ctx.session, user_id, FULL_READING)


def reading_price(ctx: Context) -> str | None:
    """Return the price as a button shows it, None where the reading cannot be bought."""
    payments = _payments(ctx)
    return payments.price_text(FULL_READING, ctx.language) if payments and ctx.has_route(BUY_ROUTE) else None


def _payments(ctx: Context) -> PaymentsApi | None:
    if not is_installed():
        return None
    from astral_payments.api import PaymentsApi

    return ctx.find(PaymentsApi)
