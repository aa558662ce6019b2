"""What the bot says to /gift, and what it does when a wish is paid for or its money goes back."""

from __future__ import annotations

import asyncio

from astral_core import Button, Context, Refuse, Routes, Update
from astral_payments.api import BUY_ROUTE, OrderPaid, OrderRevoked, PaymentsApi

from astral_gifts import store
from astral_gifts.settings import GiftsSettings
from astral_gifts.wishes import N_, WISHES, Wish, frames, greeting

routes = Routes()


@routes.callback("box")
@routes.command("gift", description=N_("A good wish for you"))
async def gift(update: Update, ctx: Context) -> None:
    """Show the wishes: those that the user has can be read, the others bought."""
    mine = await store.owned(ctx.session, ctx.user.id)
    rows = [[button] for wish in WISHES.values() if (button := wish_button(ctx, wish, mine)) is not None]
    text = ctx.t("<b>Good wishes</b>\n\nEach one comes in a box, and is yours for good.")
    if not rows:
        text = ctx.t("There are no wishes for sale right now. Please come back later.")
    ctx.show(text, [*rows, [menu_button(ctx)]])


@routes.callback("read/{code:slug}")
async def read(update: Update, ctx: Context, code: str) -> None:
    """Show a wish again; the button's data may be forged, and so it is looked up whose it is."""
    wish = WISHES.get(code)
    if wish is None or not await payments(ctx).has(ctx.session, ctx.user.id, code):
        raise Refuse(ctx.t("This wish is not yours. Write /gift to see those that are."))
    text = greeting(wish, ctx.user.first_name, ctx.language, ctx.t)
    ctx.show(text, [[ctx.button(ctx.t("All wishes"), gift)], [menu_button(ctx)]])


def wish_button(ctx: Context, wish: Wish, mine: set[str]) -> Button | None:
    """The button of a wish: to read it, or to buy it; None where it cannot be bought now."""
    title = f"{wish.sign} {wish.title_in(ctx.language)}"
    if wish.code in mine:
        return ctx.button(title, read, code=wish.code)
    price = payments(ctx).price_text(wish.code, ctx.language)
    return ctx.button(f"{title} · {price}", BUY_ROUTE, code=wish.code) if price is not None else None


def menu_button(ctx: Context) -> Button:
    """The way home."""
    return ctx.button(ctx.t("‹ Menu"), "core:menu")


def payments(ctx: Context) -> PaymentsApi:
    """The payments plugin. This one requires it, and so never runs without it."""
    api = ctx.api(PaymentsApi)  # type: ignore[type-abstract]  # a Protocol names the service
    if api is None:
        raise RuntimeError("gifts: the payments plugin provides no PaymentsApi")
    return api


# --- a wish is paid for


async def deliver(event: OrderPaid, ctx: Context) -> None:
    """Bring the box: once an order, however often its event comes, and not where its money went back meanwhile."""
    wish = WISHES.get(event.product)
    if wish is None or not await payments(ctx).has(ctx.session, event.user_id, event.product):
        return
    if await store.give(ctx.session, event.order_id, event.user_id, wish.code):
        show_frame(ctx, wish, 0, fresh=True)
        next_frame(ctx, event.order_id, wish, 1)


@routes.step("unwrap")
async def unwrap(ctx: Context, order_id: str, code: str, n: int) -> None:
    """Show the next picture of the unwrapping: a step each, so that a restart goes on where it was."""
    await asyncio.sleep(ctx.settings(GiftsSettings).pause)  # before the session is used: it holds nothing meanwhile
    owned = await payments(ctx).has(ctx.session, ctx.user.id, code)  # its money may have gone back meanwhile
    if owned and await store.is_given(ctx.session, order_id):
        show_frame(ctx, WISHES[code], n)
        next_frame(ctx, order_id, WISHES[code], n + 1)


def show_frame(ctx: Context, wish: Wish, n: int, *, fresh: bool = False) -> None:
    """Show picture `n` in the message of the wish; the last one has a button."""
    texts = frames(wish, ctx.user.first_name, ctx.language, ctx.t)
    buttons = [[ctx.button(ctx.t("All wishes"), gift)]] if n == len(texts) - 1 else []
    ctx.show(texts[n], buttons, slot=wish.code, fresh=fresh)


def next_frame(ctx: Context, order_id: str, wish: Wish, n: int) -> None:
    """Let picture `n` follow, if there is one."""
    if n < len(frames(wish, "", ctx.language, ctx.t)):
        ctx.defer_once(f"{order_id}:{n}", unwrap, order_id=order_id, code=wish.code, n=n)


# --- its money goes back


async def take_back(event: OrderRevoked, ctx: Context) -> None:
    """Take the wish of a refunded order back: out of the table, and out of its message."""
    wish = WISHES.get(event.product)
    if wish is not None and await store.take_back(ctx.session, event.order_id):
        text = ctx.t("This box went back, and its Stars are with you again.")
        ctx.show(text, [[ctx.button(ctx.t("All wishes"), gift)]], slot=wish.code, fresh=False)
