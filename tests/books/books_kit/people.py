"""The buyers and the owner: what they press, pay and give back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.errors import PageError
from astral_playground.telegram.methods.payments import refund_star_payment
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message
from astral_playground.yookassa import YooKassaEmulator

from .accounts import Journal, Tables
from .goods import CARD, GOODS, STARS, THANKS, Ware, ware_of
from .plan import ONE_PAYMENT, Order
from .weather import Weather

GOOD_CARD, POOR_CARD = "5555555555554444", "5555555555554600"
SHOP_PATIENCE = 20.0  # seconds until a buyer goes away who gets no answer
LINK_PATIENCE = 30.0  # until then the bot promises to send a link that is slow to come
ARRIVAL_PATIENCE = 40.0  # until the owner gives up to return what has not arrived
PART = 5000  # kopecks that the owner gives back where a buyer keeps the ware
DOUBLE_TAP = 5.2  # seconds: two presses within 5 s are one
HELD = "orderId="


class Left(Exception):
    """A buyer or the owner went away without having done it."""


@dataclass
class Market:
    """The place where all meet."""

    telegram: TelegramEmulator
    yookassa: YooKassaEmulator
    weather: Weather
    tables: Tables
    http: aiohttp.ClientSession
    owner: EmulatedUser
    journal: Journal = field(default_factory=Journal)
    later: list[str] = field(default_factory=list)  # payments that the owner returns when the day is over
    _desk: asyncio.Lock = field(default_factory=asyncio.Lock)

    def overhear(self) -> None:
        """Write into the journal what the bot says from now on."""
        self.telegram.world.listen(self._heard)

    def _heard(self, name: str, data: dict[str, Any]) -> None:
        if name not in ("message", "edit") or data["message"].sender != "bot":
            return
        message: Message = data["message"]
        ware = ware_of(message.text)
        if ware is None:
            return
        cell = (message.chat_id, ware.code)
        if HELD in (url := link_of(message)):
            self.journal.owners[url.partition(HELD)[2]] = cell
        if name == "message":
            self.journal.thanks[cell] += THANKS in message.text
            self.journal.goods[cell] += GOODS in message.text

    async def give_back(self, ref: str, who: str) -> None:
        """The owner returns a payment: by the bot's command, or in the shop's cabinet, wholly or in part."""
        if who == "admin":
            await self._command(ref)
            return
        if who == "cabinet, unheard":
            self.later.append(ref)
            return
        if who.startswith("Telegram"):
            self._by_telegram(ref, unheard=who.endswith(", unheard"))
        else:
            await self.in_cabinet(ref, whole=not who.endswith(", in part"))
        self.journal.figures[f"returned by {who.removesuffix(', unheard')}"] += 1

    def _by_telegram(self, ref: str, *, unheard: bool) -> None:
        """Telegram's support returns Stars; the bot did not ask for it."""
        self.journal.asked.add(ref)
        world = self.telegram.world
        user = world.payments[ref].user_id
        refund_star_payment(world, Params({"user_id": str(user), "telegram_payment_charge_id": ref}))
        if unheard:
            self.lose_update(user)

    def lose_update(self, user: int) -> None:
        """The newest update of a person never arrives, as if the bot had been away for a day."""
        newest = self.telegram.world.updates.latest_of(user)
        if newest is not None and self.weather.climate.lost_stars:
            self.telegram.world.updates.forget(newest, "lost")
            self.journal.figures["updates about Stars lost"] += 1

    async def return_later(self) -> None:
        """What the owner returns in the cabinet when all is quiet; YooKassa tells nobody of it."""
        for ref in self.later:
            self.weather.losing = self.weather.climate.lost_refunds
            try:
                await self.in_cabinet(ref, whole=True)
            finally:
                self.weather.losing = False
            self.journal.figures["returned by cabinet when all was quiet"] += 1

    async def in_cabinet(self, ref: str, *, whole: bool) -> None:
        """The owner returns a payment, or a part of it, by hand."""
        kopecks = self.yookassa.bank.payment(ref).amount if whole else PART
        if whole:
            self.journal.asked.add(ref)
        else:
            self.journal.by_hand[ref] = kopecks
        body = {"payment_id": ref, "amount": {"value": f"{kopecks / 100:.2f}", "currency": "RUB"}}
        url = f"{self.yookassa.control_url}/refunds/cabinet"
        head = {"Authorization": f"Bearer {self.yookassa.control_token}"}
        async with self.http.post(url, json=body, headers=head) as answer:
            if answer.status != 200:
                raise RuntimeError(f"the emulated cabinet refuses a refund: {await answer.text()}")

    async def _command(self, ref: str) -> None:
        number = await within(ARRIVAL_PATIENCE, lambda: self.tables.number(ref))
        async with self._desk:
            self.journal.asked.add(ref)
            await self.owner.send(f"/refund {number}")
            await answered(self.owner, lambda message: str(number) in message.text, SHOP_PATIENCE)
        self.journal.figures["returned by admin"] += 1


