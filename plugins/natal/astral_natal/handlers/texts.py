"""What the chart's messages say: the caption of its photo, its aspects, and why a birth has no chart."""

from __future__ import annotations

from astral_core import N_, Context, Markup, Message, html, limits, text_length
from astral_natal.interpret import big_three, strongest_aspects
from astral_natal.model import Chart
from astral_profile.api import Ambiguous, Nonexistent

TOLD_ASPECTS = 3


def caption(ctx: Context, chart: Chart) -> Markup:
    """Return the Big Three in a few sentences each, and what is special about the chart if there is room."""
    text = Markup("\n\n").join(paragraph.html for paragraph in big_three(chart, ctx.language))
    note = _note(ctx, chart)
    whole = html("{text}\n\n<i>{note}</i>", text=text, note=note) if note else text
    return whole if text_length(whole) <= limits.CAPTION else text


def _note(ctx: Context, chart: Chart) -> Markup | None:
    if chart.houses is None:
        return ctx.t(
            "The hour of birth is unknown, so there is no Ascendant and there are no houses here. Add it to your "
            "profile, and the chart will be complete."
        )
    if chart.houses.system != chart.houses.requested:
        return ctx.t("Beyond the polar circle Placidus houses do not exist; these are Porphyry's.")
    return None


def aspects_text(ctx: Context, chart: Chart) -> Markup:
    """Return the strongest aspects in words and as many of the others by name as a message holds."""
    found = strongest_aspects(chart, ctx.language, len(chart.aspects))
    if not found:
        return ctx.t("No aspect of this chart holds through the whole day. With the hour of birth there are more.")
    head = html("<b>{title}</b>", title=ctx.t("How your planets talk to each other"))
    blocks = [head, *(paragraph.html for paragraph in found[:TOLD_ASPECTS])]
    names = [html("· {title}", title=paragraph.title) for paragraph in found[TOLD_ASPECTS:]]
    if names:
        blocks.append(Markup("\n").join([html("<b>{title}</b>", title=ctx.t("And also")), *names]))
    text = Markup("\n\n").join(blocks)
    return text if text_length(text) <= limits.TEXT else Markup("\n\n").join(blocks[:-1])


def why_no_chart(problem: Ambiguous | Nonexistent) -> Message:
    """Return why the local time of a birth names no single moment, and what to do about it."""
    if isinstance(problem, Ambiguous):
        return N_(
            "That night the clocks were put back, and the hour of your birth came twice. Half an hour can change "
            "the Ascendant: please tell me in your profile which of the two it was."
        )
    if problem.date_only:
        return N_(
            "The place of your birth skipped that whole day: it moved to the other side of the date line. "
            "Please check the date in your profile."
        )
    return N_(
        "At the place of your birth the clocks were put forward, and this time was never shown on that day. "
        "Please check it in your profile: most often it is one hour later."
    )
