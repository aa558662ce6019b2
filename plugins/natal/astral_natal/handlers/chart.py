"""The chart as a photo, what its points say in one message below it, and the reading that its buttons open."""

from __future__ import annotations

from astral_core import N_, Button, Context, Markup, Routes, named_route, rows
from astral_natal import purchases, store, worker
from astral_natal.errors import ChartFormatError, DateOutOfRange
from astral_natal.handlers.texts import aspects_text, caption, why_no_chart
from astral_natal.interpret import placement
from astral_natal.model import PLANETS, ChartRequest
from astral_natal.service import THEMES, chart_key, picture_key, request_of, subtitle
from astral_natal.store import StoredChart
from astral_natal.worker import Drawing, PictureWords
from astral_profile.api import Profile, ProfileApi

routes = Routes()
GLYPHS = dict(zip(PLANETS, "☉☽☿♀♂♃♄♅♆♇", strict=True))
NODE = "true_node"
SLOT = "natal"


@routes.callback("chart")
@routes.command("chart", description=N_("My natal chart"))
async def natal_chart(ctx: Context) -> None:
    """The chart of the user's active profile, or an invitation to make one."""
    profile = await active_profile(ctx, ctx.user.id)
    if profile is None:
        invite(ctx)
        return
    await send_chart(ctx, profile)


routes.menu(N_("Natal chart"), natal_chart(), order=10)


@routes.callback("theme/{theme:slug}")
async def change_theme(ctx: Context, theme: str) -> None:
    """The chart in another theme, in place of the one whose button was pressed."""
    profile = await active_profile(ctx, ctx.user.id)
    if theme not in THEMES or profile is None:
        await natal_chart.handler(ctx)
        return
    if await send_chart(ctx, profile, theme):
        ctx.delete()


@routes.callback("body/{chart_id:int}/{body:slug}")
async def body(ctx: Context, chart_id: int, body: str) -> None:
    """What one planet, node or angle says."""
    stored = await own_chart(ctx, chart_id)
    if stored is None:
        await natal_chart.handler(ctx)
        return
    try:
        text = placement(stored.chart, body, ctx.language).html
    except KeyError:  # a forged button, or the chart of a birth whose time was taken back
        text = ctx.t("This chart does not know that point. Choose another one.")
    ctx.show(text, text_buttons(ctx, stored), slot=SLOT, fresh=False)


@routes.callback("aspects/{chart_id:int}")
async def aspects(ctx: Context, chart_id: int) -> None:
    """The strongest aspects in words, the others by name."""
    stored = await own_chart(ctx, chart_id)
    if stored is None:
        await natal_chart.handler(ctx)
        return
    ctx.show(aspects_text(ctx, stored.chart), text_buttons(ctx, stored), slot=SLOT, fresh=False)


@routes.callback("full/{chart_id:int}")
async def full_reading(ctx: Context, chart_id: int) -> None:
    """The full reading of a chart, to its owner; to others what it costs."""
    stored = await own_chart(ctx, chart_id)
    if stored is None:
        await natal_chart.handler(ctx)
        return
    if not await purchases.owns_reading(ctx, ctx.user.id):
        offer_reading(ctx)
        return
    messages = await store.reading(ctx.session, ctx.user.id, stored.key, ctx.language)
    if messages is None:
        await ctx.progress()
        messages = await ctx.run_cpu(worker.reading_messages, stored.chart, ctx.language)
        await store.keep_reading(ctx.session, ctx.user.id, stored.key, ctx.language, messages)
    send_reading(ctx, messages)


# --- whose chart


async def active_profile(ctx: Context, user_id: int) -> Profile | None:
    """Return the profile that a user's charts are about, None while there is none."""
    profiles = ctx.find(ProfileApi)
    return None if profiles is None else await profiles.active(ctx.session, user_id)


async def own_chart(ctx: Context, chart_id: int) -> StoredChart | None:
    """Return the user's own chart of that id; None where it is gone, another's or of an older version."""
    try:
        return await store.chart_by_id(ctx.session, chart_id, ctx.user.id)
    except ChartFormatError:
        ctx.log.info("chart %d was written by another version; it is drawn anew", chart_id)
        return None


# --- what is shown


def invite(ctx: Context) -> None:
    """Say what is needed for a chart, and offer to begin."""
    ctx.show(
        N_(
            "<b>Your natal chart</b> is a map of the sky at the moment you were born: where the Sun, the Moon and "
            "the planets stood, and what they say about you.\n\nAll I need is the date, the time and the place of "
            "your birth. If you do not know the exact time, we will manage without it."
        ),
        begin_buttons(ctx),
    )


