"""Looking at YooKassa: after a notification, after the return page, and on the reconciliation's schedule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from astral_core import N_, Context, Routes, Work, now
from astral_payments.door import Door
from astral_payments.errors import OutcomeUnknown, YooKassaRejected
from astral_payments.handlers.buy import begin
from astral_payments.notices import OF_PAYMENT
from astral_payments.refunding import LATEST, REFUND_FINAL
from astral_payments.settle import Outcome, ProviderPayment, is_made_for, settle
from astral_payments.shop import Shop
from astral_payments.state_machine import (
    CREATED,
    PENDING,
    SUCCEEDED,
    TRANSITIONS,
    UNKNOWN,
    WAITING,
    Cause,
    is_final,
    is_old_news,
)
from astral_payments.steps import BACK_OFF, pay_back, tell_unreadable
from astral_payments.store import PaymentRow, RefundRow, by_ref, every, first, payment_with_order
from astral_payments.tables import YOOKASSA, events, payments, refunds
from astral_payments.yookassa_client import YooKassaClient
from astral_payments.yookassa_objects import RemoteRefund

routes = Routes()

RECONCILE_EVERY = 15.0  # s
GAPS = (15, 30, 60, 120, 300, 600)  # s between two looks at a payment, the last one until 70 minutes
BUSY, HOURLY, DAILY = timedelta(minutes=70), timedelta(days=8), timedelta(days=38)
EVENT_ATTEMPTS, FOREIGN_ATTEMPTS, UNANSWERED_ATTEMPTS = 8, 3, 48
"""How often a notification is looked into: where YooKassa does not know a payment of ours (its replicas lag), one
that is not ours (anybody can post ids), and where YooKassa gives no answer."""

SOON = timedelta(seconds=3)
"""How long what YooKassa tells may be ahead of what it shows; after that at the usual pace."""

LONGEST = timedelta(seconds=BACK_OFF[-1])  # until the next look at a notification

_BATCH = 200
_STRANGERS = 15  # of those about unknown payments; each is a call to the shop's API
_LANES = 4  # that notifications about unknown payments share: anybody can post them
UNANSWERED = N_(
    "YooKassa has given no answer for a day and more, and notification {number} is given up. "
    "Can this machine reach YooKassa's API?"
)
UNREADABLE = N_(
    "Notification {number} is given up: YooKassa says that it cannot show payment {ref}, which is ours. "
    "Look at it in YooKassa's cabinet; do shop and key belong together?"
)


def next_check(created_at: datetime, checks: int, moment: datetime) -> datetime | None:
    """When to look at an unfinished payment again: often at first, hourly for 8 days, daily for 30, then never.

    YooKassa ends a payment within hours. One that is unfinished here for longer cannot be read: that may be mended.
    """
    age = moment - created_at
    if age >= DAILY:
        return None
    gap = GAPS[min(checks, len(GAPS) - 1)] if age < BUSY else 3600 if age < HOURLY else 86_400
    return moment + timedelta(seconds=gap)


@routes.step("fetch")
async def fetch(ctx: Context, payment_id: int, cause: Cause) -> None:
    """Read one payment from YooKassa and settle it."""
    client = ctx.get(Shop).patient
    async with ctx.plugin.work() as reading:
        payment, _ = await payment_with_order(reading.session, payment_id)
    if payment is None or client is None or payment.provider_ref is None or is_final(payment.status):
        return
    try:
        remote = await client.get_payment(payment.provider_ref)
    except (OutcomeUnknown, YooKassaRejected) as error:
        ctx.log.warning("payment %d: %s", payment_id, error)  # the reconciliation comes again
        tell_unreadable(ctx, payment_id, error)
        return
    await settle(ctx, payment_id, ProviderPayment.of_yookassa(remote), cause)


def look_into(work: Work, event_id: int, payment_id: int | None) -> None:
    """Have a notification looked into, in the lane of its payment; those of unknown payments share a few."""
    lane = ("payment", payment_id) if payment_id is not None else ("strangers", event_id % _LANES)
    work.defer(process_notification(event_id=event_id), lane=lane)


@routes.step("process_notification")
async def process_notification(ctx: Context, event_id: int) -> None:
    """Look into a notification. Its body was a hint only: the whole payment is read from YooKassa."""
    client = ctx.get(Shop).patient
    async with ctx.plugin.work() as reading:
        row = (await reading.session.execute(select(events).where(events.c.id == event_id))).first()
        known = await by_ref(reading.session, YOOKASSA, row.payment_ref) if row is not None else None
        ours = known is not None
    if row is None or row.state != "new":
        return
    if client is None:
        await _close(ctx, row, "orphan", "YooKassa is not configured")
        return
    if not ours and not ctx.get(Door).calls.take():
        ctx.get(Door).complain(
            "calls", "notifications about unknown payments wait: the calls of this minute are used"
        )
        return  # the reconciliation comes again
    try:
        remote = ProviderPayment.of_yookassa(await client.get_payment(row.payment_ref))
    except OutcomeUnknown as error:
        if known is not None:
            tell_unreadable(ctx, known.id, error)
        await _unanswered(ctx, row, error, ours=ours)
    except YooKassaRejected as error:
        await _refused(ctx, row, error, ours=ours)
    else:
        returned = await _returned(ctx, client, row) if ours and row.event.startswith("refund.") else ()
        await _settle_event(ctx, row, remote, returned)


async def _unanswered(ctx: Context, row: Any, error: OutcomeUnknown, *, ours: bool) -> None:
    if ours:
        ctx.log.warning("notification %d: %s", row.id, error.cause)
    else:
        ctx.get(Door).complain("unanswered", "notification %d about an unknown payment: %s", row.id, error.cause)
    if row.attempts >= UNANSWERED_ATTEMPTS:
        ctx.alert("unanswered", UNANSWERED, number=row.id)
        await _close(ctx, row, "dead", str(error))


async def _refused(ctx: Context, row: Any, error: YooKassaRejected, *, ours: bool) -> None:
    text = "notification %d names a payment that cannot be read: %s"
    if ours:
        ctx.log.warning(text, row.id, error)
    else:
        ctx.get(Door).complain("unreadable", text, row.id, error)
    if row.attempts + 1 >= (EVENT_ATTEMPTS if ours else FOREIGN_ATTEMPTS):
        if ours:  # anybody can post the ids of payments that are not
            ctx.alert(f"event:{row.id}", UNREADABLE, number=row.id, ref=row.payment_ref)
        await _close(ctx, row, "dead", str(error))


async def _returned(ctx: Context, client: YooKassaClient, row: Any) -> Sequence[RemoteRefund]:
    """The refunds that YooKassa shows of the payment; none where it gives no answer."""
    try:
        page = await client.list_refunds(payment_id=row.payment_ref)
    except (OutcomeUnknown, YooKassaRejected) as error:
        ctx.log.warning("notification %d: %s", row.id, error)
        return ()
    return page.items


async def _settle_event(ctx: Context, row: Any, remote: ProviderPayment, returned: Sequence[RemoteRefund]) -> None:
    payment = await _local(ctx, remote)
    if payment is None:  # rows are committed before a payment is created: this one is somebody else's
        ctx.get(Door).complain("foreign", "notification %d is about a payment of another program", row.id)
        await _close(ctx, row, "orphan", "no payment of this bot")
        return
    outcome = await settle(ctx, payment.id, remote, "event")
    if outcome is Outcome.MISMATCH:
        await _close(ctx, row, "dead", "the payment at YooKassa contradicts ours; see the log")
    elif _shows(row, remote, returned):
        await _close(ctx, row, "done", None)
    else:
        await _not_yet(ctx, row)


def _shows(row: Any, remote: ProviderPayment, returned: Sequence[RemoteRefund]) -> bool:
    """Whether YooKassa shows what its notification told, or more: its replicas lag, and anybody can post."""
    if row.event.startswith("refund."):
        done = [refund for refund in returned if refund.status == SUCCEEDED]
        total = sum(refund.amount_minor for refund in done)
        return remote.refunded_minor >= total and any(refund.id == row.object_id for refund in done)
    told = row.event.removeprefix("payment.")
    return told not in TRANSITIONS or is_final(remote.status) or is_old_news(remote.status, told)


async def _not_yet(ctx: Context, row: Any) -> None:
    """Ask again soon, then at the usual pace, then no more: nothing is lost but a word that nobody confirms."""
    if row.attempts + 1 >= EVENT_ATTEMPTS:
        ctx.log.warning("notification %d tells what YooKassa does not show: %s", row.id, row.event)
        await _close(ctx, row, "done", "YooKassa does not show what was told")
    elif row.attempts == 0:
        sooner = update(events).where(events.c.id == row.id, events.c.state == "new", events.c.attempts == 0)
        await ctx.session.execute(sooner.values(next_try_at=now() + SOON))


async def _local(ctx: Context, remote: ProviderPayment) -> PaymentRow | None:
    """Our payment: by YooKassa's id, else by our metadata, since a notification may come before the answer."""
    found = await by_ref(ctx.session, YOOKASSA, remote.ref)
    number = remote.payment_id
    if found is not None or not (number.isascii() and number.isdigit() and len(number) < 19):
        return found
    by_number = select(payments).where(payments.c.provider == YOOKASSA, payments.c.id == int(number))
    payment = await first(ctx.session, PaymentRow, by_number)
    return payment if payment is not None and is_made_for(payment, remote) else None


