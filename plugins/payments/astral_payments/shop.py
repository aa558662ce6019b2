"""What is for sale and how it can be paid: the products of all plugins, the YooKassa shop, who owns what."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import PluginContext, text_length
from astral_core.errors import ConfigError
from astral_payments.api import (
    CODE_LENGTH,
    CODE_PATTERN,
    DESCRIPTION_LENGTH,
    TITLE_LENGTH,
    PaymentsApi,
    Price,
    Product,
)
from astral_payments.errors import OutcomeUnknown, PaymentsError, YooKassaRejected
from astral_payments.money import STARS as XTR
from astral_payments.money import format_money
from astral_payments.settings import PaymentsSettings
from astral_payments.tables import STARS, YOOKASSA, entitlements
from astral_payments.yookassa_client import YooKassaClient

CURRENCY = {STARS: XTR, YOOKASSA: "RUB"}
LIMITS = {XTR: (1, 100_000), "RUB": (100, 35_000_000)}
"""Smallest and largest price: Telegram's for an invoice, YooKassa's for a card (1 to 350,000 roubles)."""

QUICK = aiohttp.ClientTimeout(total=10, connect=5)
PATIENT = aiohttp.ClientTimeout(total=25, connect=5)
"""QUICK where somebody waits in the chat; PATIENT elsewhere, below the 30 s that a handler has."""

LOOK_EVERY = 5.0
"""Seconds between two looks at one payment that a press asks for."""

HOOK = "astral_products"


class BadProduct(PaymentsError, ValueError):
    """A product that cannot be sold."""


def check_product(plugin: str, product: object) -> Product:
    """`product` itself.

    :raises BadProduct: it says what is wrong and how to mend it.
    """
    if not isinstance(product, Product):
        raise BadProduct(f"{HOOK} of plugin {plugin!r} gave {type(product).__name__}. Fix: give Product objects.")
    who = f"product {product.code!r} of plugin {plugin!r}"
    if not CODE_PATTERN.fullmatch(product.code) or len(product.code) > CODE_LENGTH:
        raise BadProduct(f"{who}: a code is <plugin>.<what>, of a-z 0-9 _ . -, at most {CODE_LENGTH} characters.")
    if product.code.partition(".")[0] != plugin:
        raise BadProduct(f"{who}: the code must begin with {plugin!r} and a dot.")
    _check_texts(who, "title", product.title, TITLE_LENGTH)
    _check_texts(who, "description", product.description, DESCRIPTION_LENGTH)
    currencies = [price.currency for price in product.prices]
    if not currencies or len(set(currencies)) != len(currencies):
        raise BadProduct(f"{who}: give one price for each currency, and at least one.")
    for price in product.prices:
        _check_price(who, price)
    return product


def _check_texts(who: str, name: str, texts: Mapping[str, str], limit: int) -> None:
    if "en" not in texts:
        raise BadProduct(f"{who}: its {name} has no 'en', the language of those whose own is missing.")
    for language, text in texts.items():
        if not text.strip() or text_length(text) > limit:
            raise BadProduct(f"{who}: the {name} in {language!r} must have 1 to {limit} characters.")


def _check_price(who: str, price: Price) -> None:
    if price.currency not in LIMITS:
        raise BadProduct(f"{who}: a price is in {' or '.join(LIMITS)}, not in {price.currency!r}.")
    low, high = LIMITS[price.currency]
    if isinstance(price.amount, bool) or not isinstance(price.amount, int) or not low <= price.amount <= high:
        raise BadProduct(f"{who}: a price in {price.currency} is a whole number from {low} to {high} minor units.")


def text_in(texts: Mapping[str, str], language: str) -> str:
    """The text in `language`, else the English one."""
    return texts.get(language) or texts["en"]


@dataclass
class Shop:
    """The running shop; it is also what other plugins get as `PaymentsApi`."""

    settings: PaymentsSettings
    bot_id: str
    quick: YooKassaClient | None = None
    patient: YooKassaClient | None = None
    products: dict[str, Product] = field(default_factory=dict)
    _looked: dict[int, float] = field(default_factory=dict)

    def may_look(self, payment_id: int) -> bool:
        """Whether YooKassa may be asked about a payment because somebody wants to know now; notes that it is.

        In memory: a person's presses are handled in their chat's lane, and so by one process.
        """
        moment = time.monotonic()
        self._looked = {number: at for number, at in self._looked.items() if moment - at < LOOK_EVERY}
        if payment_id in self._looked:
            return False
        self._looked[payment_id] = moment
        return True

    async def has(self, session: AsyncSession, user_id: int, product: str) -> bool:
        """Whether the user has a live, unrevoked entitlement to the product of this code."""
        query = select(entitlements.c.id).where(
            entitlements.c.user_id == user_id,
            entitlements.c.product == product,
            entitlements.c.revoked_at.is_(None),
        )
        return (await session.execute(query)).first() is not None

    def product(self, code: str) -> Product | None:
        """The product of this code; None where nobody offers it."""
        return self.products.get(code)

    def price(self, code: str) -> Price | None:
        """The price in the first way of paying that is switched on; None where the product cannot be bought now."""
        product = self.product(code)
        ways = self.ways(product) if product is not None else []
        return product.price(CURRENCY[ways[0]]) if product is not None and ways else None

    def price_text(self, code: str, language: str) -> str | None:
        """That price as a button shows it: "150 ⭐", "199 ₽"."""
        price = self.price(code)
        return format_money(price.amount, price.currency, language) if price is not None else None

    def ways(self, product: Product) -> list[str]:
        """How `product` can be paid now; Stars first."""
        ways = []
        if self.settings.stars and product.price(XTR):
            ways.append(STARS)
        if self.quick is not None and product.price("RUB"):
            ways.append(YOOKASSA)
        return ways

    def by_link(self, name: str) -> Product | None:
        """The product that a deep link names; links have no dots."""
        return next((product for code, product in self.products.items() if link_of(code) == name), None)

    def offer(self, collected: Iterable[tuple[str, Any]], ctx: PluginContext) -> None:
        """Take the products of all plugins; a wrong one is left out, with its plugin's name in the log."""
        for plugin, products in collected:
            for product in products or ():
                try:
                    checked = check_product(plugin, product)
                except BadProduct as error:
                    ctx.log.error("not for sale: %s", error)  # noqa: TRY400  # the message says all
                    continue
                if checked.code in self.products:
                    ctx.log.error("not for sale: plugin %r offers %r twice", plugin, checked.code)
                    continue
                self.products[checked.code] = checked

    def warn(self, ctx: PluginContext) -> None:
        """Tell the owner what Telegram's terms or a missing setting may cost."""
        digital = [code for code, product in self.products.items() if product.goods == "digital"]
        risky = [code for code in digital if YOOKASSA in self.ways(self.products[code])]
        if risky:
            ctx.log.warning(
                "digital products are offered for roubles inside Telegram: %s. Telegram's terms allow Stars only "
                "for digital goods; you sell them through YooKassa at your own risk. Fix: leave out the RUB price.",
                ", ".join(risky),
            )
        for code, product in self.products.items():
            if not self.ways(product):
                ctx.log.warning("product %r cannot be bought: no way of paying is set up for its prices", code)


