"""The page /plugins/tides/: a day's Moon, without a line of JavaScript."""

from __future__ import annotations

from datetime import date
from functools import lru_cache, partial
from importlib import resources
from typing import TYPE_CHECKING

from aiohttp import web
from astral_core import PluginContext, WebRoute, now
from markupsafe import Markup

from astral_tides.moon import FIRST_DAY, LAST_DAY, MoonDay, moon_on
from astral_tides.words import Translate, facts, read_day

if TYPE_CHECKING:
    from jinja2 import Environment

LANGUAGES = ("en", "ru")
RADIUS = 100
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def page(request: web.Request, ctx: PluginContext) -> web.Response:
    """Show the day of `?day=`, or today; a day that is none is told and answered with 400."""
    typed = request.query.get("day", "").strip()
    today = now().date()
    read = read_day(typed) if typed else today
    language = language_of(request)
    t = partial(ctx.t, language)
    moon = moon_on(read or today)
    html = environment().get_template("day.html").render(
        language=language,
        labels=labels(t),
        # The catalogue's text with what was typed, which `t` has escaped.
        wrong=None if read else Markup(t("There is no day “{typed}” here. This is today.", typed=typed)),  # noqa: S704
        day=moon.day.isoformat(),
        facts=facts(moon, language, t),
        shape=lit_shape(moon),
        before=neighbour(moon.day, -1),
        after=neighbour(moon.day, 1),
        first=FIRST_DAY.isoformat(),
        last=LAST_DAY.isoformat(),
    )  # fmt: skip
    return web.Response(text=html, content_type="text/html", status=200 if read else 400, headers=HEADERS)


def labels(t: Translate) -> dict[str, str]:
    """The texts of links and buttons."""
    return {
        "before": t("‹ The day before"),
        "today": t("Today"),
        "after": t("The next day ›"),
        "another": t("Another day"),
        "show": t("Show"),
    }


async def style(request: web.Request, ctx: PluginContext) -> web.Response:
    """The style sheet, a file of its own so that the policy can forbid inline styles."""
    del request, ctx
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=style_sheet(), content_type="text/css", headers=headers)


def language_of(request: web.Request) -> str:
    """The language of `?lang=`, else the first one of the browser's that is spoken here, else English."""
    wished = [request.query.get("lang", ""), *request.headers.get("Accept-Language", "").split(",")]
    bases = (item.strip()[:2].lower() for item in wished)
    return next((base for base in bases if base in LANGUAGES), LANGUAGES[0])


def neighbour(day: date, step: int) -> str | None:
    """The day before or after, None beyond the last one."""
    there = day.toordinal() + step
    return date.fromordinal(there).isoformat() if FIRST_DAY.toordinal() <= there <= LAST_DAY.toordinal() else None


def lit_shape(moon: MoonDay) -> str:
    """The lit part as an SVG path: half of the disc's edge, and back along an ellipse. As seen from the north."""
    half_width = abs(1 - 2 * moon.lit) * RADIUS
    edge = int(moon.is_waxing)
    inner = edge if moon.lit > 0.5 else 1 - edge
    return (
        f"M0 {-RADIUS}A{RADIUS} {RADIUS} 0 0 {edge} 0 {RADIUS}"
        f"A{half_width:.1f} {RADIUS} 0 0 {inner} 0 {-RADIUS}Z"
    )  # fmt: skip


@lru_cache
def environment() -> Environment:
    """The templates; what is put into them is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("astral_tides"), autoescape=True, undefined=StrictUndefined)


@lru_cache
def style_sheet() -> str:
    """The text of the style sheet."""
    return resources.files("astral_tides").joinpath("templates", "day.css").read_text("utf-8")


def web_routes() -> list[WebRoute]:
    """All HTTP routes of the plugin."""
    return [WebRoute("GET", "/", page), WebRoute("GET", "/day.css", style)]
