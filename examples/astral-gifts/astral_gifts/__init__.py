"""Astral plugin: good wishes, sold for Telegram Stars through the payments plugin."""

import asyncio
from collections.abc import Iterable

from astral_core import N_, Button, Context, Plugin, PluginContext, Refuse, Tables, named_route, now
from astral_payments.api import BUY_ROUTE, OrderPaid, OrderRevoked, PaymentsApi, Product
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import insert, select, update

from astral_gifts.goods import WISHES, Wish, frames, greeting
from astral_gifts.tables import is_kept, metadata, wishes

buy = named_route(BUY_ROUTE)


class GiftsSettings(BaseModel):
    """What an owner may set in `[plugins.gifts]`."""

    model_config = ConfigDict(extra="forbid")

    price: int = Field(default=25, ge=1, le=100_000, description="price of a wish in Telegram Stars")
    pause: float = Field(default=0.7, ge=0, le=3, description="seconds between the pictures of the unwrapping")


plugin = Plugin(
    settings=GiftsSettings,
    tables=Tables(metadata),
    about=N_("I keep good wishes in boxes. Each one that you open is yours for good."),
    personal=N_("Which wishes are yours: so that you can read them again."),
)


@plugin.callback("box")
@plugin.command("gift", description=N_("A good wish for you"))
async def gift(ctx: Context) -> None:
    """Show the wishes: those that the user has can be read, the others bought."""
    owned = select(wishes.c.code).where(wishes.c.user_id == ctx.user.id, is_kept)
    mine = set(await ctx.session.scalars(owned))
    rows = [[button] for wish in WISHES.values() if (button := wish_button(ctx, wish, mine)) is not None]
    text = N_("<b>Good wishes</b>\n\nEach one comes in a box, and is yours for good.")
    if not rows:
        text = N_("There are no wishes for sale right now. Please come back later.")
    ctx.show(text, [*rows, [ctx.menu_button()]])


plugin.menu(N_("A good wish for you"), gift(), order=70)


@plugin.callback("read/{code:slug}")
async def read(ctx: Context, code: str) -> None:
    """Show a wish again; anybody can forge a button, and so it is looked up whose it is."""
    if code not in WISHES or not await ctx.get(PaymentsApi).has(ctx.session, ctx.user.id, code):
        raise Refuse(N_("This wish is not yours. Write /gift to see those that are."))
    ctx.show(greeting(ctx, WISHES[code]), [[ctx.button(N_("All wishes"), gift())], [ctx.menu_button()]])


def wish_button(ctx: Context, wish: Wish, mine: set[str]) -> Button | None:
    """The button of a wish: to read it, or to buy it; None where it cannot be bought now."""
    title = f"{wish.sign} {wish.title_in(ctx.language)}"
    if wish.code in mine:
        return ctx.button(title, read(code=wish.code))
    price = ctx.get(PaymentsApi).price_text(wish.code, ctx.language)
    return ctx.button(f"{title} · {price}", buy(code=wish.code)) if price is not None else None


# --- a wish is paid for, and its money goes back


@plugin.event(OrderPaid)
async def deliver(ctx: Context, event: OrderPaid) -> None:
    """Bring the box: once an order, however often its event comes, and not where its money went back meanwhile."""
    wish = WISHES.get(event.product)
    if wish is None or not await ctx.get(PaymentsApi).has(ctx.session, event.user_id, event.product):
        return
    # A person's events are handled one after the other.
    if await ctx.session.scalar(select(wishes.c.code).where(wishes.c.order_id == event.order_id)) is None:
        row = insert(wishes).values(order_id=event.order_id, user_id=event.user_id, code=wish.code)
        await ctx.session.execute(row)
        show_frame(ctx, event.order_id, wish, 0)


@plugin.step("unwrap")
async def unwrap(ctx: Context, order_id: str, code: str, n: int) -> None:
    """Show the next picture of the unwrapping: a step each, so that a restart goes on where it was."""
    await asyncio.sleep(ctx.settings(GiftsSettings).pause)  # before the session is used: it holds nothing meanwhile
    owned = await ctx.get(PaymentsApi).has(ctx.session, ctx.user.id, code)  # its money may have gone back meanwhile
    given = select(wishes.c.code).where(wishes.c.order_id == order_id, is_kept)
    if owned and await ctx.session.scalar(given) is not None:
        show_frame(ctx, order_id, WISHES[code], n)


def show_frame(ctx: Context, order_id: str, wish: Wish, n: int) -> None:
    """Show picture `n` in the message of the wish, and let the next one follow; the last one has a button."""
    texts = frames(ctx, wish)
    is_last = n == len(texts) - 1
    buttons = [[ctx.button(N_("All wishes"), gift())]] if is_last else []
    ctx.show(texts[n], buttons, slot=wish.code, fresh=n == 0)
    if not is_last:
        ctx.defer(unwrap(order_id=order_id, code=wish.code, n=n + 1))


@plugin.event(OrderRevoked)
async def take_back(ctx: Context, event: OrderRevoked) -> None:
    """Take the wish of a refunded order back: out of the table, and out of its message."""
    kept = update(wishes).where(wishes.c.order_id == event.order_id, is_kept)
    code = await ctx.session.scalar(kept.values(taken_back_at=now()).returning(wishes.c.code))
    if code is not None:
        text = N_("This box went back, and its Stars are with you again.")
        ctx.show(text, [[ctx.button(N_("All wishes"), gift())]], slot=code, fresh=False)


# --- what it is to others


@plugin.hook
def astral_products(ctx: PluginContext) -> Iterable[Product]:
    """Offer the wishes: a hook of the payments plugin."""
    return [wish.product(ctx.settings(GiftsSettings).price) for wish in WISHES.values()]