@dataclass
class Buyer:
    """A person with a list of wishes."""

    user: EmulatedUser
    market: Market

    async def shop(self, orders: list[Order]) -> None:
        """All orders, one after the other."""
        for order in orders:
            try:
                await self._buy(order)
            except (Left, LookupError, PageError):  # no answer in time, or buttons that have gone: they leave
                self.market.journal.figures["orders given up"] += 1

    async def _buy(self, order: Order) -> None:
        pays = {
            "both ways": self._both, "stars, two invoices": self._two_invoices,
            "stars, unheard": self._unheard, "link that nobody pays": self._link,
            "link that is paid late": self._late,
        }  # fmt: skip
        if order.way in pays:
            await pays[order.way](order)
            return
        ref = await self._pay_once(order)
        if not order.sorry:
            return
        await self.market.give_back(ref, order.sorry)
        if order.again and ref not in self.market.later:
            await within(ARRIVAL_PATIENCE, lambda: self._may_buy(order.ware))
            await self._pay_once(order)

    async def _may_buy(self, ware: Ware) -> bool:
        """Whether the ware can be bought again, as the bot knows of its return."""
        live = "SELECT id FROM payments_entitlements WHERE user_id = :user AND product = :ware AND revoked_at IS NULL"
        return not await self.market.tables.ask(live, user=self.user.id, ware=ware.code)

    async def _pay_once(self, order: Order) -> str:
        if ONE_PAYMENT[order.way] == STARS:
            return await self._pay_stars(await self._invoice(order))
        if order.way == "card, the first one declined":
            await self._be_declined(order)
            return await self._pay_card(await self._link(order))
        url = await self._link(order)
        twice = order.way == "card, twice on the bank's page"
        ref, *_ = await asyncio.gather(*(self._pay_card(url) for _ in range(2 if twice else 1)))
        await self._after(order, url)
        return ref

    async def _be_declined(self, order: Order) -> None:
        await self._pay_card(await self._link(order), POOR_CARD)
        again = f"payments:buy/{order.ware.code}"
        await answered(self.user, lambda m: order.ware.title in m.text and again in data_of(m), ARRIVAL_PATIENCE)

    async def _both(self, order: Order) -> None:
        url = await self._link(order)
        invoice = await self._invoice(order)
        await asyncio.gather(self._pay_card(url), self._pay_stars(invoice))

    async def _two_invoices(self, order: Order) -> None:
        first = await self._invoice(order)
        await asyncio.sleep(DOUBLE_TAP)
        second = await self._invoice(order)
        await asyncio.gather(self._pay_stars(first), self._pay_stars(second), return_exceptions=True)

    async def _unheard(self, order: Order) -> None:
        """Paid, and the bot is not told."""
        await self._pay_stars(await self._invoice(order))
        self.market.lose_update(self.user.id)

    async def _late(self, order: Order) -> None:
        url = await self._link(order)
        await self._pay_stars(await self._invoice(order))
        await self._pay_card(url)

    async def _after(self, order: Order, url: str) -> None:
        """Back from the bank: the page that it leads to, the button under the link."""
        bank = self.market.yookassa.bank
        if order.comes_back:
            async with self.market.http.get(bank.payment(url.partition(HELD)[2]).return_url) as page:
                await page.read()
        if order.asks:
            for message in reversed(self.user.messages):
                for data in data_of(message):
                    if data.startswith("payments:check/"):
                        await self.user.press(data, message=message)
                        return

    async def _choose(self, order: Order, way: str) -> None:
        """Press the ware and the way to pay, some people twice."""
        await self.user.send("/shop")
        sheet = await answered(self.user, lambda message: order.ware.title in message.buttons, SHOP_PATIENCE)
        await self._press(order, order.ware.title, sheet)
        wanted = f"payments:pay/{order.ware.code}/{way}"
        offer = await answered(self.user, lambda message: wanted in data_of(message), SHOP_PATIENCE)
        await self._press(order, wanted, offer)

    async def _press(self, order: Order, button: str, message: Message) -> None:
        await self.user.press(button, message=message)
        if order.double_tap:
            await self.user.forge(_data(message, button), message=message)

    async def _link(self, order: Order) -> str:
        """The address of the bank's page."""
        await self._choose(order, CARD)
        payments = self.market.yookassa.bank.payments

        def fits(message: Message) -> bool:
            ref = link_of(message).partition(HELD)[2]
            return order.ware.title in message.text and ref in payments and payments[ref].status == "pending"

        return link_of(await answered(self.user, fits, LINK_PATIENCE))

    async def _invoice(self, order: Order) -> Message:
        await self._choose(order, STARS)

        def fits(message: Message) -> bool:
            return message.invoice is not None and ware_of(message.invoice.title) is order.ware

        return await answered(self.user, fits, SHOP_PATIENCE)

    async def _pay_stars(self, invoice: Message) -> str:
        outcome = await self.user.pay(invoice)
        if outcome.status != "paid":
            self.market.journal.figures["invoices declined"] += 1
            raise Left(outcome.error)
        return outcome.charge_id

    async def _pay_card(self, url: str, card: str = GOOD_CARD) -> str:
        """Pay on the bank's page; YooKassa's id of the payment."""
        async with self.market.http.post(url, data={"preset": card}, allow_redirects=False) as answer:
            if answer.status not in (302, 409):  # 409: paid already, or over
                raise RuntimeError(f"the emulated bank's page answers {answer.status}: {await answer.text()}")
        return url.partition(HELD)[2]


