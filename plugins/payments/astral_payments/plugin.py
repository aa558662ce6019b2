"""The payments plugin, and the hook that it brings."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from astral_core import N_, Plugin, PluginContext, Tables
from astral_payments import notices, steps, web
from astral_payments.api import OrderPaid, OrderRevoked, Product
from astral_payments.cli import payments
from astral_payments.door import open_door
from astral_payments.handlers import admin, buy, fetch, late, pages, stars, sweep
from astral_payments.health import astral_health, tell_of_test_key
from astral_payments.privacy import astral_delete_user
from astral_payments.settings import PaymentsSettings
from astral_payments.shop import open_shop
from astral_payments.tables import metadata

plugin = Plugin(
    settings=PaymentsSettings,
    tables=Tables(metadata),
    routes=[part.routes for part in (buy, stars, pages, admin, late, fetch, sweep, steps, notices, web)],
    events=[OrderPaid, OrderRevoked],
    cli=payments,
    personal=N_(
        "Your orders and payments: so that you get what you paid for. The payment itself goes through the service "
        "that you pay with; I never see your card."
    ),
    kept=N_(
        "What you bought is deleted, too. A payment that is under way is finished first. Of payments I keep number, "
        "amount and date, because the law demands it."
    ),
)
plugin.hook(astral_health)
plugin.hook(astral_delete_user)


@plugin.hookspec
def astral_products(ctx: PluginContext) -> Iterable[Product]:
    """Offer products.

    When: once, when the payments plugin starts, maybe before your own astral_lifespan. Returns: `Product`s whose
    codes begin with your plugin's id. Example:
    `return [Product("natal.full", {"en": "Full reading"}, {"en": "All planets"}, (Price("XTR", 150),))]`.
    """


@plugin.hook
async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    """Open the shop."""
    await open_shop(ctx)
    open_door(ctx)
    await tell_of_test_key(ctx)
    yield