async def _close(ctx: Context, row: Any, state: str, error: str | None) -> None:
    """End it; but what YooKassa has not confirmed stays open where the same came again meanwhile."""
    statement = update(events).where(events.c.id == row.id, events.c.state == "new")
    if error is not None:
        statement = statement.where(events.c.seen == row.seen)
    await ctx.session.execute(statement.values(state=state, error=error, next_try_at=None))


@routes.job("reconcile", every=RECONCILE_EVERY)
async def reconcile(ctx: Context) -> None:
    """Put steps for everything that is due: notifications get lost, answers too.

    The job itself asks nobody: a step a payment, each in a lane of its own, so that nothing waits for a slow one.
    """
    moment = now()
    await _due_payments(ctx, moment)
    await _due_events(ctx, moment)
    await _due_refunds(ctx, moment)


def _is_due(column: Any, moment: datetime, longest: timedelta) -> ColumnElement[bool]:
    """Due by now, or later than anything is put off: that was before the clock was set back."""
    return or_(column <= moment, column > moment + longest)


async def _due_payments(ctx: Context, moment: datetime) -> None:
    at = payments.c.next_check_at
    is_new = and_(payments.c.created_at > moment - BUSY, _is_due(at, moment, timedelta(seconds=GAPS[-1])))
    query = (
        select(payments)
        .where(
            or_(is_new, _is_due(at, moment, timedelta(days=1))),
            payments.c.status.in_((CREATED, UNKNOWN, PENDING, WAITING)),
        )
        .order_by(payments.c.next_check_at)
        .limit(_BATCH)
    )  # fmt: skip
    for payment in await every(ctx.session, PaymentRow, query):
        checks = payment.checks + 1
        key = f"poll:{payment.id}:{checks}"
        if payment.status in (CREATED, UNKNOWN):
            ctx.defer(begin(payment_id=payment.id), key=key, keep="once", to=payment.user_id)
        else:
            lane = ("payment", payment.id)
            ctx.defer(fetch(payment_id=payment.id, cause="poll"), key=key, keep="once", lane=lane)
        values = {"checks": checks, "next_check_at": next_check(payment.created_at, checks, moment)}
        await ctx.session.execute(update(payments).where(payments.c.id == payment.id).values(**values))


