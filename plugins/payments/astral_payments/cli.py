"""`astral payments`: what YooKassa and Telegram know of payments, compared with the database by hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import click

from astral_core import PluginContext, now, offline_context
from astral_core.errors import TelegramError
from astral_payments.errors import OutcomeUnknown, PaymentsError, YooKassaRejected
from astral_payments.handlers.sweep import patiently
from astral_payments.listing import Charge, Source
from astral_payments.money import format_money
from astral_payments.settings import PaymentsSettings
from astral_payments.shop import Shop, open_shop
from astral_payments.sweeping import Judged, Verdict, hold, judge, settle_rouble, settle_star
from astral_payments.tables import YOOKASSA

WEEK = timedelta(days=8)
NAMES: dict[Source, str] = {
    "stars": "Telegram's Stars transactions",
    "payments": "YooKassa's payments",
    "refunds": "YooKassa's refunds",
}


@click.group()
def payments() -> None:
    """Payments: what the providers know of them."""


@payments.command()
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    metavar="DATE",
    help="From which day on (UTC), for example 2026-11-20; eight days back unless told.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def reconcile(since: datetime | None, dry_run: bool) -> None:  # click passes flags so
    """Find payments and refunds that nobody told the bot of, and settle them.

    Reads the lists of YooKassa and of Telegram, as a running bot does every quarter of an hour. What follows (thanks
    to a buyer, money that goes back) is done by the running bot, or when it starts.
    """
    begin = since.replace(tzinfo=UTC) if since is not None else now() - WEEK
    if begin > now():
        raise click.BadParameter("this day is still to come.", param_hint="--since")
    asyncio.run(_run(begin, dry_run, click.echo))


async def _run(since: datetime, dry_run: bool, say: Callable[[str], None]) -> None:
    async with offline_context("payments") as ctx:
        await open_shop(ctx)
        task = Reconciliation(ctx, await _bot_name(ctx), since, dry_run, say)
        await task.run()


async def _bot_name(ctx: PluginContext) -> str:
    """The bot's user name, by which its payments in a shop are told from those of other bots."""
    try:
        return str((await ctx.call_now("getMe"))["username"])
    except (TelegramError, LookupError, TypeError) as error:
        raise PaymentsError(
            f"Telegram does not say who the bot is ({error}). Fix: `astral doctor` looks at the token."
        ) from error


@dataclass
class Reconciliation:
    """One run: it says each thing that it finds and does, and counts at the end."""

    ctx: PluginContext
    bot: str
    since: datetime
    dry_run: bool
    say: Callable[[str], None]
    news: int = 0
    failed: int = 0
    done: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Read all lists to their end."""
        sources: list[Source] = ["stars"]
        if self.ctx.settings(PaymentsSettings).yookassa_shop_id:
            sources += ["payments", "refunds"]
        else:
            self.say("YooKassa is not set up; its lists are left out")
        for source in sources:
            await self._list(source)
        what = "would be settled" if self.dry_run else "settled"
        self.say(f"{self.news} {what}, {self.failed} failed" if self.failed else f"{self.news} {what}")
        if self.failed:
            raise PaymentsError("not all could be settled. Fix: look at the lines above, and run the command again.")

    async def _list(self, source: Source) -> None:
        at: str | None = None
        counted: Counter[Verdict] = Counter()
        unreadable = 0
        while True:
            listed = await patiently(self.ctx, source, self.since.timestamp(), at)
            unreadable += listed.unreadable
            charges = [one for one in listed.charges if one.at is None or one.at >= self.since]
            async with self.ctx.work() as reading:
                judged = await judge(reading.session, charges, self.bot)
            counted.update(one.verdict for one in judged)
            for one in judged:
                await self._one(one)
            at = listed.at
            if at is None:
                break
        found = ", ".join(f"{counted[verdict]} {verdict.value}" for verdict in Verdict)
        self.say(f"{NAMES[source]} since {self.since:%Y-%m-%d}: {found}, {unreadable} unreadable")

    async def _one(self, one: Judged) -> None:
        charge = one.charge
        if one.verdict is Verdict.HELD:
            self.say(f"  {_name(charge)}: held, no order of this database")
            if not self.dry_run:
                async with self.ctx.work() as work:
                    await hold(work, charge)
        if one.verdict is not Verdict.NEWS or charge.ref in self.done:
            return
        if charge.provider == YOOKASSA:
            self.done.add(charge.ref)  # its refunds come with it
        if self.dry_run:
            self.news += 1
            self.say(f"  {_name(charge)}: news")
            return
        try:
            outcome = await self._settle(one)
        except (OutcomeUnknown, YooKassaRejected) as error:
            self.failed += 1
            self.say(f"  {_name(charge)}: {error}")
            return
        self.news += outcome is not None
        self.say(f"  {_name(charge)}: {outcome or 'of another bot'}")

    async def _settle(self, one: Judged) -> str | None:
        charge, client = one.charge, self.ctx.get(Shop).patient
        if charge.provider != YOOKASSA:
            async with self.ctx.work() as work:
                return (await settle_star(work, charge)).value
        if client is None or one.payment_id is None:
            return None
        remote = await client.get_payment(charge.ref)
        async with self.ctx.work() as work:
            outcome = await settle_rouble(work, one.payment_id, remote, self.bot)
        return outcome.value if outcome is not None else None


def _name(charge: Charge) -> str:
    verb = "paid" if charge.paid else "returned"
    return f"{charge.ref}: {format_money(charge.amount_minor, charge.currency)} {verb}"
