"""An order form with questions alone: name, phone, day and comment, a way back, a way out, and a summary at the end.

What is filled in is small state, so the form goes on after a restart, and on whatever replica.
`python3 dev.py playground --plugin examples/order.py`
"""

from calendar import Calendar
from datetime import date, timedelta

from msgspec.structs import asdict, replace

from astral_core import N_, Button, Context, Markup, Plugin, Refuse, State, html, now


class Draft(State):
    """What a person has filled in."""

    name: str = ""
    phone: str = ""
    day: date | None = None
    comment: str = ""


plugin = Plugin(states=[Draft], personal=N_("Your name and number: for your order."))
DAYS = 60  # so far ahead people can order
ASKED = {
    "name": N_("What is your name?"),
    "phone": N_("What is your phone number?"),
    "day": N_("For which day?"),
    "comment": N_("Anything else that we should know?"),
}
STEPS = [*ASKED, "summary"]


async def show(ctx: Context, n: int, *, fresh: bool = True) -> None:
    """Show one step of the form: a press changes its message, what people write gets a new one."""
    step, draft = STEPS[min(n, len(ASKED))], await ctx.load(Draft)
    more = {
        "day": month(ctx, now().date() + timedelta(days=1)),
        "comment": [[ctx.button(N_("No, that is all"), ask(n=4))]],
        "summary": [[ctx.button(N_("Order"), confirm())]],
    }
    way = [ctx.button(N_("‹ Back"), ask(n=n - 1))] if n > 0 else []
    buttons = [*more.get(step, []), [*way, ctx.button(N_("Cancel"), cancel())]]
    ctx.show(ASKED.get(step) or told(draft), buttons, slot="order", fresh=fresh)
    ctx.end_question()
    if step in ASKED:
        ctx.ask(answer(n=n))
    if step == "phone":
        share = ctx.keyboard([[ctx.request_contact(N_("Share my number"))]], one_time=True)
        ctx.reply(N_("Press the button, or write it."), share)


@plugin.callback("ask/{n:int(1)}")
async def ask(ctx: Context, n: int) -> None:
    """Go to a step by a button."""
    await show(ctx, n, fresh=False)


@plugin.command("order", description=N_("Order a cake"))
async def order(ctx: Context) -> None:
    """Begin; what was filled in and never sent is there still."""
    await show(ctx, 0)


@plugin.question("answer", accept=("text", "contact"))
async def answer(ctx: Context, n: int) -> None:
    """Take an answer. What Refuse says leaves the question open."""
    text, step = ctx.text.strip(), STEPS[n]
    if step == "day":
        raise Refuse(N_("Please press a day."))
    if step == "phone":
        text = ctx.message.contact.phone_number if ctx.message.contact else text
        if not 5 <= sum(map(str.isdigit, text)) <= 15:
            raise Refuse(N_("That is no phone number. Write it like this: +49 30 123456"))
    if not 2 <= len(text) <= 200:
        raise Refuse(N_("Please write 2 to 200 characters."))
    ctx.save(replace(await ctx.load(Draft), **{step: text}))
    await show(ctx, n + 1)


def month(ctx: Context, first: date) -> list[list[Button]]:
    """The days of a month that can be chosen, week by week, and the months beside it."""
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    free = [[day for day in week if day.month == first.month and is_free(day)] for week in weeks]
    days = [[ctx.button(f"{day.day}", choose(n=day.toordinal())) for day in week] for week in free if week]
    before, after = first.replace(day=1) - timedelta(days=1), first.replace(day=28) + timedelta(days=4)
    turns = [ctx.button(f"{day:%m/%Y}", turn(n=day.toordinal())) for day in (before, after)]
    return [*days, turns]


def is_free(day: date) -> bool:
    """Whether people can order for this day."""
    return 0 < (day - now().date()).days <= DAYS


@plugin.callback("turn/{n:int(6)}")
async def turn(ctx: Context, n: int) -> None:
    """Show another month; a button may be old, or forged."""
    if abs(n - now().toordinal()) <= DAYS + 31:
        ctx.edit_buttons([*month(ctx, date.fromordinal(n)), [ctx.button(N_("Cancel"), cancel())]])


@plugin.callback("choose/{n:int(6)}")
async def choose(ctx: Context, n: int) -> None:
    """Take a day."""
    day = date.fromordinal(max(n, 1))
    if not is_free(day):
        raise Refuse(N_("Please choose another day."))
    ctx.save(replace(await ctx.load(Draft), day=day))
    await show(ctx, STEPS.index("comment"), fresh=False)


def told(draft: Draft) -> Markup:
    """The form as its reader sees it."""
    day = f"{draft.day:%d.%m.%Y}" if draft.day else "–"
    return html("<b>{name}</b>, {phone}\n{day}\n{comment}", **{**asdict(draft), "day": day})


@plugin.callback("confirm")
async def confirm(ctx: Context) -> None:
    """Send a form that is complete to the shop's owners."""
    draft = await ctx.load(Draft)
    if not (draft.name and draft.phone and draft.day):
        raise Refuse(N_("Something is missing still. Please go back and fill it in."))
    for owner in ctx.admins:
        ctx.call("sendMessage", chat_id=owner, text=told(draft), parse_mode="HTML")
    ctx.save(Draft(name=draft.name, phone=draft.phone))
    ctx.edit(N_("Thank you! We will call you."))


@plugin.callback("cancel")
async def cancel(ctx: Context) -> None:
    """Forget what was filled in."""
    ctx.end_question()
    ctx.save(Draft())
    ctx.edit(N_("Cancelled. /order begins again."))