def link_of(code: str) -> str:
    """`code` as a deep link may carry it (A-Z a-z 0-9 _ -)."""
    return code.replace(".", "-")


async def open_shop(ctx: PluginContext) -> Shop:
    """Build the shop from the settings and from what the plugins offer.

    :raises ConfigError: the YooKassa settings contradict each other or the shop.
    """
    settings = ctx.settings(PaymentsSettings)
    shop = Shop(settings, str(ctx.bot_id))
    if settings.yookassa_secret_key is not None:
        shop.quick, shop.patient = (
            YooKassaClient(
                settings.yookassa_shop_id, settings.yookassa_secret_key, settings.yookassa_api_url, ctx.http,
                timeout=timeout,
            )
            for timeout in (QUICK, PATIENT)
        )  # fmt: skip
        await _check_credentials(shop.quick, settings, ctx)
    shop.offer(ctx.collect(HOOK), ctx)
    shop.warn(ctx)
    ctx.provide(Shop, shop)
    ctx.provide(PaymentsApi, shop)
    return shop


async def _check_credentials(client: YooKassaClient, settings: PaymentsSettings, ctx: PluginContext) -> None:
    try:
        info = await client.me()
    except OutcomeUnknown as error:
        ctx.log.warning("YooKassa cannot be asked about the shop now; it is used unchecked: %s", error.cause)
        return
    except YooKassaRejected as error:
        ctx.log.error("%s. Fix: check yookassa_shop_id and yookassa_secret_key.", error)  # noqa: TRY400  # no traceback
        return
    if info.account_id != settings.yookassa_shop_id or info.test != settings.test_mode:
        raise ConfigError(
            "plugins.payments.yookassa_secret_key does not fit: YooKassa says that it is of "
            f"{'a test' if info.test else 'a live'} shop with the number {info.account_id}. Fix: take number and key "
            "from the same shop in the cabinet."
        )
