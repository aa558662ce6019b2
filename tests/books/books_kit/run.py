"""One run: a day at the market, the evening in which everything has to come right, and the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.ports import free_port
from astral_playground.testkit.process import BotProcess, Nursery
from astral_playground.yookassa import Shop, YooKassaEmulator

from . import trouble
from .accounts import Books, Tables
from .balancer import Balancer
from .goods import CARD, STARS, WARES
from .judge import Verdict, judge
from .people import Buyer, Market
from .plan import Order, Plan, draw
from .weather import Weather

STALL = Path(__file__).with_name("stall.py")
OWNER = 9001
RICH = 100_000  # Stars
SUSPECT_DELAY = 5.0  # seconds until a row that may have killed is tried a last time; ten minutes otherwise
NOTIFY_SPEED = 20.0  # divides YooKassa's pauses between the attempts of a notification
QUIET = 60.0  # seconds that the bots get to come to rest
SALES = 0.6  # of the orders; with fewer a run tells nothing
PRICES = {(ware.code, way): ware.price(way) for ware in WARES for way in (STARS, CARD)}


@dataclass
class House:
    """A market with the bots that serve it."""

    market: Market
    bots: list[BotProcess]
    balancer: Balancer

    async def books(self) -> Books:
        """All books as they are now."""
        journal = self.market.journal
        money = [*journal.cards(self.market.yookassa.bank), *journal.stars(self.market.telegram.world)]
        lines = [line for bot in self.bots for line in bot.text().splitlines()]
        books = Books(
            money, thanks=journal.thanks, goods=journal.goods, doubtful=sum("doubtful" in line for line in lines)
        )
        journal.figures["tracebacks"] = sum(line.startswith("Traceback ") for line in lines)
        await self.market.tables.read(books)
        return books

    async def restart(self) -> list[str]:
        """SIGTERM and a new start, one after the other; what was wrong with it."""
        wrong = []
        for bot in self.bots:
            if not bot.alive:
                wrong.append(f"{bot.url} ended by itself, see {bot.log}")
            elif code := await bot.stop():
                wrong.append(f"{bot.url} ended with {code} on SIGTERM, see {bot.log}")
            await bot.start()
        return wrong


def environment(plan: Plan, telegram: TelegramEmulator, yookassa: YooKassaEmulator, shop: Shop) -> dict[str, str]:
    """The settings that all replicas share."""
    return {
        "ASTRAL_CONFIG": "none.toml",
        "ASTRAL_TELEGRAM__TOKEN": telegram.token,
        "ASTRAL_TELEGRAM__API_URL": telegram.api_url,
        "ASTRAL_TELEGRAM__WEBHOOK_SECRET": secrets.token_urlsafe(24),
        "ASTRAL_DATABASE__URL": plan.url,
        "ASTRAL_DATABASE__POOL_SIZE": "8",
        "ASTRAL_HOST__ENABLED": '["payments"]',
        "ASTRAL_HOST__ON_ERROR": "stop",
        "ASTRAL_ADMINS": str(OWNER),
        "ASTRAL_POOL__WARM": "false",
        "ASTRAL_INBOX__SUSPECT_DELAY": f"{SUSPECT_DELAY}",
        "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SHOP_ID": shop.id,
        "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SECRET_KEY": shop.secret_key,
        "ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_API_URL": yookassa.api_url,
        "BOOKS_MUTANT": plan.mutant,
    }


@contextlib.asynccontextmanager
async def house(parent: subprocess.Popen[bytes], plan: Plan) -> AsyncIterator[House]:
    """The bots, ready, with all that stands around them."""
    shop, weather = Shop(), Weather(plan.climate, plan.seed)
    async with (
        Balancer(seed=plan.seed) as balancer, TelegramEmulator() as telegram,
        YooKassaEmulator(
            shops=(shop,), notification_url=f"{balancer.url}/webhook/yookassa", speed=NOTIFY_SPEED, faults=weather
        ) as yookassa,
        Tables(plan.url) as tables, Nursery(parent) as nursery, aiohttp.ClientSession() as http,
    ):  # fmt: skip
        common = environment(plan, telegram, yookassa, shop) | {"ASTRAL_TELEGRAM__PUBLIC_URL": balancer.url}
        bots = [
            BotProcess(
                nursery, common | {"ASTRAL_WEB__PORT": str(free_port())}, plan.folder / f"bot-{number}.log",
                ("--plugin", str(STALL)),
            )
            for number in range(plan.replicas)
        ]  # fmt: skip
        balancer.replicas = [bot.url for bot in bots]
        for bot in bots:  # one after the other: the first one makes the database
            await bot.start()
        owner = telegram.user("Owner", id=OWNER)
        market = Market(telegram, yookassa, weather, tables, http, owner)
        market.overhear()
        yield House(market, bots, balancer)


async def run(parent: subprocess.Popen[bytes], plan: Plan) -> Verdict:
    """Do `plan` and judge it."""
    began = time.monotonic()
    async with house(parent, plan) as made:
        opened = time.monotonic()
        wrong = await day(plan, made)
        closed = time.monotonic()
        wrong += await evening(made)
        dark = time.monotonic()
        verdict = await night(plan, made)
        verdict.accuse("ended badly", wrong)
        figures = made.market.journal.figures
        for name, seconds in (
            ("day", closed - opened),
            ("evening", dark - closed),
            ("run", time.monotonic() - began),
        ):
            figures[f"seconds of the {name}"] = round(seconds)
        sold = verdict.figures["paid by card"] + verdict.figures["paid by Stars"]
        if sold < SALES * plan.orders:
            verdict.accuse("too few sales to tell anything", [f"{sold} of {plan.orders}"])
        verdict.figures = {"orders": plan.orders} | verdict.figures
        for more in (figures, made.market.weather.struck):
            verdict.figures |= dict(sorted(more.items()))
        return verdict


async def day(plan: Plan, made: House) -> list[str]:
    """All buyers, a few at a time, in a bad world; the bots that ended by themselves."""
    market, room = made.market, asyncio.Semaphore(plan.at_once)
    figures, telegram = market.journal.figures, market.telegram

    async def visit(number: int, orders: list[Order]) -> None:
        async with room:
            person = telegram.user(f"Buyer {number}", language_code="en", stars=RICH)
            await Buyer(person, market).shop(orders)

    hook = f"{made.balancer.url}/webhook/yookassa"
    forger = trouble.Forger(hook, market.yookassa, market.http, figures, plan.seed)
    killer = trouble.Killer(made.bots, telegram, figures, plan.seed)
    async with asyncio.TaskGroup() as group:
        group.create_task(killer.run())
        bad = [
            group.create_task(trouble.break_returns(telegram, figures, plan.seed)),
            group.create_task(trouble.hurry(market.tables)),
            group.create_task(forger.run()),
        ]
        people = [group.create_task(visit(*item)) for item in enumerate(draw(plan.orders, plan.seed), 1)]
        await asyncio.gather(*people)
        killer.closing.set()
        for task in bad:
            task.cancel()
    return killer.fallen


async def evening(made: House) -> list[str]:
    """The world is good again, links that nobody paid are over, the bots start anew; what was wrong with that."""
    market = made.market
    market.weather.calm = True
    market.yookassa.set_faults([])
    market.telegram.world.faults.clear()
    for payment in [*market.yookassa.bank.payments.values()]:
        if payment.status == "pending":
            market.yookassa.bank.expire(payment)
    await market.yookassa.idle()
    await quiet(made)
    await market.return_later()
    await market.tables.forget_sweeps()
    wrong = await made.restart()
    market.telegram.retry()
    return wrong


async def quiet(made: House) -> None:
    """Wait until the bots have looked into every notification: a later look would find what nobody told them."""
    with contextlib.suppress(TimeoutError):  # then the night is longer
        async with asyncio.timeout(QUIET):
            while (await made.books()).pending:
                await made.market.tables.hurry()
                await asyncio.sleep(1.0)


async def night(plan: Plan, made: House) -> Verdict:
    """Judge until the books agree, or patience is over."""
    deadline = time.monotonic() + plan.patience
    while True:
        verdict = judge(await made.books(), PRICES)
        if verdict.holds or time.monotonic() > deadline:
            return verdict
        await made.market.tables.hurry()
        await asyncio.sleep(1.0)
