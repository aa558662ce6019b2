"""What all handlers of the plugin share: the collector of routes, keyboards and captions."""

from __future__ import annotations

from astral_core import Button, Context, Routes, rows
from astral_natal import paid
from astral_natal.interpret import big_three, utf16_units
from astral_natal.model import PLANETS, Chart
from astral_natal.service import THEMES
from astral_profile.api import Profile, ProfileApi

routes = Routes()
CAPTION_LIMIT = 1024
"""Telegram's limit of a caption, in UTF-16 code units."""
GLYPHS = dict(zip(PLANETS, "☉☽☿♀♂♃♄♅♆♇", strict=True))
NODE = "true_node"


def N_(text: str) -> str:  # noqa: N802  # gettext's own name: marks a text that is translated later
    """Mark a source text."""
    return text


async def active_profile(ctx: Context, user_id: int) -> Profile | None:
    """Return the profile that a user's charts are about, None while there is none."""
    profiles = ctx.api(ProfileApi)  # type: ignore[type-abstract]  # a Protocol names the service
    return None if profiles is None else await profiles.active(ctx.session, user_id)


def caption(ctx: Context, chart: Chart) -> str:
    """Return the Big Three in a few sentences each, and what is special about the chart if there is room."""
    text = "\n\n".join(paragraph.html for paragraph in big_three(chart, ctx.language))
    note = _note(ctx, chart)
    whole = f"{text}\n\n<i>{note}</i>" if note else text
    return whole if utf16_units(whole) <= CAPTION_LIMIT else text


def _note(ctx: Context, chart: Chart) -> str | None:
    if chart.houses is None:
        return ctx.t(
            "The hour of birth is unknown, so there is no Ascendant and there are no houses here. Add it to your "
            "profile, and the chart will be complete."
        )
    if chart.houses.system != chart.houses.requested:
        return ctx.t("Beyond the polar circle Placidus houses do not exist; these are Porphyry's.")
    return None


def menu_button(ctx: Context) -> Button:
    """The way back to the menu."""
    return ctx.button(ctx.t("‹ Menu"), "core:menu")


def photo_buttons(ctx: Context, chart_id: int, theme: str, *, owned: bool) -> list[list[Button]]:
    """The keyboard of a chart's photo."""
    other = next(name for name in THEMES if name != theme)
    name = ctx.t("Theme: paper") if other == "paper" else ctx.t("Theme: night")
    return [
        *_planets(ctx, chart_id),
        [
            ctx.button(ctx.t("Aspects"), "natal:aspects", chart_id=chart_id),
            ctx.button(name, "natal:theme", theme=other),
        ],
        *full_reading_row(ctx, chart_id, owned=owned),
        [menu_button(ctx)],
    ]


def text_buttons(ctx: Context, chart_id: int, chart: Chart) -> list[list[Button]]:
    """The keyboard below a text about one planet, or about the aspects."""
    more = [("☊", NODE), ("AC", "asc"), ("MC", "mc")] if chart.houses else [("☊", NODE)]
    known = {point.id for point in chart.points} | {"asc", "mc"}
    others = [ctx.button(text, "natal:body", chart_id=chart_id, body=body) for text, body in more if body in known]
    return [
        *_planets(ctx, chart_id),
        [*others, ctx.button(ctx.t("Aspects"), "natal:aspects", chart_id=chart_id)],
    ]


def full_reading_row(ctx: Context, chart_id: int, *, owned: bool) -> list[list[Button]]:
    """The row that opens or sells the full reading; none where nobody sells it."""
    if owned:
        return [[ctx.button(ctx.t("Full reading"), "natal:full", chart_id=chart_id)]]
    return buy_row(ctx)


def buy_row(ctx: Context) -> list[list[Button]]:
    """The row that sells the full reading; none where it cannot be bought."""
    price = paid.reading_price(ctx)
    if price is None:
        return []
    return [[ctx.button(ctx.t("Full reading · {price}", price=price), paid.BUY_ROUTE, code=paid.FULL_READING)]]


def _planets(ctx: Context, chart_id: int) -> list[list[Button]]:
    buttons = (ctx.button(glyph, "natal:body", chart_id=chart_id, body=body) for body, glyph in GLYPHS.items())
    return rows(buttons, 5)
