"""The full reading: sold once, stored before it is sent, shown again whenever its owner likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astral_core import Context, Update
from astral_natal import paid, store, worker
from astral_natal.compute import compute_chart
from astral_natal.errors import ChartFormatError, DateOutOfRange
from astral_natal.handlers.chart import natal_chart, send_chart
from astral_natal.handlers.common import active_profile, buy_row, menu_button, routes
from astral_natal.handlers.texts import own_chart
from astral_natal.model import Chart, ChartRequest
from astral_natal.service import chart_key, request_of
from astral_profile.api import Profile, ProfileCompleted

if TYPE_CHECKING:
    from astral_payments.api import OrderPaid, OrderRevoked


@routes.callback("full/{chart_id:int}")
async def full_reading(update: Update, ctx: Context, chart_id: int) -> None:
    """The full reading of a chart, to its owner; to others what it costs."""
    stored = await own_chart(ctx, chart_id)
    if stored is None:
        await natal_chart(update, ctx)
        return
    if not await paid.owns_reading(ctx, ctx.user.id):
        _offer(ctx)
        return
    messages = await store.reading(ctx.session, ctx.user.id, stored.key, ctx.language)
    if messages is None:
        await ctx.progress()
        messages = await ctx.run_cpu(worker.tell, stored.chart, ctx.language)
        await store.keep_reading(ctx.session, ctx.user.id, stored.key, ctx.language, messages)
    _send(ctx, messages)


@routes.callback("reading")
async def my_reading(update: Update, ctx: Context) -> None:
    """The full reading of the active profile, to who bought it; to others what it costs."""
    profile = await active_profile(ctx, ctx.user.id)
    if not await paid.owns_reading(ctx, ctx.user.id):
        _offer(ctx)
        return
    found = None if profile is None else await _messages(ctx, profile)
    if found is None:  # no birth data, or none that a chart can be drawn from: the chart's page says which
        await natal_chart(update, ctx)
        return
    key, messages = found
    if await store.reading(ctx.session, ctx.user.id, key, ctx.language) is None:
        await store.keep_reading(ctx.session, ctx.user.id, key, ctx.language, messages)
    _send(ctx, messages)


async def draw_completed(event: ProfileCompleted, ctx: Context) -> None:
    """Draw the chart of a profile that was just made or changed; give the reading that was paid for before it."""
    profile = await active_profile(ctx, event.user_id)
    if profile is None:
        return
    order = await store.waiting_order(ctx.session, event.user_id)
    if order is not None and await paid.is_given_back(ctx, event.user_id):
        order = None
    messages = None if order is None else await _messages(ctx, profile)
    sent = await send_chart(ctx, profile)
    if sent and messages is not None:
        key, texts = messages
        await store.keep_reading(ctx.session, event.user_id, key, ctx.language, texts, order)
        _send(ctx, texts)


async def deliver(event: OrderPaid, ctx: Context) -> None:
    """Send the reading that was paid for: once a payment, however often its event comes, and while it is owned."""
    if event.product != paid.FULL_READING or await store.is_answered(ctx.session, event.order_id):
        return
    if await paid.is_given_back(ctx, event.user_id):
        return
    profile = await active_profile(ctx, event.user_id)
    found = None if profile is None else await _messages(ctx, profile)
    if found is None:
        await store.keep_waiting(ctx.session, event.user_id, event.order_id)
        _ask_for_birth(ctx)
        return
    key, messages = found
    await store.keep_reading(ctx.session, event.user_id, key, ctx.language, messages, event.order_id)
    ctx.reply(ctx.t("Here is your full reading 💫 It stays yours: open it below your chart at any time."))
    _send(ctx, messages)


async def take_back(event: OrderRevoked, ctx: Context) -> None:
    """Wait for birth data no longer: the money went back. What was made stays, and opens for owners alone."""
    if event.product == paid.FULL_READING:
        await store.end_waiting(ctx.session, event.order_id)


async def _messages(ctx: Context, profile: Profile) -> tuple[str, list[str]] | None:
    """Return the key of a profile's chart and its reading; None where the birth has no chart."""
    request = request_of(profile.birth)
    if not isinstance(request, ChartRequest):
        return None
    key = chart_key(request)
    kept = await store.reading(ctx.session, profile.user_id, key, ctx.language)
    if kept is not None:
        return key, kept
    await ctx.progress()
    try:
        chart = await _chart(ctx, profile, request, key)
    except DateOutOfRange:
        return None
    return key, await ctx.run_cpu(worker.tell, chart, ctx.language)


async def _chart(ctx: Context, profile: Profile, request: ChartRequest, key: str) -> Chart:
    try:
        stored = await store.chart_by_key(ctx.session, profile.user_id, profile.id, key)
    except ChartFormatError:
        stored = None
    return stored.chart if stored is not None else await ctx.run_cpu(compute_chart, request)


def _send(ctx: Context, messages: list[str]) -> None:
    """Send a reading; the buttons stand below its last message."""
    *first, last = messages
    for text in first:
        ctx.reply(text, silent=True)
    ctx.reply(last, [[ctx.button(ctx.t("My chart"), "natal:chart")], [menu_button(ctx)]], silent=True)


def _ask_for_birth(ctx: Context) -> None:
    ctx.show(
        ctx.t(
            "Your full reading is paid for and waits for you 💫 Tell me when and where you were born, "
            "and it will be here together with your chart."
        ),
        [[ctx.button(ctx.t("Let us begin"), "profile:begin")], [menu_button(ctx)]],
    )


def _offer(ctx: Context) -> None:
    ctx.show(
        ctx.t(
            "<b>The full reading</b> puts your whole chart into words: character, feelings, mind, love, work, "
            "growth and the strongest aspects.\n\nIt is bought once and stays yours. If you change your birth data "
            "later, the reading is made anew for it, at no cost."
        ),
        [*buy_row(ctx), [menu_button(ctx)]],
    )
