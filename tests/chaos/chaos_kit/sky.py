"""A plugin that sells one thing, for the crash between a payment and what was paid for."""

from __future__ import annotations

from astral_core import Context, Plugin, named_route
from astral_payments.api import BUY_ROUTE, OrderPaid, Price, Product

plugin = Plugin()
buy = named_route(BUY_ROUTE)


@plugin.command("shop")
async def shop(ctx: Context) -> None:
    """The way to the product."""
    ctx.reply("Shop", [[ctx.button("Buy", buy(code="sky.full"))]])


@plugin.event(OrderPaid)
async def delivered(ctx: Context, event: OrderPaid) -> None:
    """What was bought."""
    ctx.reply(f"The whole sky for {event.user_id}")


@plugin.hook(optional=True)
def astral_products() -> list[Product]:
    """The product."""
    title, description = {"en": "The whole sky"}, {"en": "Every star by name"}
    return [Product("sky.full", title, description, (Price("RUB", 19900),), goods="real_world_service")]
