"""Looking at YooKassa: after a notification, after the return page, and on the reconciliation's schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import Context, PluginContext, now
from astral_payments.errors import OutcomeUnknown, YooKassaRejected
from astral_payments.handlers import routes
from astral_payments.handlers.after import BACK_OFF, N_, pay_back, tell_unreadable
from astral_payments.handlers.buy import begin
from astral_payments.lanes import event_lane, lane_of
from astral_payments.machine import CREATED, PENDING, UNKNOWN, WAITING, Cause, is_final
from astral_payments.orders import payment_with_order
from astral_payments.refunding import REFUND_FINAL
from astral_payments.settle import Outcome, Remote, settle
from astral_payments.shop import shop_of
from astral_payments.tables import YOOKASSA, events, payments, refunds

RECONCILE_EVERY = 15.0  # s
GAPS = (15, 30, 60, 120, 300, 600)  # s between two looks at a payment, the last one until 70 minutes
BUSY, HOURLY, DAILY = timedelta(minutes=70), timedelta(days=8), timedelta(days=38)
EVENT_ATTEMPTS, FOREIGN_ATTEMPTS, UNANSWERED_ATTEMPTS = 8, 3, 48
"""How often a notification is looked into: where YooKassa does not know a payment of ours (its replicas lag), one
that is not ours (anybody can post ids), and where YooKassa gives no answer."""

_BATCH = 200
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
    plugin, client = ctx.plugin_context(), shop_of(ctx).patient
    async with plugin.work() as reading:
        payment, _ = await payment_with_order(reading.session, payment_id)
    if payment is None or client is None or payment.provider_ref is None or is_final(payment.status):
        return
    try:
        remote = await client.get_payment(payment.provider_ref)
    except (OutcomeUnknown, YooKassaRejected) as error:
        ctx.log.warning("payment %d: %s", payment_id, error)  # the reconciliation comes again
        tell_unreadable(ctx, payment_id, error)
        return
    await settle(plugin, ctx.run.work, payment_id, Remote.of_yookassa(remote), cause)


@routes.step("event")
async def event(ctx: Context, event_id: int) -> None:
    """Look into a notification. Its body was a hint only: the whole payment is read from YooKassa."""
    plugin, client = ctx.plugin_context(), shop_of(ctx).patient
    async with plugin.work() as reading:
        row = (await reading.session.execute(select(events).where(events.c.id == event_id))).first()
        ours = row is not None and await _by_ref(reading.session, row.payment_ref) is not None
    if row is None or row.state != "new":
        return
    if client is None:
        await _close(ctx, event_id, "orphan", "YooKassa is not configured")
        return
    try:
        remote = Remote.of_yookassa(await client.get_payment(row.payment_ref))
    except OutcomeUnknown as error:
        ctx.log.warning("notification %d: %s", event_id, error.cause)
        if row.attempts >= UNANSWERED_ATTEMPTS:
            ctx.alert("unanswered", UNANSWERED, number=event_id)
            await _close(ctx, event_id, "dead", str(error))
        return
    except YooKassaRejected as error:
        ctx.log.warning("notification %d names a payment that cannot be read: %s", event_id, error)
        if row.attempts + 1 >= (EVENT_ATTEMPTS if ours else FOREIGN_ATTEMPTS):
            if ours:  # anybody can post the ids of payments that are not
                ctx.alert(f"event:{event_id}", UNREADABLE, number=event_id, ref=row.payment_ref)
            await _close(ctx, event_id, "dead", str(error))
        return
    await _settle_event(ctx, plugin, event_id, remote)


async def _settle_event(ctx: Context, plugin: PluginContext, event_id: int, remote: Remote) -> None:
    payment = await _local(ctx, remote)
    if payment is None:  # rows are committed before a payment is created: this one is somebody else's
        ctx.log.info("notification %d is about a payment of another program", event_id)
        await _close(ctx, event_id, "orphan", "no payment of this bot")
        return
    outcome = await settle(plugin, ctx.run.work, payment.id, remote, "event")
    if outcome is Outcome.MISMATCH:
        await _close(ctx, event_id, "dead", "the payment at YooKassa contradicts ours; see the log")
    else:
        await _close(ctx, event_id, "done", None)


async def _local(ctx: Context, remote: Remote) -> Any:
    """Our payment: by YooKassa's id, else by our number, which the notification may bring before the answer does."""
    found = await _by_ref(ctx.session, remote.ref)
    number = remote.payment_id
    if found is not None or not (number.isascii() and number.isdigit() and len(number) < 19):
        return found
    by_number = select(payments).where(payments.c.provider == YOOKASSA, payments.c.id == int(number))
    return (await ctx.session.execute(by_number)).first()


