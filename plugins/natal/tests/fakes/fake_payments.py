"""A payments plugin that gives away what the test says, and tells so as often as the test says."""

from __future__ import annotations

from astral_core import Routes, hookimpl
from astral_natal.plugin import astral_products
from astral_payments.api import OrderPaid, OrderRevoked, PaymentsApi

routes = Routes()
OWNERS: set[int] = set()


class Shop:
    async def has(self, session, user_id, product):
        return product == "natal.full" and user_id in OWNERS

    def product(self, code):
        return next((product for product in astral_products() if product.code == code), None)

    def price(self, code):
        product = self.product(code)
        return product.price("XTR") if product else None

    def price_text(self, code, language):
        price = self.price(code)
        return f"{price.amount} ⭐" if price else None


@routes.callback("buy/{code:slug}")
async def buy(update, ctx, code):
    ctx.reply(f"invoice for {code}")


@routes.command("bought")
async def bought(update, ctx):
    """The button that the payments plugin puts under what was bought."""
    [product] = astral_products()
    ctx.reply("bought", [[ctx.button("Open", product.opens)]])


@routes.command("paid")
async def paid(update, ctx):
    """/paid <order> [product]"""
    OWNERS.add(ctx.user.id)
    order, product = [*ctx.args, "natal.full"][:2]
    ctx.emit(OrderPaid(order_id=order, user_id=ctx.user.id, product=product))


@routes.command("told")
async def told(update, ctx):
    """/told <order>: the event of a payment comes late, whatever became of its money."""
    ctx.emit(OrderPaid(order_id=ctx.args[0], user_id=ctx.user.id, product="natal.full"))
    ctx.reply("told")


@routes.command("refund")
async def refund(update, ctx):
    """/refund <order> [quiet]: the money goes back; quiet: nobody hears of it."""
    OWNERS.discard(ctx.user.id)
    if "quiet" not in ctx.args:
        ctx.emit(OrderRevoked(order_id=ctx.args[0], user_id=ctx.user.id, product="natal.full"))
    ctx.reply("given back")


@hookimpl
def astral_routes():
    return routes


@hookimpl
def astral_events():
    return [OrderPaid, OrderRevoked]


@hookimpl
async def astral_lifespan(ctx):
    ctx.provide(PaymentsApi, Shop())
    yield
