"""The page /plugins/tides/: a day's Moon, without a line of JavaScript."""

from datetime import date
from functools import lru_cache
from typing import Any

from aiohttp import web
from astral_core import PluginContext, Routes, now

from astral_tides.moon import FIRST_DAY, LAST_DAY, MoonDay, moon_on
from astral_tides.words import facts, read_day

LANGUAGES = ("en", "ru")
RADIUS = 100
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
SAFE = {"X-Content-Type-Options": "nosniff"}
routes = Routes()


@routes.page("GET", "/")
async def page(ctx: PluginContext, request: web.Request) -> web.Response:
    """Show the day of `?day=`, or today; what is no day is told and answered with 400."""
    typed = request.query.get("day", "").strip()
    today = now().date()
    read = read_day(typed) if typed else today
    language = language_of(request)
    t = ctx.texts(language).t
    moon = moon_on(read or today)
    html = template("day.html").render(
        language=language,
        labels={
            "before": t("‹ The day before"),
            "today": t("Today"),
            "after": t("The next day ›"),
            "another": t("Another day"),
            "show": t("Show"),
        },
        wrong=None if read else t("There is no day “{typed}” here. This is today.", typed=typed),
        day=moon.day.isoformat(),
        facts=facts(ctx, moon, language),
        shape=lit_shape(moon),
        before=neighbour(moon.day, -1),
        after=neighbour(moon.day, 1),
        first=FIRST_DAY.isoformat(),
        last=LAST_DAY.isoformat(),
    )
    headers = {**SAFE, "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return web.Response(text=html, content_type="text/html", status=200 if read else 400, headers=headers)


@routes.page("GET", "/day.css")
async def style(_ctx: PluginContext, _request: web.Request) -> web.Response:
    """The style sheet, a file of its own so that the policy can forbid inline styles."""
    headers = {**SAFE, "Cache-Control": "max-age=3600"}
    return web.Response(text=template("day.css").render(), content_type="text/css", headers=headers)


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
def template(name: str) -> Any:
    """A file of `templates/`; what is put into a page is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # takes long to import: not at the start

    pages = Environment(loader=PackageLoader("astral_tides"), autoescape=True, undefined=StrictUndefined)
    return pages.get_template(name)