async def _by_ref(session: AsyncSession, ref: str) -> Any:
    query = select(payments).where(payments.c.provider == YOOKASSA, payments.c.provider_ref == ref)
    return (await session.execute(query)).first()


async def _close(ctx: Context, event_id: int, state: str, error: str | None) -> None:
    values = {"state": state, "error": error, "next_try_at": None}
    await ctx.session.execute(update(events).where(events.c.id == event_id).values(**values))


async def reconcile(ctx: Context) -> None:
    """Put steps for everything that is due: notifications get lost, answers too.

    The job itself asks nobody: a step a payment, each in a lane of its own, so that nothing waits for a slow one.
    """
    moment = now()
    await _due_payments(ctx, moment)
    await _due_events(ctx, moment)
    await _due_refunds(ctx, moment)


async def _due_payments(ctx: Context, moment: datetime) -> None:
    plugin, work = ctx.plugin_context(), ctx.run.work
    query = (
        select(payments)
        .where(
            payments.c.next_check_at <= moment, payments.c.status.in_((CREATED, UNKNOWN, PENDING, WAITING))
        )
        .order_by(payments.c.next_check_at)
        .limit(_BATCH)
    )  # fmt: skip
    for payment in (await ctx.session.execute(query)).all():
        checks = payment.checks + 1
        if payment.status in (CREATED, UNKNOWN):
            plugin.defer(work, begin, payment.user_id, f"poll:{payment.id}:{checks}", payment_id=payment.id)
        else:
            key = f"poll:{payment.id}:{checks}"
            plugin.defer(work, fetch, lane_of(payment.id), key, payment_id=payment.id, cause="poll")
        values = {"checks": checks, "next_check_at": next_check(payment.created_at, checks, moment)}
        await ctx.session.execute(update(payments).where(payments.c.id == payment.id).values(**values))


async def _due_events(ctx: Context, moment: datetime) -> None:
    plugin, work = ctx.plugin_context(), ctx.run.work
    query = select(events).where(events.c.next_try_at <= moment, events.c.state == "new").limit(_BATCH)
    for row in (await ctx.session.execute(query)).all():
        plugin.defer(work, event, event_lane(row.id), f"{row.id}:{row.attempts + 1}", event_id=row.id)
        values = {"attempts": row.attempts + 1, "next_try_at": _later(row.attempts, moment)}
        await ctx.session.execute(update(events).where(events.c.id == row.id).values(**values))


async def _due_refunds(ctx: Context, moment: datetime) -> None:
    plugin, work = ctx.plugin_context(), ctx.run.work
    query = (
        select(refunds)
        .where(refunds.c.next_try_at <= moment, refunds.c.status.not_in(REFUND_FINAL))
        .limit(_BATCH)
    )  # fmt: skip
    for row in (await ctx.session.execute(query)).all():
        plugin.defer(work, pay_back, lane_of(row.payment_id), f"{row.id}:{row.attempts + 1}", refund_id=row.id)
        values = {"attempts": row.attempts + 1, "next_try_at": _later(row.attempts, moment)}
        await ctx.session.execute(update(refunds).where(refunds.c.id == row.id).values(**values))


def _later(attempts: int, moment: datetime) -> datetime:
    return moment + timedelta(seconds=BACK_OFF[min(attempts, len(BACK_OFF) - 1)])
