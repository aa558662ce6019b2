"""HTTP: YooKassa's notifications, and the page that a payer comes back to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from astral_core import PluginContext, Webhook, WebRoute, core_users
from astral_core.errors import DatabaseError, PluginLoadError
from astral_payments.door import door_of
from astral_payments.handlers.after import N_
from astral_payments.handlers.fetch import event, fetch
from astral_payments.lanes import event_lane, lane_of
from astral_payments.machine import SUCCEEDED, is_final
from astral_payments.money import format_money
from astral_payments.notices import NoRoom, number_of, take
from astral_payments.orders import snapshot_title
from astral_payments.shop import shop_of
from astral_payments.tables import orders, payments
from astral_payments.yookassa_objects import OBJECT_ID

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_BODY = 64 * 1024
BODY_TIMEOUT = 5.0
EVENTS = frozenset({"payment.waiting_for_capture", "payment.succeeded", "payment.canceled", "refund.succeeded"})
_EVENT = re.compile(r"[a-z_.]{1,64}", re.ASCII)
RETURN_EVERY = 5  # s: a reload of the page asks YooKassa at most this often

NOT_READY = (SQLAlchemyError, DatabaseError, OSError, TimeoutError, PluginLoadError)


class BadNotification(ValueError):
    """A body that is no notification of YooKassa's."""


def read_hint(body: bytes) -> dict[str, str]:
    """The few members of a notification that we keep, checked. Nothing of it is believed.

    :raises BadNotification: it has not the form of one.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadNotification("not JSON") from None
    if not isinstance(data, dict) or data.get("type") != "notification":
        raise BadNotification("not a notification")
    name, subject = data.get("event"), data.get("object")
    if not isinstance(name, str) or not _EVENT.fullmatch(name) or not isinstance(subject, dict):
        raise BadNotification("event or object is missing")
    object_id = subject.get("id")
    payment_ref = subject.get("payment_id") if name.startswith("refund.") else object_id
    for value in (object_id, payment_ref):
        if not isinstance(value, str) or not OBJECT_ID.fullmatch(value):
            raise BadNotification("object.id is malformed")
    told = [name, object_id, subject.get("status"), subject.get("amount"), subject.get("refunded_amount")]
    dedupe = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return {"event": name, "object_id": str(object_id), "payment_ref": str(payment_ref), "dedupe_key": dedupe}


async def notified(request: web.Request, ctx: PluginContext) -> web.Response:
    """Keep the notification together with the step that looks into it, then 200; 503 lets YooKassa come again."""
    if shop_of(ctx).patient is None:
        return web.Response(status=404)
    door = door_of(ctx)
    if not door.lets_in(request.remote):
        return web.Response(status=403)
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            body = await _body(request)
    except TimeoutError:
        return web.Response(status=408)
    if body is None:
        return web.Response(status=413)
    try:
        hint = read_hint(body)
    except BadNotification as error:
        door.complain("malformed", "a notification is refused: %s", error)
        return web.Response(status=400)
    if hint["event"] not in EVENTS:
        return web.Response()  # a kind of event that this bot has no use for
    try:
        await _keep(ctx, hint)
    except NoRoom:
        door.complain("full", "too many notifications about unknown payments wait; more are refused for now")
        return web.Response(status=503)
    except NOT_READY as error:
        door.complain("database", "a notification could not be kept: %s", type(error).__name__)
        return web.Response(status=503)
    return web.Response()


async def _body(request: web.Request) -> bytes | None:
    """The body; None where it is longer than MAX_BODY."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(8192):
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


async def _keep(ctx: PluginContext, hint: dict[str, str]) -> None:
    async with ctx.work() as work:
        payment_id = await number_of(work.session, hint["payment_ref"])
        event_id = await take(work.session, hint, payment_id)
        if event_id is not None:
            ctx.defer(work, event, event_lane(event_id, payment_id), event_id=event_id)


