"""The chart as a photo: drawn, sent, drawn anew in another theme."""

from __future__ import annotations

from astral_core import Button, Context, Update
from astral_natal import paid, store, worker
from astral_natal.errors import DateOutOfRange
from astral_natal.handlers.common import N_, active_profile, caption, menu_button, photo_buttons, routes
from astral_natal.model import ChartRequest
from astral_natal.service import THEMES, chart_key, picture_key, request_of, subtitle
from astral_natal.worker import Drawing, PictureWords
from astral_profile.api import Ambiguous, Nonexistent, Profile


@routes.callback("chart")
@routes.command("chart", description=N_("My natal chart"))
async def natal_chart(update: Update, ctx: Context) -> None:
    """The chart of the user's active profile, or an invitation to make one."""
    profile = await active_profile(ctx, ctx.user.id)
    if profile is None:
        invite(ctx)
        return
    await send_chart(ctx, profile)


@routes.callback("theme/{theme:slug}")
async def change_theme(update: Update, ctx: Context, theme: str) -> None:
    """The chart in another theme, in place of the one whose button was pressed."""
    profile = await active_profile(ctx, ctx.user.id)
    if theme not in THEMES or profile is None:
        await natal_chart(update, ctx)
        return
    if await send_chart(ctx, profile, theme):
        ctx.delete()


def invite(ctx: Context) -> None:
    """Say what is needed for a chart, and offer to begin."""
    ctx.show(
        ctx.t(
            "<b>Your natal chart</b> is a map of the sky at the moment you were born: where the Sun, the Moon and "
            "the planets stood, and what they say about you.\n\nAll I need is the date, the time and the place of "
            "your birth. If you do not know the exact time, we will manage without it."
        ),
        [[ctx.button(ctx.t("Let us begin"), "profile:begin")], [menu_button(ctx)]],
    )


async def send_chart(ctx: Context, profile: Profile, theme: str | None = None) -> bool:
    """Send the photo of a profile's chart; False where the birth has none and the user was told why."""
    request = request_of(profile.birth)
    if not isinstance(request, ChartRequest):
        _explain(ctx, request)
        return False
    user_id = profile.user_id
    if theme is None:
        theme = await store.last_theme(ctx.session, user_id) or THEMES[0]
    owned = await paid.owns_reading(ctx, user_id)
    words = PictureWords(_title(ctx, profile), subtitle(profile.birth, ctx.language), theme, ctx.language)
    drawing = await _draw(ctx, request, words)
    if drawing is None:
        return False
    key = chart_key(request)
    chart_id = await store.keep_chart(ctx.session, user_id, profile.id, key, drawing.chart, theme)
    ctx.send_photo(
        drawing.png,
        caption(ctx, drawing.chart),
        photo_buttons(ctx, chart_id, theme, owned=owned),
        cache=picture_key(key, words),
    )
    return True


def _title(ctx: Context, profile: Profile) -> str:
    """Whose chart it is; "" where an event came from a chat of several people."""
    return profile.label or (ctx.user.first_name if ctx.run.user is not None else "")


async def _draw(ctx: Context, request: ChartRequest, words: PictureWords) -> Drawing | None:
    """Draw in the process pool; None where the ephemeris does not cover the birth and the user was told so."""
    await ctx.progress("upload_photo")
    try:
        return await ctx.run_cpu(worker.draw, request, words)
    except DateOutOfRange:
        ctx.show(
            ctx.t(
                "My ephemeris knows the sky from August 1899 to October 2053, and this date lies outside it. "
                "I would rather draw nothing than draw it wrong."
            ),
            _mend(ctx),
        )
        return None


def _explain(ctx: Context, problem: Ambiguous | Nonexistent) -> None:
    """Say why the local time of a birth names no single moment, and how to mend it."""
    if isinstance(problem, Ambiguous):
        text = ctx.t(
            "That night the clocks were put back, and the hour of your birth came twice. Half an hour can change "
            "the Ascendant: please tell me in your profile which of the two it was."
        )
    elif problem.date_only:
        text = ctx.t(
            "The place of your birth skipped that whole day: it moved to the other side of the date line. "
            "Please check the date in your profile."
        )
    else:
        text = ctx.t(
            "At the place of your birth the clocks were put forward, and this time was never shown on that day. "
            "Please check it in your profile: most often it is one hour later."
        )
    ctx.show(text, _mend(ctx))


def _mend(ctx: Context) -> list[list[Button]]:
    return [[ctx.button(ctx.t("Change my birth data"), "profile:my_profile")], [menu_button(ctx)]]
