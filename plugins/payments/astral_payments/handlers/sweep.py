"""The sweep: every quarter of an hour the providers' lists are read, for what no notification told.

The job only begins. Each page is a durable step of its own, and so is each payment that something is new about.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any
from uuid import UUID

from astral_core import N_, Context, PluginContext, Routes, now
from astral_payments.errors import ListUnavailable, OutcomeUnknown, YooKassaRejected
from astral_payments.listing import Charge, Listed, Source, moment_of, stars_page, yookassa_page
from astral_payments.shop import Shop
from astral_payments.sweeping import (
    BACK,
    OVERLAP,
    REMIND,
    Judged,
    Verdict,
    hold,
    judge,
    mark_of,
    set_mark,
    settle_rouble,
    settle_star,
    untold,
)
from astral_payments.tables import STARS, YOOKASSA

routes = Routes()

SWEEP_EVERY = 900.0  # s
MAX_PAGES = 200  # of 100 entries of YooKassa's: what is older was seen by earlier sweeps
HASTE, TRIES = 5.0, 3  # s to wait at most where a provider asks for it, and how often
LANE = ("sweep",)  # of its pages, and of money that is no payment here yet

STUCK = N_(
    "The list of payments at {provider} could not be read to its end for a day. Payments and refunds whose "
    "notification was lost are not found meanwhile. The reason is in the log."
)

UNREADABLE = N_(
    "I cannot read {count} entries in the list of payments at {provider}. If one of them is a payment or a refund "
    "whose notification was lost, I do not find it.\n\n"
    "Look into the cabinet of {provider}, and update the plugin: the form of the list may be new."
)


@routes.job("sweep", every=SWEEP_EVERY)
async def sweep(ctx: Context) -> None:
    """Begin to read the lists, where the last sweep has left off."""
    shop, moment = ctx.get(Shop), now()
    began = moment.timestamp()
    mark = await mark_of(ctx.session, STARS, shop.bot_id)
    start = max(0, mark.position - BACK) if mark is not None else 0
    _next(ctx, "stars", began, 0, str(start), began)
    if shop.patient is not None:
        mark = await mark_of(ctx.session, YOOKASSA, shop.settings.yookassa_shop_id)
        # A mark that is still to come was made before the clock was set back: nothing that is new is in that list.
        since = (min(mark.swept_at, moment) if mark is not None else moment) - OVERLAP
        _next(ctx, "payments", began, 0, None, since.timestamp())


def _next(ctx: Context, source: Source, began: float, page: int, at: str | None, since: float) -> None:
    call = sweep_page(source=source, began=began, page=page, at=at, since=since)
    ctx.defer(call, key=f"{source}:{began:.6f}:{page}", keep="once", lane=LANE)


@routes.step("sweep_page")
async def sweep_page(ctx: Context, source: Source, began: float, page: int, at: str | None, since: float) -> None:
    """Read one page, have done what is new in it, and go on to the next one."""
    try:
        listed = await patiently(ctx.plugin, source, since, at)
    except ListUnavailable as error:
        ctx.log.warning("%s", error)
        await _warn(ctx, source)
        return
    judged = await judge(ctx.session, listed.charges, ctx.bot_name)
    if listed.unreadable:
        ctx.log.warning("%d entries of the list of %s cannot be read", listed.unreadable, source)
        await _tell_of_unreadable(ctx, source, began, listed.unreadable)
    for one in await untold(ctx.session, judged):
        await _act(ctx, one, began)
    if listed.at is not None and (source == "stars" or page + 1 < MAX_PAGES):
        _next(ctx, source, began, page + 1, listed.at, since)
    elif source == "payments":
        _next(ctx, "refunds", began, 0, None, since)
    else:
        position = _position(at, page, listed) if source == "stars" else 0
        await set_mark(ctx.session, *_list_of(ctx, source), moment_of(began), position)


async def patiently(plugin: PluginContext, source: Source, since: float, at: str | None) -> Listed:
    """A page of a list; where the provider asks to wait, that is done."""
    for _ in range(TRIES - 1):
        try:
            return await _read(plugin, source, since, at)
        except ListUnavailable as error:
            if error.retry_after is None or error.retry_after > HASTE:
                raise
            await asyncio.sleep(error.retry_after)
    return await _read(plugin, source, since, at)


async def _read(plugin: PluginContext, source: Source, since: float, at: str | None) -> Listed:
    if source == "stars":
        return await stars_page(plugin, int(at or 0))
    client = plugin.get(Shop).quick
    if client is None:
        raise ListUnavailable(f"YooKassa's {source}", "YooKassa is not configured any more")
    return await yookassa_page(client, source, moment_of(since), at)


async def _act(ctx: Context, one: Judged, began: float) -> None:
    charge = one.charge
    if one.verdict is Verdict.HELD:
        await hold(ctx, charge)
    if one.verdict is not Verdict.NEWS:
        return
    key = f"{charge.ref}:{'paid' if charge.paid else 'returned'}:{began:.6f}"
    lane = ("payment", one.payment_id) if one.payment_id is not None else LANE
    if charge.provider == YOOKASSA and one.payment_id is not None:
        ctx.defer(sweep_payment(payment_id=one.payment_id, ref=charge.ref), key=key, keep="once", lane=lane)
    else:
        order = str(charge.order_id) if charge.order_id is not None else None
        found = {**asdict(charge), "order_id": order, "at": None}
        ctx.defer(sweep_star(charge=found), key=key, keep="once", lane=lane)


@routes.step("sweep_star")
async def sweep_star(ctx: Context, charge: dict[str, Any]) -> None:
    """Settle what Telegram's list has and nobody told."""
    order = charge["order_id"]
    found = Charge(**{**charge, "order_id": UUID(order) if order is not None else None})
    outcome = await settle_star(ctx, found)
    ctx.log.info("the sweep found news of charge %s: %s", found.ref, outcome.value)


