"""How the shop is: payments that wait, notifications that do not come, money that could not go back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import N_, Health, HealthFinding, PluginContext, now
from astral_payments.notices import OF_PAYMENT
from astral_payments.settings import PaymentsSettings
from astral_payments.state_machine import CREATED, PENDING, SUCCEEDED, UNKNOWN, WAITING
from astral_payments.tables import YOOKASSA, events, payments, refunds, transitions

WAITS = {
    CREATED: "waiting_created",
    UNKNOWN: "waiting_unknown",
    PENDING: "waiting_pending",
    WAITING: "waiting_capture",
}
NEWEST = 1000  # rows that are looked at, of tables that only grow
LATE = timedelta(minutes=10)  # a notification that comes, comes within this time
TEST_KEY = N_(
    "The shop sells for nothing: yookassa_secret_key is a test shop's, and whoever enters a test card gets the "
    "product."
)
NO_PROXY = N_(
    "<code>ip_check</code> refuses YooKassa's own notifications: behind the proxy of <code>public_url</code> all "
    "come from the proxy's address."
)
NO_PROXY_FIX = N_(
    "Set <code>trusted_proxies</code> under <code>[web]</code> to the proxy's address, or <code>ip_check</code> to "
    "<code>log</code>."
)
TEST_KEY_FIX = N_("Set number and key of the live shop. What was bought with test cards stays with its buyers.")


async def tell_of_test_key(ctx: PluginContext) -> None:
    """Alert the owner of a test key at YooKassa itself: once a start."""
    if ctx.settings(PaymentsSettings).gives_away:
        async with ctx.work() as work:
            work.alert("test-key", TEST_KEY)


async def astral_health(ctx: PluginContext) -> Health:
    """Findings and gauges, out of the plugin's tables."""
    settings, moment = ctx.settings(PaymentsSettings), now()
    async with ctx.work() as work:
        gauges = await _gauges(work.session, moment)
        silent = await _silent_since(work.session, moment)
    findings = list(_findings(gauges))
    if settings.gives_away:
        findings.append(HealthFinding("test-key", TEST_KEY, TEST_KEY_FIX))
    if _shuts_out(settings, ctx):
        findings.append(HealthFinding("ip-check", NO_PROXY, NO_PROXY_FIX, level="warning"))
    if silent is not None:
        findings.append(_silence(moment - silent))
    return Health(findings, gauges)


def _shuts_out(settings: PaymentsSettings, ctx: PluginContext) -> bool:
    """Whether senders are checked whose addresses cannot be seen."""
    checked = settings.ip_check == "enforce" and settings.yookassa_secret_key is not None and not settings.emulated
    return checked and ctx.url("") is not None and not ctx.trusted_proxies


def _findings(gauges: dict[str, float]) -> Iterator[HealthFinding]:
    if n := int(gauges["events_dead"]):
        text = N_("Notifications about payments of this bot that could not be settled: {n}.")
        fix = N_("Find them in <code>payments_events</code> (state dead) and compare with YooKassa's cabinet.")
        yield HealthFinding("events-dead", text, fix, values={"n": n})
    if n := int(gauges["refunds_failed"]):
        text = N_("Refunds that were refused, with the money still here: {n}.")
        fix = N_("Ask again with <code>/refund number</code>, or return the money by hand.")
        yield HealthFinding("refunds-failed", text, fix, values={"n": n})


async def _gauges(session: AsyncSession, moment: datetime) -> dict[str, float]:
    unfinished = payments.c.next_check_at.is_not(None)
    by_status = select(payments.c.status, func.count()).where(unfinished).group_by(payments.c.status)
    oldest = select(func.min(payments.c.created_at)).where(unfinished, payments.c.status.in_(WAITS))
    newest = select(events.c.payment_ref, events.c.state).order_by(events.c.id.desc()).limit(NEWEST).subquery()
    dead = (
        select(func.count())
        .select_from(newest)
        .join(payments, (payments.c.provider == YOOKASSA) & (payments.c.provider_ref == newest.c.payment_ref))
        .where(newest.c.state == "dead")
    )
    refused = refunds.c.status.in_(("failed", "canceled")) | refunds.c.refused_at.is_not(None)
    kept = refused & (payments.c.refunded_minor < payments.c.amount_minor)
    failed = select(func.count()).select_from(refunds).join(payments).where(kept)
    counts: dict[str, int] = {row[0]: row[1] for row in await session.execute(by_status)}
    first = (await session.execute(oldest)).scalar_one()
    return {
        **{name: counts.get(status, 0) for status, name in WAITS.items()},
        "oldest_waiting_seconds": (moment - first).total_seconds() if first is not None else 0.0,
        "events_dead": (await session.execute(dead)).scalar_one(),
        "refunds_failed": (await session.execute(failed)).scalar_one(),
    }


async def _silent_since(session: AsyncSession, moment: datetime) -> datetime | None:
    """When a payment was last found by asking, where no notification of ours has come within a day; else None."""
    day = moment - timedelta(hours=24)
    newest = select(transitions).order_by(transitions.c.id.desc()).limit(NEWEST).subquery()
    polled = (
        select(func.max(newest.c.at))
        .join(payments, payments.c.id == newest.c.payment_id)
        .where(
            newest.c.cause.in_(("poll", "sweep")), newest.c.to_status == SUCCEEDED, payments.c.provider == YOOKASSA
        )
        .where(newest.c.at > day, newest.c.at < moment - LATE)
    )
    heard = select(events.c.id).join(payments, OF_PAYMENT).where(events.c.received_at > day).limit(1)
    if (await session.execute(heard)).first() is not None:
        return None
    found: datetime | None = (await session.execute(polled)).scalar_one()
    return found


def _silence(age: timedelta) -> HealthFinding:
    """An error while it is new, so that an owner reads it once a sale and not each hour of a day."""
    return HealthFinding(
        "notifications-missing",
        N_("YooKassa has sent no notification for a day, though payments came. Buyers wait for minutes."),
        N_(
            "In YooKassa's cabinet set the address for HTTP notifications to <code>/webhook/yookassa</code> of this "
            "bot, with all events of payments and refunds."
        ),
        "error" if age < LATE + timedelta(hours=1) else "warning",
    )
