"""Astral plugin: reminders. /remind tomorrow 9:00 tea, a list of what is coming, and ten minutes more."""

from datetime import timedelta

from astral_core import N_, Context, Flood, Plugin, State, Tables, now
from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from astral_reminders.tables import items, metadata
from astral_reminders.when import read_reminder, zone_of


class Prefs(State):
    """What the core keeps of a person for us."""

    zone: str = "Europe/Moscow"


plugin = Plugin(
    tables=Tables(metadata),
    states=[Prefs],
    about=N_("I remind you of what you must not forget, at the time that you choose."),
    personal=N_("Your reminders and your time zone: so that they reach you in time."),
)


@plugin.command("remind", description=N_("Remind me: /remind tomorrow 9:00 tea"), flood=Flood(20, per=60))
async def remind(ctx: Context) -> None:
    """Keep a reminder, and say when it comes."""
    zone = (await ctx.load(Prefs)).zone
    due, text = read_reminder(ctx.args, zone, now())
    row = insert(items).values(user_id=ctx.user.id, text=text, due_at=due).returning(items.c.id)
    item = (await ctx.session.execute(row)).scalar_one()
    ctx.defer(fire(item=item), at=due, key=f"item-{item}")
    ctx.reply(ctx.t("I will remind you on {when}.", when=ctx.date(due, zone, style="long")))


@plugin.command("zone", description=N_("Where you live: /zone Berlin"))
async def zone(ctx: Context) -> None:
    """Keep a person's time zone."""
    place = zone_of(ctx.args).key
    ctx.save(Prefs(zone=place))
    ctx.reply(ctx.t("Your times are those of {zone} now: {now}.", zone=place, now=ctx.date(now(), place)))


@plugin.step("fire", tries=5)
async def fire(ctx: Context, item: int) -> None:
    """Remind of an item that is still there."""
    text = await ctx.session.scalar(select(items.c.text).where(items.c.id == item))
    if text is not None:
        later = ctx.button(N_("In 10 minutes"), snooze(item=item))
        ctx.reply(text, [[ctx.button(N_("Done"), done(item=item)), later]])


@plugin.callback("snooze/{item:int}")
async def snooze(ctx: Context, item: int) -> None:
    """Remind once more in ten minutes."""
    due = now() + timedelta(minutes=10)
    moved = update(items).where(own(ctx, item)).values(due_at=due).returning(items.c.id)
    if await ctx.session.scalar(moved) is not None:
        ctx.defer(fire(item=item), at=due, key=f"item-{item}")
        ctx.edit(N_("In ten minutes."))


@plugin.callback("done/{item:int}")
async def done(ctx: Context, item: int) -> None:
    """Forget an item that has been reminded of."""
    await forget(ctx, item)
    ctx.edit(N_("Done."))


@plugin.callback("strike/{item:int}")
async def strike(ctx: Context, item: int) -> None:
    """Forget an item of the list, and show what is left."""
    await forget(ctx, item)
    await coming(ctx)


@plugin.command("list", description=N_("What is coming"))
async def coming(ctx: Context) -> None:
    """Show the next twenty that a person waits for; the first ten have a button."""
    waits = select(items).where(items.c.user_id == ctx.user.id, items.c.due_at > now())
    rows = (await ctx.session.execute(waits.order_by(items.c.due_at).limit(20))).all()
    zone = (await ctx.load(Prefs)).zone
    lines = [f"{ctx.date(row.due_at, zone, style='long')}: {row.text[:80]}" for row in rows]
    buttons = [[ctx.button(ctx.t("Done: {text}", text=row.text[:30]), strike(item=row.id))] for row in rows[:10]]
    ctx.show("\n".join(lines) or N_("Nothing is coming."), buttons, slot="list")


async def forget(ctx: Context, item: int) -> None:
    """Delete an item, if it is this person's, and remind of it no more."""
    await ctx.session.execute(delete(items).where(own(ctx, item)))
    ctx.cancel(fire, key=f"item-{item}")


def own(ctx: Context, item: int) -> ColumnElement[bool]:
    """The item, if it is this person's: a button can be forged."""
    return and_(items.c.id == item, items.c.user_id == ctx.user.id)
