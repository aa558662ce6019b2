"""The full reading of a profile: stored before it is sent, shown again whenever its owner likes."""

from __future__ import annotations

from astral_core import Context, Markup, Routes
from astral_natal import purchases, store, worker
from astral_natal.compute import compute_chart
from astral_natal.errors import ChartFormatError, DateOutOfRange
from astral_natal.handlers.chart import active_profile, natal_chart, offer_reading, send_chart, send_reading
from astral_natal.model import Chart, ChartRequest
from astral_natal.service import chart_key, request_of
from astral_profile.api import Profile, ProfileCompleted

routes = Routes()


@routes.callback("reading")
async def my_reading(ctx: Context) -> None:
    """The full reading of the active profile, to who bought it; to others what it costs."""
    profile = await active_profile(ctx, ctx.user.id)
    if not await purchases.owns_reading(ctx, ctx.user.id):
        offer_reading(ctx)
        return
    found = None if profile is None else await messages_of(ctx, profile)
    if found is None:  # no birth data, or none that a chart can be drawn from: the chart's page says which
        await natal_chart.handler(ctx)
        return
    key, messages = found
    if await store.reading(ctx.session, ctx.user.id, key, ctx.language) is None:
        await store.keep_reading(ctx.session, ctx.user.id, key, ctx.language, messages)
    send_reading(ctx, messages)


@routes.event(ProfileCompleted)
async def draw_completed(ctx: Context, event: ProfileCompleted) -> None:
    """Draw the chart of a profile that was just made or changed; give the reading that was paid for before it."""
    profile = await active_profile(ctx, event.user_id)
    if profile is None:
        return
    order = await store.waiting_order(ctx.session, event.user_id)
    if order is not None and await purchases.is_given_back(ctx, event.user_id):
        order = None
    found = None if order is None else await messages_of(ctx, profile)
    sent = await send_chart(ctx, profile)
    if sent and found is not None:
        key, messages = found
        await store.keep_reading(ctx.session, event.user_id, key, ctx.language, messages, order)
        send_reading(ctx, messages)


async def messages_of(ctx: Context, profile: Profile) -> tuple[str, list[Markup]] | None:
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
    return key, await ctx.run_cpu(worker.reading_messages, chart, ctx.language)


async def _chart(ctx: Context, profile: Profile, request: ChartRequest, key: str) -> Chart:
    try:
        stored = await store.chart_by_key(ctx.session, profile.user_id, profile.id, key)
    except ChartFormatError:
        stored = None
    return stored.chart if stored is not None else await ctx.run_cpu(compute_chart, request)
