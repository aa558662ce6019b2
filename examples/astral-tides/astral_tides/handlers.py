"""What the bot says to /moon, what its buttons do, and the daily message."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from astral_core import Button, Context, Refuse, Routes, Update, now

from astral_tides import store
from astral_tides.moon import DAY, FIRST_DAY, LAST_DAY, moon_on
from astral_tides.settings import TidesSettings
from astral_tides.words import N_, facts, read_day

routes = Routes()
JOB_EVERY = 300.0  # seconds; the message comes at most so long after its hour
BATCH = 500  # messages that are made ready in one transaction


@routes.command("moon", description=N_("The Moon on a day"))
async def moon(update: Update, ctx: Context) -> None:
    """Show today, or the day that was typed behind the command."""
    if not ctx.args:
        await show(ctx, today())
        return
    typed = read_day(" ".join(ctx.args))
    if typed is None:
        text = ctx.t(
            "I do not know that day. Write it like this: <code>/moon 2026-12-24</code>, from {first} to {last}.",
            first=FIRST_DAY.year,
            last=LAST_DAY.year,
        )
        raise Refuse(text)
    await show(ctx, typed)


@routes.callback("now")
async def moon_now(update: Update, ctx: Context) -> None:
    """Show today."""
    await show(ctx, today())


@routes.callback("day/{n:int}")
async def moon_day(update: Update, ctx: Context, n: int) -> None:
    """Show a day by its number; the button's data may be forged, and so the number is checked."""
    if not FIRST_DAY.toordinal() <= n <= LAST_DAY.toordinal():
        raise Refuse(ctx.t("This button is out of date. Press a newer one."))
    await show(ctx, date.fromordinal(n))


@routes.callback("on")
async def subscribe(update: Update, ctx: Context) -> None:
    """Begin with the daily message: today, if its hour has not come yet."""
    moment = now()
    waits = is_due(moment, ctx.settings(TidesSettings).hour)
    await store.subscribe(ctx.session, ctx.user.id, moment.date() + (DAY if waits else timedelta()))
    await show(ctx, moment.date())


@routes.callback("off")
async def unsubscribe(update: Update, ctx: Context) -> None:
    """End the daily message."""
    await store.purge(ctx.session, ctx.user.id)
    await show(ctx, today())


async def show(ctx: Context, day: date) -> None:
    """One message, edited in place when a button was pressed."""
    blocks = [card(ctx, day)]
    subscribed = await store.is_subscribed(ctx.session, ctx.user.id)
    if subscribed:
        hour = f"{ctx.settings(TidesSettings).hour:02}:00"
        blocks.append(ctx.t("🔔 You get this every day at {hour} UTC.", hour=hour))
        switch = ctx.button(ctx.t("No more daily messages"), unsubscribe)
    else:
        switch = ctx.button(ctx.t("Send it every day"), subscribe)
    ctx.show("\n\n".join(blocks), [days(ctx, day), [switch], [ctx.button(ctx.t("‹ Menu"), "core:menu")]])


def card(ctx: Context, day: date) -> str:
    """The text about a day."""
    found = facts(moon_on(day), ctx.language, ctx.t)
    return ctx.t(
        "{sign} <b>{phase}</b>\n{day}\n\n{lit}.\n{next_new}\n{next_full}",
        sign=found.sign, phase=found.phase, day=found.day, lit=found.lit,
        next_new=found.next_new, next_full=found.next_full,
    )  # fmt: skip


def days(ctx: Context, day: date) -> list[Button]:
    """Buttons to other days."""
    if day == today():
        return [ctx.button(ctx.t("Tomorrow"), moon_day, n=day.toordinal() + 1)]
    row = [ctx.button(ctx.t("Today"), moon_now)]
    if day < LAST_DAY:
        row.append(ctx.button(ctx.t("The next day"), moon_day, n=day.toordinal() + 1))
    return row


def today() -> date:
    """The day in universal time."""
    return now().date()


# --- the daily message


def is_due(moment: datetime, hour: int) -> bool:
    """Whether the hour of the message has come on this day."""
    return moment.hour >= hour


async def daily(ctx: Context) -> None:
    """The job: after its hour, make today's messages ready."""
    moment = now()
    if is_due(moment, ctx.settings(TidesSettings).hour):
        await batch(ctx, day=moment.date().toordinal())


@routes.step("batch")
async def batch(ctx: Context, day: int) -> None:
    """Make a batch of messages ready in one transaction; where it was full, another one follows.

    Each message is a step in its own chat, so that one slow chat keeps nobody waiting.
    """
    users = await store.take_due(ctx.session, date.fromordinal(day), BATCH)
    plugin = ctx.plugin_context()
    for user_id in users:
        plugin.defer(ctx.run.work, send_day, user_id, f"{user_id}:{day}", day=day)
    if users:
        ctx.defer(batch, day=day)


@routes.step("send")
async def send_day(ctx: Context, day: int) -> None:
    """Send the message of a day to who still wants it."""
    if await store.is_subscribed(ctx.session, ctx.chat_id):
        ctx.reply(card(ctx, date.fromordinal(day)), [[ctx.button(ctx.t("Tomorrow"), moon_day, n=day + 1)]])