async def _due_events(ctx: Context, moment: datetime) -> None:
    query = (
        select(events.c.id, events.c.attempts, payments.c.id.label("payment_id"))
        .select_from(events.outerjoin(payments, OF_PAYMENT))
        .where(_is_due(events.c.next_try_at, moment, LONGEST), events.c.state == "new")
        .order_by(events.c.next_try_at)
    )
    ours = (await ctx.session.execute(query.where(payments.c.id.is_not(None)).limit(_BATCH))).all()
    others = (await ctx.session.execute(query.where(payments.c.id.is_(None)).limit(_STRANGERS))).all()
    for row in (*ours, *others):
        values = {"attempts": row.attempts + 1, "next_try_at": _later(row.attempts, moment)}
        still = update(events).where(events.c.id == row.id, events.c.state == "new").values(**values)
        if (await ctx.session.execute(still)).rowcount:  # type: ignore[attr-defined]  # an UPDATE's result has it
            look_into(ctx, row.id, row.payment_id)


async def _due_refunds(ctx: Context, moment: datetime) -> None:
    query = (
        select(refunds)
        .where(_is_due(refunds.c.next_try_at, moment, max(LONGEST, LATEST)), refunds.c.status.not_in(REFUND_FINAL))
        .limit(_BATCH)
    )  # fmt: skip
    for refund in await every(ctx.session, RefundRow, query):
        attempts = refund.attempts + 1
        key, lane = f"{refund.idempotence_key}:{attempts}", ("payment", refund.payment_id)
        ctx.defer(pay_back(refund_id=refund.id), key=key, keep="once", lane=lane)
        values = {"attempts": attempts, "next_try_at": _later(refund.attempts, moment)}
        await ctx.session.execute(update(refunds).where(refunds.c.id == refund.id).values(**values))


def _later(attempts: int, moment: datetime) -> datetime:
    return moment + timedelta(seconds=BACK_OFF[min(attempts, len(BACK_OFF) - 1)])