@routes.step("sweep_payment")
async def sweep_payment(ctx: Context, payment_id: int, ref: str) -> None:
    """Read one payment from YooKassa and settle it: what the list says of it may be older."""
    client = ctx.get(Shop).patient
    if client is None:
        return
    try:
        remote = await client.get_payment(ref)
    except (OutcomeUnknown, YooKassaRejected) as error:
        ctx.log.warning("payment %d: %s", payment_id, error)  # the next sweep comes again
        return
    outcome = await settle_rouble(ctx, payment_id, remote, ctx.bot_name)
    if outcome is not None:
        ctx.log.info("the sweep looked at payment %d: %s", payment_id, outcome.value)


def _position(at: str | None, page: int, listed: Listed) -> int:
    """How many transactions of Telegram's are read. An empty first page: the list is shorter than it was."""
    return int(at or 0) + listed.read if listed.read or page else 0


def _list_of(ctx: Context, source: Source) -> tuple[str, str]:
    """Whose list it is: the provider, and the account there."""
    shop = ctx.get(Shop)
    return (STARS, shop.bot_id) if source == "stars" else (YOOKASSA, shop.settings.yookassa_shop_id)


async def _warn(ctx: Context, source: Source) -> None:
    provider, account = _list_of(ctx, source)
    mark = await mark_of(ctx.session, provider, account)
    if mark is not None and now() - mark.swept_at > REMIND:
        ctx.alert(f"sweep:{provider}", STUCK, provider="Telegram" if provider == STARS else "YooKassa")


async def _tell_of_unreadable(ctx: Context, source: Source, began: float, count: int) -> None:
    """Alert the owner in the first sweep of a day: the same entries are read for eight days."""
    provider, account = _list_of(ctx, source)
    mark = await mark_of(ctx.session, provider, account)
    if mark is None or mark.swept_at.date() != moment_of(began).date():
        name = "Telegram" if provider == STARS else "YooKassa"
        ctx.alert(f"unreadable-list:{source}", UNREADABLE, count=count, provider=name)