def link_of(message: Message) -> str:
    """The address of the bank's page in a message; empty where there is none."""
    urls = [button.get("url", "") for row in message.button_rows for button in row]
    return next((url for url in urls if HELD in url), "")


def data_of(message: Message) -> list[str]:
    """The callback data of all buttons."""
    return [button.get("callback_data", "") for row in message.button_rows for button in row]


def _data(message: Message, button: str) -> str:
    for row in message.button_rows:
        for one in row:
            if button in (one["text"], one.get("callback_data")):
                return str(one["callback_data"])
    return button  # an edit has taken the button away in the meantime; a slow client sends it all the same


async def answered(user: EmulatedUser, fits: Callable[[Message], bool], patience: float) -> Message:
    """The message that a person waits for; Left where it does not come."""
    try:
        return await user.wait_for(fits, timeout=patience)
    except TimeoutError:
        raise Left(f"{user.user.first_name} got no answer for {patience} s") from None


async def within(patience: float, look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` finds; Left where it finds nothing for so many seconds."""
    try:
        async with asyncio.timeout(patience):
            while not (found := await look()):  # noqa: ASYNC110
                await asyncio.sleep(0.2)  # the database tells no stranger
            return found
    except TimeoutError:
        raise Left(f"nothing was found for {patience} s") from None
