"""A payments plugin that gives away what the test says, and tells so as often as the test says."""

from __future__ import annotations

from astral_core import Plugin, named_route
from astral_natal.purchases import astral_products
from astral_payments.api import OrderPaid, OrderRevoked, PaymentsApi

plugin = Plugin(events=[OrderPaid, OrderRevoked])
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


@plugin.callback("buy/{code:slug}")
async def buy(ctx, code):
    ctx.reply(f"invoice for {code}")


@plugin.command("bought")
async def bought(ctx):
    """The button that the payments plugin puts under what was bought."""
    [product] = astral_products()
    ctx.reply("bought", [[ctx.button("Open", named_route(product.opens)())]])


@plugin.command("paid")
async def paid(ctx):
    """/paid <order> [product]"""
    OWNERS.add(ctx.user.id)
    order, product = [*ctx.args.split(), "natal.full"][:2]
    ctx.emit(OrderPaid(order_id=order, user_id=ctx.user.id, product=product))


@plugin.command("told")
async def told(ctx):
    """/told <order>: the event of a payment comes late, whatever became of its money."""
    ctx.emit(OrderPaid(order_id=ctx.args, user_id=ctx.user.id, product="natal.full"))
    ctx.reply("told")


@plugin.command("refund")
async def refund(ctx):
    """/refund <order> [quiet]: the money goes back; quiet: nobody hears of it."""
    OWNERS.discard(ctx.user.id)
    order, *words = ctx.args.split()
    if "quiet" not in words:
        ctx.emit(OrderRevoked(order_id=order, user_id=ctx.user.id, product="natal.full"))
    ctx.reply("given back")


@plugin.hook
async def astral_lifespan(ctx):
    ctx.provide(PaymentsApi, Shop())
    yield