async def send_chart(ctx: Context, profile: Profile, theme: str | None = None) -> bool:
    """Send the photo of a profile's chart; False where the birth has none and the user was told why."""
    request = request_of(profile.birth)
    if not isinstance(request, ChartRequest):
        ctx.show(why_no_chart(request), _mend(ctx))
        return False
    user_id = profile.user_id
    if theme is None:
        theme = await store.last_theme(ctx.session, user_id) or THEMES[0]
    owned = await purchases.owns_reading(ctx, user_id)
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
    return profile.label or (ctx.user.first_name if ctx.has_user else "")


async def _draw(ctx: Context, request: ChartRequest, words: PictureWords) -> Drawing | None:
    """Draw in the process pool; None where the ephemeris does not cover the birth and the user was told so."""
    await ctx.progress("upload_photo")
    try:
        return await ctx.run_cpu(worker.draw, request, words)
    except DateOutOfRange:
        ctx.show(
            N_(
                "My ephemeris knows the sky from August 1899 to October 2053, and this date lies outside it. "
                "I would rather draw nothing than draw it wrong."
            ),
            _mend(ctx),
        )
        return None


def send_reading(ctx: Context, messages: list[Markup]) -> None:
    """Send a reading; the buttons stand below its last message."""
    *first, last = messages
    for text in first:
        ctx.reply(text, silent=True)
    ctx.reply(last, [[ctx.button(N_("My chart"), natal_chart())], [ctx.menu_button()]], silent=True)


def offer_reading(ctx: Context) -> None:
    """Say what the full reading is, and sell it where somebody can."""
    ctx.show(
        N_(
            "<b>The full reading</b> puts your whole chart into words: character, feelings, mind, love, work, "
            "growth and the strongest aspects.\n\nIt is bought once and stays yours. If you change your birth data "
            "later, the reading is made anew for it, at no cost."
        ),
        [*_buy_row(ctx), [ctx.menu_button()]],
    )


# --- buttons


def begin_buttons(ctx: Context) -> list[list[Button]]:
    """The keyboard for who has not told the birth yet."""
    return [[ctx.button(N_("Let us begin"), named_route("profile:begin")())], [ctx.menu_button()]]


def _mend(ctx: Context) -> list[list[Button]]:
    return [[ctx.button(N_("Change my birth data"), named_route("profile:my_profile")())], [ctx.menu_button()]]


def photo_buttons(ctx: Context, chart_id: int, theme: str, *, owned: bool) -> list[list[Button]]:
    """The keyboard of a chart's photo."""
    other = next(name for name in THEMES if name != theme)
    name = N_("Theme: paper") if other == "paper" else N_("Theme: night")
    opened = [[ctx.button(N_("Full reading"), full_reading(chart_id=chart_id))]]
    return [
        *_planets(ctx, chart_id),
        [_aspects_button(ctx, chart_id), ctx.button(name, change_theme(theme=other))],
        *(opened if owned else _buy_row(ctx)),
        [ctx.menu_button()],
    ]


def text_buttons(ctx: Context, stored: StoredChart) -> list[list[Button]]:
    """The keyboard below a text about one planet, or about the aspects."""
    chart = stored.chart
    more = [("☊", NODE), ("AC", "asc"), ("MC", "mc")] if chart.houses else [("☊", NODE)]
    known = {point.id for point in chart.points} | {"asc", "mc"}
    others = [ctx.button(text, body(chart_id=stored.id, body=name)) for text, name in more if name in known]
    return [*_planets(ctx, stored.id), [*others, _aspects_button(ctx, stored.id)]]


def _planets(ctx: Context, chart_id: int) -> list[list[Button]]:
    return rows((ctx.button(glyph, body(chart_id=chart_id, body=name)) for name, glyph in GLYPHS.items()), 5)


def _aspects_button(ctx: Context, chart_id: int) -> Button:
    return ctx.button(N_("Aspects"), aspects(chart_id=chart_id))


def _buy_row(ctx: Context) -> list[list[Button]]:
    """The row that sells the full reading; none where it cannot be bought."""
    price = purchases.reading_price(ctx)
    if price is None:
        return []
    buy = named_route(purchases.BUY_ROUTE)(code=purchases.FULL_READING)
    return [[ctx.button(ctx.t("Full reading · {price}", price=price), buy)]]
