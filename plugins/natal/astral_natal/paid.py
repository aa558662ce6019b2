"""What the payments plugin adds where it is there: a price, a right, an event. No chart needs any of it.

The plugin is imported inside the functions: natal works where it is not installed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from astral_core import Context, Subscriber

if TYPE_CHECKING:
    from astral_payments.api import OrderPaid, OrderRevoked, Product

FULL_READING = "natal.full"
BUY_ROUTE = "payments:buy"


def is_installed() -> bool:
    """Whether the payments plugin is installed; it may still be switched off."""
    return find_spec("astral_payments") is not None


def products() -> list[Product]:
    """What this plugin sells."""
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


def subscribers(
    deliver: Callable[[OrderPaid, Context], Awaitable[None]],
    take_back: Callable[[OrderRevoked, Context], Awaitable[None]],
) -> Iterable[Subscriber[Any]]:
    """Let `deliver` learn of paid orders and `take_back` of refunded ones, where somebody can take payments."""
    if not is_installed():
        return []
    from astral_payments.api import OrderPaid, OrderRevoked

    return [Subscriber(OrderPaid, deliver), Subscriber(OrderRevoked, take_back)]


async def owns_reading(ctx: Context, user_id: int) -> bool:
    """Whether the user has paid for the full reading."""
    return await _owns(ctx, user_id) is True


async def is_given_back(ctx: Context, user_id: int) -> bool:
    """Whether the money for the full reading went back since its payment was told.

    False also where the payments plugin is away and nobody can say: that it was paid is then the last that is known.
    """
    return await _owns(ctx, user_id) is False


async def _owns(ctx: Context, user_id: int) -> bool | None:
    if not is_installed():
        return None
    from astral_payments.api import PaymentsApi

    api = ctx.api(PaymentsApi)  # type: ignore[type-abstract]  # a Protocol names the service
    return None if api is None else await api.has(ctx.session, user_id, FULL_READING)


def reading_price(ctx: Context) -> str | None:
    """Return the price as a button shows it, None where the reading cannot be bought."""
    if not is_installed():
        return None
    from astral_payments.api import PaymentsApi

    api = ctx.api(PaymentsApi)  # type: ignore[type-abstract]  # a Protocol names the service
    return api.price_text(FULL_READING, ctx.language) if api is not None and ctx.has_route(BUY_ROUTE) else None
