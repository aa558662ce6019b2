"""Astral plugin: the phase of the Moon, by command, every day, and as a page."""

from datetime import date, datetime, timedelta

from astral_core import N_, Button, Context, Markup, Plugin, Refuse, Tables, now
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert, select, update

from astral_tides import web
from astral_tides.moon import DAY, FIRST_DAY, LAST_DAY, moon_on
from astral_tides.tables import metadata, subscribers, waiting
from astral_tides.words import facts, read_day

NO_DAY = N_("I do not know that day. Write it like this: <code>/moon 2026-12-24</code>, from {first} to {last}.")
BATCH = 500  # messages that are made ready in one transaction


class TidesSettings(BaseModel):
    """What an owner may set in `[plugins.tides]`."""

    model_config = ConfigDict(extra="forbid")

    hour: int = Field(default=7, ge=0, le=23, description="hour of the daily message, in universal time")


plugin = Plugin(
    settings=TidesSettings,
    tables=Tables(metadata),
    routes=[web.routes],
    about=N_("I know the phase of the Moon on any day, and can tell you each morning."),
    personal=N_("That you get the daily message, and since when: so that I can send it."),
)


@plugin.callback("now")
@plugin.command("moon", description=N_("The Moon on a day"))
async def moon(ctx: Context) -> None:
    """Show today, or the day that was typed behind the command."""
    day = read_day(ctx.args) if ctx.args else today()
    if day is None:
        raise Refuse(ctx.t(NO_DAY, first=FIRST_DAY.year, last=LAST_DAY.year))
    await show(ctx, day)


plugin.menu(N_("The Moon today"), moon(), order=60)


@plugin.callback("day/{n:int}")
async def moon_day(ctx: Context, n: int) -> None:
    """Show a day by its number; anybody can forge a button, and so the number is checked."""
    if not FIRST_DAY.toordinal() <= n <= LAST_DAY.toordinal():
        raise Refuse(N_("This button is out of date. Press a newer one."))
    await show(ctx, date.fromordinal(n))


@plugin.callback("on")
async def subscribe(ctx: Context) -> None:
    """Begin with the daily message: today, if its hour has not come yet."""
    moment = now()
    first = moment.date() + (DAY if is_due(moment, ctx.settings(TidesSettings).hour) else timedelta())
    if not await is_subscribed(ctx):
        await ctx.session.execute(insert(subscribers).values(user_id=ctx.user.id, next_on=first))
    await show(ctx, moment.date())


@plugin.callback("off")
async def unsubscribe(ctx: Context) -> None:
    """End the daily message."""
    await ctx.session.execute(delete(subscribers).where(subscribers.c.user_id == ctx.user.id))
    await show(ctx, today())


async def show(ctx: Context, day: date) -> None:
    """One message, edited in place when a button was pressed."""
    blocks, switch = [card(ctx, day)], ctx.button(N_("Send it every day"), subscribe())
    if await is_subscribed(ctx):
        hour = f"{ctx.settings(TidesSettings).hour:02}:00"
        blocks.append(ctx.t("🔔 You get this every day at {hour} UTC.", hour=hour))
        switch = ctx.button(N_("No more daily messages"), unsubscribe())
    ctx.show(Markup("\n\n").join(blocks), [days(ctx, day), [switch], [ctx.menu_button()]])


def card(ctx: Context, day: date) -> Markup:
    """The text about a day."""
    found = facts(ctx, moon_on(day), ctx.language)
    return ctx.t("{sign} <b>{phase}</b>\n{day}\n\n{lit}.\n{next_new}\n{next_full}", **found)


def days(ctx: Context, day: date) -> list[Button]:
    """Buttons to other days."""
    if day == today():
        return [ctx.button(N_("Tomorrow"), moon_day(n=day.toordinal() + 1))]
    after = [ctx.button(N_("The next day"), moon_day(n=day.toordinal() + 1))] if day < LAST_DAY else []
    return [ctx.button(N_("Today"), moon()), *after]


async def is_subscribed(ctx: Context) -> bool:
    """Whether a person gets the daily message."""
    mine = select(subscribers.c.user_id).where(subscribers.c.user_id == ctx.user.id)
    return await ctx.session.scalar(mine) is not None


def today() -> date:
    """The day in universal time."""
    return now().date()


# --- the daily message


def is_due(moment: datetime, hour: int) -> bool:
    """Whether the hour of the message has come on this day."""
    return moment.hour >= hour


@plugin.job("daily", every=300)
async def daily(ctx: Context) -> None:
    """After its hour, make today's messages ready. It looks every five minutes, so that a restart skips no day."""
    moment = now()
    if is_due(moment, ctx.settings(TidesSettings).hour):
        await batch.handler(ctx, day=moment.date().toordinal())


@plugin.step("batch")
async def batch(ctx: Context, day: int) -> None:
    """Make a batch of messages ready and put them off until tomorrow; another one follows, until there is none.

    Each message is a step in its own chat, so that one slow chat keeps nobody waiting. Who has blocked the bot is put
    off too: the row stays for when they come back.
    """
    due = waiting.where(subscribers.c.next_on <= date.fromordinal(day)).limit(BATCH)
    found = (await ctx.session.execute(due)).all()
    if not found:
        return
    these = subscribers.c.user_id.in_([row.user_id for row in found])
    await ctx.session.execute(update(subscribers).where(these).values(next_on=date.fromordinal(day + 1)))
    for row in found:
        if row.blocked_at is None:
            ctx.defer(send_day(day=day), to=row.user_id)
    ctx.defer(batch(day=day))


@plugin.step("send")
async def send_day(ctx: Context, day: int) -> None:
    """Send the message of a day to who still wants it."""
    if await is_subscribed(ctx):
        ctx.reply(card(ctx, date.fromordinal(day)), [[ctx.button(N_("Tomorrow"), moon_day(n=day + 1))]])
