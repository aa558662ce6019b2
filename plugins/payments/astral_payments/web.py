"""HTTP: YooKassa's notifications, and the page that a payer comes back to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from astral_core import N_, Message, PluginContext, Routes, core_users
from astral_core.errors import DatabaseError, PluginLoadError
from astral_payments.door import Door
from astral_payments.handlers.fetch import fetch, look_into
from astral_payments.money import format_money
from astral_payments.notices import NoRoom, take
from astral_payments.orders import snapshot_title
from astral_payments.shop import Shop
from astral_payments.state_machine import SUCCEEDED, is_final
from astral_payments.store import OrderRow, PaymentRow, by_ref
from astral_payments.tables import YOOKASSA, orders, payments
from astral_payments.yookassa_objects import OBJECT_ID

if TYPE_CHECKING:
    from jinja2 import Environment, Template

routes = Routes()

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


@routes.webhook("/webhook/yookassa")
async def receive_notification(ctx: PluginContext, request: web.Request) -> web.Response:
    """Keep the notification together with the step that looks into it, then 200; 503 lets YooKassa come again."""
    if ctx.get(Shop).patient is None:
        return web.Response(status=404)
    door = ctx.get(Door)
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
        payment = await by_ref(work.session, YOOKASSA, hint["payment_ref"])
        payment_id = payment.id if payment is not None else None
        event_id = await take(work.session, hint, payment_id)
        if event_id is not None:
            look_into(work, event_id, payment_id)


# --- the return page


@dataclass(frozen=True, slots=True)
class Shown:
    """What the return page shows: a payment, what it is for, and the language of who pays."""

    payment: PaymentRow
    order: OrderRow
    language: str | None


@routes.page("GET", "/return/{token:[A-Za-z0-9_-]{1,64}}")
async def return_page(ctx: PluginContext, request: web.Request) -> web.Response:
    """Where YooKassa sends the payer: the token only says which payment to show; the money is looked up."""
    try:
        shown = await _look_up(ctx, request.match_info["token"])
    except NOT_READY as error:
        ctx.log.warning("the return page has no answer: %s", type(error).__name__)
        return web.Response(status=503, headers={"Retry-After": "5"})
    return _page(ctx, _language(ctx, request, shown), shown)


async def _look_up(ctx: PluginContext, token: str) -> Shown | None:
    """The payment of the token; one that is under way is also looked up at YooKassa."""
    query = (
        select(payments, orders, core_users.c.language, core_users.c.language_code)
        .join(orders, orders.c.id == payments.c.order_id)
        .join(core_users, core_users.c.id == payments.c.user_id)
        .where(payments.c.return_token == token)
    )
    async with ctx.work() as work:
        row = (await work.session.execute(query)).mappings().first()
        if row is None:
            return None
        payment = PaymentRow.from_row(row)
        if not is_final(payment.status) and payment.provider_ref:
            key = f"return:{payment.id}:{int(time.time()) // RETURN_EVERY}"
            call = fetch(payment_id=payment.id, cause="return")
            work.defer(call, key=key, keep="once", lane=("payment", payment.id))
    language = row[core_users.c.language] or row[core_users.c.language_code]
    return Shown(payment, OrderRow.from_row(row), language)


def _language(ctx: PluginContext, request: web.Request, shown: Shown | None) -> str:
    chosen = shown.language if shown is not None else None
    first = (request.headers.get("Accept-Language") or "").partition(",")[0].partition(";")[0]
    return ctx.nearest_language(chosen or first)


def _page(ctx: PluginContext, language: str, shown: Shown | None) -> web.Response:
    texts, state, product, money, bot = ctx.texts(language), "missing", "", "", None
    if shown is not None:
        payment, bot = shown.payment, shown.payment.bot
        state = payment.status if is_final(payment.status) else "pending"
        product = snapshot_title(shown.order, language)
        money = format_money(payment.amount_minor, payment.currency, language)
    title, text = _TEXTS.get(state, _TEXTS["canceled"])
    page = _template().render(
        language=language,
        state=state,
        title=texts.t(title),
        text=texts.t(text),
        product=product,
        money=money,
        bot=bot,
        back=texts.t("Back to the bot"),
        again=texts.t("Look again"),
    )
    status = 404 if shown is None else 200
    return web.Response(text=page, content_type="text/html", status=status, headers=_HEADERS)


_TEXTS: dict[str, tuple[Message, Message]] = {
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


@routes.page("GET", "/return.css")
async def style(ctx: PluginContext, request: web.Request) -> web.Response:
    """The page's style sheet, a file of its own so that the policy can forbid inline styles."""
    del ctx, request
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


def _template() -> Template:
    return _environment().get_template("return.html")
