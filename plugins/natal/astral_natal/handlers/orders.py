"""What the payments plugin tells: an order was paid, or its money went back. Imported only where it is installed."""

from __future__ import annotations

from astral_core import N_, Context, Routes
from astral_natal import purchases, store
from astral_natal.handlers.chart import active_profile, begin_buttons, send_reading
from astral_natal.handlers.reading import messages_of
from astral_payments.api import OrderPaid, OrderRevoked

routes = Routes()


@routes.event(OrderPaid)
async def deliver(ctx: Context, event: OrderPaid) -> None:
    """Send the reading that was paid for: once a payment, however often its event comes, and while it is owned."""
    if event.product != purchases.FULL_READING or await store.is_answered(ctx.session, event.order_id):
        return
    if await purchases.is_given_back(ctx, event.user_id):
        return
    profile = await active_profile(ctx, event.user_id)
    found = None if profile is None else await messages_of(ctx, profile)
    if found is None:
        await store.keep_waiting(ctx.session, event.user_id, event.order_id)
        _ask_for_birth(ctx)
        return
    key, messages = found
    await store.keep_reading(ctx.session, event.user_id, key, ctx.language, messages, event.order_id)
    ctx.reply(N_("Here is your full reading 💫 It stays yours: open it below your chart at any time."))
    send_reading(ctx, messages)


@routes.event(OrderRevoked)
async def take_back(ctx: Context, event: OrderRevoked) -> None:
    """Wait for birth data no longer: the money went back. What was made stays, and opens for owners alone."""
    if event.product == purchases.FULL_READING:
        await store.end_waiting(ctx.session, event.order_id)


def _ask_for_birth(ctx: Context) -> None:
    ctx.show(
        N_(
            "Your full reading is paid for and waits for you 💫 Tell me when and where you were born, "
            "and it will be here together with your chart."
        ),
        begin_buttons(ctx),
    )
