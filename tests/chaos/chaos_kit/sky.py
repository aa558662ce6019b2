"""A plugin that sells one thing, for the crash between a payment and what was paid for."""

from __future__ import annotations

from astral_core import Context, Event, Routes, Subscriber, Update, hookimpl
from astral_payments.api import OrderPaid, Price, Product

routes = Routes()


@routes.command("shop")
async def shop(update: Update, ctx: Context) -> None:
    """The way to the product."""
    ctx.reply("Shop", [[ctx.button("Buy", "payments:buy", code="sky.full")]])


async def delivered(event: OrderPaid, ctx: Context) -> None:
    """What was bought."""
    ctx.reply(f"The whole sky for {event.user_id}")


@hookimpl(optionalhook=True)
def astral_products() -> list[Product]:
    """The product."""
    title, description = {"en": "The whole sky"}, {"en": "Every star by name"}
    return [Product("sky.full", title, description, (Price("RUB", 19900),), goods="real_world_service")]


@hookimpl
def astral_routes() -> Routes:
    """The command."""
    return routes


@hookimpl
def astral_events() -> list[type[Event] | Subscriber[OrderPaid]]:
    """Told when it is paid."""
    return [Subscriber(OrderPaid, delivered)]
