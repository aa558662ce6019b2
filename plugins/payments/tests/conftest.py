"""A bot that sells, with both emulators over real HTTP: people buy, pay, and try what must not work."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import types
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from typing import Any

import aiohttp
import pytest
from sqlalchemy import Select, func, select

from astral_core import Context, Plugin, PluginContext, named_route
from astral_core.db.tables import DueState, core_due, core_inbox
from astral_core.inbox.schedule import lane_of
from astral_payments.api import BUY_ROUTE, OrderPaid, OrderRevoked, Price, Product
from astral_payments.tables import entitlements, payments
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.bot import BotKit, module_plugin
from astral_playground.yookassa import NotificationSettings, Shop, VirtualClock, YooKassaEmulator

SECRET = "test_very-secret-key"
GOOD_CARD = "5555555555554444"


@dataclass
class Seller:
    """A running bot with its shop, and the questions that tests ask."""

    kit: BotKit
    yookassa: YooKassaEmulator
    session: aiohttp.ClientSession
    paid: list[OrderPaid]
    revoked: list[OrderRevoked]
    prices: list[Price]

    def buyer(self, name: str = "Anna", **fields: Any) -> EmulatedUser:
        """A person with 1000 stars who speaks English."""
        return self.kit.user(name, **{"language_code": "en", "stars": 1000, **fields})

    async def admin(self, **fields: Any) -> EmulatedUser:
        """The bot's admin, who has pressed Start."""
        admin = self.kit.user("Olga", id=4242, **{"language_code": "en", **fields})
        await admin.send("/start")
        await admin.wait_for()
        return admin

    def told(self, user: EmulatedUser, words: str) -> list[str]:
        """The messages of a chat that have these words."""
        return [message.text for message in user.messages if words in message.text]

    async def rows(self, query: Select[Any]) -> list[Any]:
        """The rows of a query in the bot's database."""
        async with self.kit.running.database.engine.connect() as connection:
            return list((await connection.execute(query)).all())

    async def count(self, table: Any) -> int:
        """How many rows a table has."""
        found: int = (await self.rows(select(func.count()).select_from(table)))[0][0]
        return found

    async def execute(self, statement: Any) -> None:
        """Change the database behind the bot's back: time passes, an owner interferes."""
        async with self.kit.running.database.engine.connect() as connection:
            await connection.execute(statement)
            await connection.commit()

    async def quiet(self) -> None:
        """Wait until the bot has nothing to do."""
        await self.yookassa.idle()
        async with asyncio.timeout(15):
            while True:
                pending = select(core_inbox.c.seq).where(core_inbox.c.state == 0)
                again = select(core_due.c.id).where((core_due.c.state == DueState.FIRED) | (core_due.c.tries > 0))
                # In this order: what fails leaves the pending rows for those that are tried again.
                if not await self.rows(pending) and not await self.rows(again):
                    return
                await asyncio.sleep(0.02)  # the bot's other end: no event tells a stranger that it is idle

    async def begun(self) -> None:
        """Wait until the sweep of the start is over: it would meet the faults that a test sets."""
        first = select(core_inbox.c.seq).where(core_inbox.c.lane == lane_of("payments.sweep"))
        async with asyncio.timeout(15):
            while not await self.rows(first):  # noqa: ASYNC110  # as below
                await asyncio.sleep(0.005)
        await self.quiet()

    async def sweep(self) -> None:
        """Read the providers' lists now."""
        await self.job("payments.sweep")

    async def job(self, name: str = "payments.reconcile") -> None:
        """Run the reconciliation, or another job, now."""
        await self.kit.run_job(name)
        await self.quiet()

    async def choose(self, anna: EmulatedUser) -> None:
        """Press «buy»; the sheet with the ways to pay."""
        await anna.send("/shop")
        await anna.wait_for("Shop")
        await anna.press("Buy")
        await anna.wait_for("How do you want to pay?")

    async def choose_card(self, anna: EmulatedUser) -> None:
        """Press «buy» and «bank card»."""
        await self.choose(anna)
        await anna.press("payments:pay/sky.full/yookassa")

    async def link(self, anna: EmulatedUser) -> str:
        """Press «buy» and «bank card»; the address of the pay page."""
        await self.choose_card(anna)
        message = await anna.wait_for("The button opens")
        url: str = message.button_rows[0][0]["url"]
        return url

    async def invoice(self, anna: EmulatedUser) -> Any:
        """Press «buy» and «Stars»; the invoice's message."""
        await self.choose(anna)
        await anna.press("payments:pay/sky.full/stars")
        return await anna.wait_for(lambda message: message.invoice is not None)

    async def pay(self, url: str, card: str = GOOD_CARD) -> str:
        """Pay in a browser with a test card; where the browser is sent afterwards."""
        async with self.session.post(url, data={"preset": card}, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            return answer.headers["Location"]

    async def notify(self, body: Any, **options: Any) -> int:
        """POST anything to the webhook; the answer's status."""
        sent = {"data": body} if isinstance(body, (bytes, str)) else {"json": body}
        async with self.session.post(f"{self.kit.url}/webhook/yookassa", **sent, **options) as answer:
            return answer.status

    async def granted(self) -> int:
        """How many live entitlements there are."""
        return len(await self.rows(select(entitlements.c.id).where(entitlements.c.revoked_at.is_(None))))

    async def newest(self) -> Any:
        """The newest payment's row."""
        return (await self.rows(select(payments).order_by(payments.c.id.desc()).limit(1)))[0]

    async def states(self, table: Any) -> list[str]:
        """The states of all rows of a table, sorted."""
        column = table.c.state if "state" in table.c else table.c.status
        return sorted(row[0] for row in await self.rows(select(column)))


def seller_module(
    paid: list[OrderPaid], revoked: list[OrderRevoked], prices: list[Price], *, failing: bool
) -> types.ModuleType:
    """A plugin that sells one product, as plugins of other people do."""
    module = types.ModuleType("astral_test_sky")
    module.broken = False  # type: ignore[attr-defined]
    module.__spec__ = ModuleSpec("astral_test_sky", None)
    module.plugin = plugin = Plugin()  # type: ignore[attr-defined]

    @plugin.command("shop")
    async def shop(ctx: Context) -> None:
        ctx.show("Shop", [[ctx.button("Buy", named_route(BUY_ROUTE)(code="sky.full"))]])

    @plugin.callback("full")
    async def full(ctx: Context) -> None:
        ctx.show("All of the sky")

    @plugin.event(OrderPaid)
    async def delivered(ctx: Context, event: OrderPaid) -> None:
        if module.broken:
            raise ZeroDivisionError("a bug of the plugin that delivers")
        paid.append(event)

    @plugin.event(OrderRevoked)
    async def taken_back(ctx: Context, event: OrderRevoked) -> None:
        revoked.append(event)

    @plugin.hook(optional=True)
    def astral_products(ctx: PluginContext) -> list[Product]:
        if failing:
            raise RuntimeError("no products today")
        return [
            Product(
                "sky.full",
                {"en": "The whole sky", "ru": "Всё небо"},
                {"en": "Every star by name", "ru": "Каждая звезда по имени"},
                tuple(prices),
                opens="sky:full",
            ),
            Product("sky.broken", {"ru": "Без английского"}, {"en": "No title"}, tuple(prices)),
        ]

    return module


@contextlib.asynccontextmanager
async def selling(
    database_url: str,
    prices: Sequence[Price] = (Price("XTR", 150), Price("RUB", 19900)),
    *,
    failing: bool = False,
    web: dict[str, Any] | None = None,
    beside: Seller | None = None,
    **settings: Any,
) -> AsyncIterator[Seller]:
    """A bot that sells, with an emulated YooKassa that notifies it; or another in the shop of the bot `beside`."""
    emulated = YooKassaEmulator(shops=[Shop(secret_key=SECRET)], clock=VirtualClock())
    paid: list[OrderPaid] = []
    revoked: list[OrderRevoked] = []
    sold = list(prices)
    sys.modules["astral_test_sky"] = seller_module(paid, revoked, sold, failing=failing)
    shop = contextlib.nullcontext(beside.yookassa) if beside else emulated
    async with shop as yookassa, aiohttp.ClientSession() as session:
        section = {
            "yookassa_shop_id": "100500",
            "yookassa_secret_key": SECRET,
            "yookassa_api_url": yookassa.api_url,
            **settings,
        }
        plugins = [module_plugin("payments", "astral_payments.plugin"), module_plugin("sky", "astral_test_sky")]
        chosen = {k: v for k, v in section.items() if v is not None}
        overrides = {"plugins": {"payments": chosen}, "admins": (4242,), "web": web or {}}
        async with TelegramEmulator() as telegram:
            telegram.world.bot.username = "another_bot" if beside else "playground_bot"
            kit = BotKit(telegram, database_url, plugins, overrides)
            await kit.start()
            if not beside:  # a shop has one address
                yookassa.notifier.settings = NotificationSettings(url=f"{kit.url}/webhook/yookassa")
            running = Seller(kit, yookassa, session, paid, revoked, sold)
            try:
                await running.begun()
                yield running
            finally:
                await kit.stop()


@pytest.fixture
async def seller(database_url: str) -> AsyncIterator[Seller]:
    """A bot that sells for stars and roubles, on both engines."""
    async with selling(database_url) as running:
        yield running


@pytest.fixture
def sell(sqlite_url: str) -> Callable[..., contextlib.AbstractAsyncContextManager[Seller]]:
    """Makes a bot that sells with other prices or settings: `async with sell(prices=...) as seller`."""

    def make(**changes: Any) -> contextlib.AbstractAsyncContextManager[Seller]:
        return selling(f"{sqlite_url}-beside" if "beside" in changes else sqlite_url, **changes)

    return make


@pytest.fixture
def postgres_url(unmade_postgres_url: str) -> str:
    """The bot makes its database itself."""
    return unmade_postgres_url
