"""The pay page: what the payer's browser shows between the shop's link and the way back.

It works without scripts; the policy forbids them. A card number is compared with the test cards and never
kept: a payment remembers the test card alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from astral_playground.yookassa.cards import PRESETS, TestCard, find_card
from astral_playground.yookassa.errors import ApiError
from astral_playground.yookassa.objects import Payment

if TYPE_CHECKING:
    from jinja2 import Environment

    from astral_playground.yookassa.bank import Bank

__all__ = ["PAY_PATH", "PayPage", "language_of"]

PAY_PATH = "/checkout/payments/v2/contract"
_PACKAGE = "astral_playground.yookassa"
_LANGUAGES = ("en", "ru")
_REASONS = {
    "insufficient_funds": "Not enough money",
    "3d_secure_failed": "3-D Secure failed",
    "general_decline": "Declined without a reason",
    "card_expired": "Card expired",
    "invalid_csc": "Wrong CVC",
    "invalid_card_number": "Wrong card number",
    "payment_method_limit_exceeded": "Limit exceeded",
    "payment_method_restricted": "Operations forbidden",
    "call_issuer": "Call the bank",
    "issuer_unavailable": "Bank unavailable",
    "fraud_suspected": "Fraud suspected",
    "country_forbidden": "Country forbidden",
    "canceled_by_merchant": "Canceled by the shop",
    "expired_on_confirmation": "The time to pay is over",
    "expired_on_capture": "The shop did not take the money in time",
}


def language_of(request: web.Request) -> str:
    """`ru` or `en`: the `lang` parameter, else the best of Accept-Language, else English."""
    asked = request.query.get("lang")
    if asked in _LANGUAGES:
        return asked
    ranked: list[tuple[float, int, str]] = []
    for index, part in enumerate(request.headers.get("Accept-Language", "").split(",")):
        tag, _, parameters = part.strip().partition(";")
        try:
            quality = float(parameters.partition("q=")[2] or 1)
        except ValueError:
            quality = 0.0
        if (language := tag[:2].lower()) in _LANGUAGES and quality > 0:
            ranked.append((-quality, index, language))
    return min(ranked)[2] if ranked else "en"


@dataclass(frozen=True, slots=True)
class _Texts:
    """The page's texts in one language."""

    language: str
    catalog: dict[str, str]

    def __call__(self, text: str) -> str:
        return self.catalog.get(text, text)

    def amount(self, kopecks: int) -> str:
        """`1 490,00 ₽`."""
        from babel.numbers import format_decimal

        return f"{format_decimal(kopecks / 100, '#,##0.00', locale=self.language)}\u00a0₽"


@lru_cache
def _texts(language: str) -> _Texts:
    from babel.messages.pofile import read_po

    if language == "en":
        return _Texts("en", {})
    with resources.files(_PACKAGE).joinpath("locales", f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    return _Texts(language, {str(m.id): str(m.string) for m in catalog if m.id and m.string})


@lru_cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache
def _asset(name: str) -> bytes:
    return resources.files(_PACKAGE).joinpath("assets", name).read_bytes()


class PayPage:
    """Handlers of the pay page."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def routes(self) -> list[web.RouteDef]:
        """To be added to the emulator's application."""
        return [
            web.get(PAY_PATH, self._show),
            web.post(PAY_PATH, self._submit),
            web.get("/checkout/assets/{name:pay.css|icon.svg}", self._asset),
        ]

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        kind = "text/css" if name.endswith(".css") else "image/svg+xml"
        return web.Response(body=_asset(name), content_type=kind, headers={"Cache-Control": "max-age=300"})

    async def _show(self, request: web.Request) -> web.Response:
        payment = self._payment(request)
        if payment is None:
            return self._page(request, "status.html", None, status=404)
        if payment.status != "pending":
            return self._page(request, "status.html", payment)
        if payment.challenge is not None:
            return self._page(request, "three_ds.html", payment, card=payment.challenge)
        return self._form(request, payment)

    async def _submit(self, request: web.Request) -> web.Response:
        payment = self._payment(request)
        if payment is None:
            return self._page(request, "status.html", None, status=404)
        form = await request.post()
        action = str(form.get("action", "pay"))
        if action == "close":
            return _found(payment.return_url)
        if payment.status != "pending":
            return self._page(request, "status.html", payment, status=409)
        if payment.challenge is not None:
            return self._confirmed(request, payment, action)
        number = str(form.get("preset") or form.get("number") or "")
        card = find_card(number)
        if card is None:
            return self._form(request, payment, error=True)
        if card.three_ds:
            payment.challenge = card
            return _found(str(request.rel_url))
        self._bank.pay(payment, card)
        return _found(payment.return_url)

    def _confirmed(self, request: web.Request, payment: Payment, action: str) -> web.Response:
        """The second step: the payer entered the bank's code, refused, or wants another card."""
        card = payment.challenge
        if action == "confirm" and card is not None:
            self._bank.pay(payment, card)
        elif action == "refuse" and card is not None:
            refused = TestCard(card.number, three_ds=True, reason="3d_secure_failed")
            self._bank.pay(payment, refused)
        else:
            payment.challenge = None
            return _found(str(request.rel_url))
        return _found(payment.return_url)

    def _payment(self, request: web.Request) -> Payment | None:
        try:
            return self._bank.payment(request.query.get("orderId", ""))
        except ApiError:
            return None

    def _form(self, request: web.Request, payment: Payment, *, error: bool = False) -> web.Response:
        paying = [card for card in PRESETS if card.reason is None]
        declined = [card for card in PRESETS if card.reason is not None]
        status = 422 if error else 200
        return self._page(request, "form.html", payment, status=status, error=error, paying=paying, declined=declined)

    def _page(
        self, request: web.Request, template: str, payment: Payment | None, *, status: int = 200, **more: Any
    ) -> web.Response:
        texts = _texts(language_of(request))
        links = {language: str(request.rel_url.update_query(lang=language)) for language in _LANGUAGES}
        html = (
            _environment()
            .get_template(template)
            .render(_=texts, payment=payment, links=links, assets=_assets_link(request), reasons=_REASONS, **more)
        )
        headers = {
            "Content-Security-Policy": _policy(payment),
            "Content-Language": texts.language,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept-Language",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }
        return web.Response(text=html, status=status, content_type="text/html", headers=headers)


def _assets_link(request: web.Request) -> str:
    """Where style and icon are, whatever prefix the application is mounted under."""
    return request.path.removesuffix(PAY_PATH) + "/checkout/assets"


def _policy(payment: Payment | None) -> str:
    """No scripts, no foreign content. Browsers check a form's redirects too, hence the shop's origin."""
    targets = "'self'"
    if payment is not None:
        parts = urlsplit(payment.return_url)
        targets += f" {parts.scheme}:" if parts.scheme == "tg" else f" {parts.scheme}://{parts.netloc}"
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {targets}"
    )


def _found(url: str) -> web.Response:
    """302 to exactly `url`: nothing is added to the shop's address."""
    return web.Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})
