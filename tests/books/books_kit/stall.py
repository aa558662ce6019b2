"""The plugin of the bots: it sells, hands out what was bought, and takes back what was returned.

BOOKS_EDITION changes the titles, as an owner does while people are in the middle of buying: what they open from then
on is another order of the same product. With BOOKS_MUTANT in the environment the payments plugin is made worse on
purpose, see `mutants`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from astral_core import Context, Plugin, named_route
from astral_payments.api import BUY_ROUTE, OrderPaid, Price, Product

sys.path.append(str(Path(__file__).parent.parent))  # `astral run --plugin` loads this file alone

from books_kit import mutants
from books_kit.goods import GOODS, WARES

plugin = Plugin()
buy = named_route(BUY_ROUTE)
EDITION = os.environ.get("BOOKS_EDITION", "")
mutants.apply(os.environ.get("BOOKS_MUTANT", ""))


@plugin.command("shop")
async def shop(ctx: Context) -> None:
    """The way to the products."""
    ctx.reply("Shop", [[ctx.button(ware.title, buy(code=ware.code))] for ware in WARES])


@plugin.event(OrderPaid)
async def delivered(ctx: Context, event: OrderPaid) -> None:
    """What was bought."""
    ctx.reply(f"{GOODS}{next(ware.title for ware in WARES if ware.code == event.product)}")


@plugin.hook(optional=True)
def astral_products() -> list[Product]:
    """The products, which may be paid both ways."""
    return [
        Product(
            ware.code, {"en": f"{ware.title}{EDITION}"}, {"en": "It shines for you alone"},
            (Price("XTR", ware.stars), Price("RUB", ware.kopecks)), goods="real_world_service",
        )
        for ware in WARES
    ]  # fmt: skip
