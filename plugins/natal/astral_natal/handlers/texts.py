"""What the chart says, point by point: one message below the photo, edited in place."""

from __future__ import annotations

from html import escape

from astral_core import Context, Update
from astral_natal import store
from astral_natal.errors import ChartFormatError
from astral_natal.handlers.chart import natal_chart
from astral_natal.handlers.common import routes, text_buttons
from astral_natal.interpret import MESSAGE_LIMIT, placement, strongest_aspects, utf16_units
from astral_natal.store import StoredChart

SLOT = "natal"
TOLD_ASPECTS = 3


@routes.callback("body/{chart_id:int}/{body:slug}")
async def body(update: Update, ctx: Context, chart_id: int, body: str) -> None:
    """What one planet, node or angle says."""
    stored = await own_chart(ctx, chart_id)
    if stored is None:
        await natal_chart(update, ctx)
        return
    try:
        text = placement(stored.chart, body, ctx.language).html
    except KeyError:  # a forged button, or the chart of a birth whose time was taken back
        text = str(ctx.t("This chart does not know that point. Choose another one."))
    ctx.show(text, text_buttons(ctx, stored.id, stored.chart), slot=SLOT, fresh=False)


@routes.callback("aspects/{chart_id:int}")
async def aspects(update: Update, ctx: Context, chart_id: int) -> None:
    """The strongest aspects in words, the others by name."""
    stored = await own_chart(ctx, chart_id)
    if stored is None:
        await natal_chart(update, ctx)
        return
    ctx.show(aspects_text(ctx, stored), text_buttons(ctx, stored.id, stored.chart), slot=SLOT, fresh=False)


def aspects_text(ctx: Context, stored: StoredChart) -> str:
    """Return the strongest aspects in words and as many of the others by name as a message holds."""
    found = strongest_aspects(stored.chart, ctx.language, len(stored.chart.aspects))
    if not found:
        return str(
            ctx.t("No aspect of this chart holds through the whole day. With the hour of birth there are more.")
        )
    title, more = ctx.t("How your planets talk to each other"), ctx.t("And also")
    blocks = [f"<b>{title}</b>", *(paragraph.html for paragraph in found[:TOLD_ASPECTS])]
    names = [f"· {escape(paragraph.title, quote=False)}" for paragraph in found[TOLD_ASPECTS:]]
    if names:
        blocks.append("\n".join([f"<b>{more}</b>", *names]))
    text = "\n\n".join(blocks)
    return text if utf16_units(text) <= MESSAGE_LIMIT else "\n\n".join(blocks[:-1])


async def own_chart(ctx: Context, chart_id: int) -> StoredChart | None:
    """Return the user's own chart of that id; None where it is gone, another's or of an older version."""
    try:
        return await store.chart_by_id(ctx.session, chart_id, ctx.user.id)
    except ChartFormatError:
        ctx.log.info("chart %d was written by another version; it is drawn anew", chart_id)
        return None