# --- the return page


async def came_back(request: web.Request, ctx: PluginContext) -> web.Response:
    """Where YooKassa sends the payer: the token only says which payment to show; the money is looked up."""
    try:
        row = await _look_up(ctx, request.match_info["token"])
    except NOT_READY as error:
        ctx.log.warning("the return page has no answer: %s", type(error).__name__)
        return web.Response(status=503, headers={"Retry-After": "5"})
    language = _language(request, ctx, row)
    return _page(ctx, language, row)


async def _look_up(ctx: PluginContext, token: str) -> Any:
    """The payment of the token; one that is under way is also looked up at YooKassa."""
    async with ctx.work() as work:
        row = await _by_token(work.session, token)
        if row is not None and not is_final(row.status) and row.provider_ref:
            key = f"return:{row.id}:{int(time.time()) // RETURN_EVERY}"
            ctx.defer(work, fetch, lane_of(row.id), key, payment_id=row.id, cause="return")
    return row


async def _by_token(session: Any, token: str) -> Any:
    query = (
        select(
            payments.c.id, payments.c.status, payments.c.provider_ref, payments.c.amount_minor, payments.c.currency,
            payments.c.bot, orders.c.snapshot, core_users.c.language, core_users.c.language_code,
        )
        .join(orders, orders.c.id == payments.c.order_id)
        .join(core_users, core_users.c.id == payments.c.user_id)
        .where(payments.c.return_token == token)
    )  # fmt: skip
    return (await session.execute(query)).first()


def _language(request: web.Request, ctx: PluginContext, row: Any) -> str:
    chosen = (row.language or row.language_code) if row is not None else None
    base = str(chosen or request.headers.get("Accept-Language", ""))[:2].lower()
    return base if base in ctx.services.languages else "en"


def _page(ctx: PluginContext, language: str, row: Any) -> web.Response:
    state = "missing" if row is None else row.status if is_final(row.status) else "pending"
    title, text = _TEXTS.get(state, _TEXTS["canceled"])
    html = _template().render(
        language=language,
        state=state,
        title=ctx.t(language, title),
        text=ctx.t(language, text),
        product=snapshot_title(row, language) if row is not None else "",
        money=format_money(row.amount_minor, row.currency, language) if row is not None else "",
        bot=row.bot if row is not None else None,
        back=ctx.t(language, "Back to the bot"),
        again=ctx.t(language, "Look again"),
    )
    return web.Response(text=html, content_type="text/html", status=404 if row is None else 200, headers=_HEADERS)


_TEXTS = {
    SUCCEEDED: (N_("Paid. Thank you!"), N_("Your purchase is waiting for you in the chat.")),
    "pending": (
        N_("Waiting for the bank…"),
        N_("This takes a minute at most. You can go back to the chat: I will write to you there."),
    ),
    "canceled": (
        N_("The payment did not go through"),
        N_("You were not charged. Go back to the chat to try again or to pay in another way."),
    ),
    "missing": (N_("There is no such payment"), N_("The link may be incomplete. Your payments are in the chat.")),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def style(request: web.Request, ctx: PluginContext) -> web.Response:
    """The page's style sheet, a file of its own so that the policy can forbid inline styles."""
    del request, ctx
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=_style(), content_type="text/css", headers=headers)


@lru_cache
def _style() -> str:
    from importlib import resources

    return resources.files("astral_payments").joinpath("templates", "return.css").read_text("utf-8")


@lru_cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("astral_payments"), autoescape=True, undefined=StrictUndefined)


def _template() -> Any:
    return _environment().get_template("return.html")


def web_routes() -> list[WebRoute | Webhook]:
    """All HTTP routes of the plugin."""
    return [
        Webhook("/webhook/yookassa", notified),
        WebRoute("GET", "/return/{token:[A-Za-z0-9_-]{1,64}}", came_back),
        WebRoute("GET", "/return.css", style),
    ]
