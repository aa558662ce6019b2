"""The REST API under ``/v3``: authentication, idempotence, faults, and the resources."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from astral_playground.yookassa import checks
from astral_playground.yookassa.bank import Bank, PendingRefund
from astral_playground.yookassa.errors import ApiError, invalid, not_found
from astral_playground.yookassa.faults import Fault, Faults, merged
from astral_playground.yookassa.idempotence import IdempotenceKeys, fingerprint
from astral_playground.yookassa.lists import payments_page, refunds_page
from astral_playground.yookassa.notifications import Notifier
from astral_playground.yookassa.objects import Payment, Refund, Shop

__all__ = ["Api"]

_PROCESSING = {
    "type": "processing",
    "description": "Request accepted, but not processed yet. Retry again with the same Idempotence-Key",
}
_FAILURES = {
    400: ("invalid_request", "Invalid request"),
    401: ("invalid_credentials", "Basic authentication failed"),
    403: ("forbidden", "Forbidden"),
    404: ("not_found", "Resource not found"),
    405: ("not_supported", "Method not allowed"),
    415: ("not_supported", "Unsupported media type"),
    429: ("too_many_requests", "Too many requests"),
}

JsonWork = Callable[[], Callable[[], dict[str, Any]]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """Handlers of the API; `pay_url` gives the pay page's address up to the payment's id."""

    def __init__(
        self, shops: dict[str, Shop], bank: Bank, notifier: Notifier, faults: Faults, pay_url: Callable[[], str]
    ) -> None:
        self.keys = IdempotenceKeys(bank.clock)
        self.told: dict[str, dict[str, Any]] = {}  # each payment as it was shown last
        self._shops = shops
        self._bank = bank
        self._notifier = notifier
        self._faults = faults
        self._pay_url = pay_url
        self._errors = 0

    def app(self) -> web.Application:
        """The aiohttp application to mount at ``/v3``."""
        app = web.Application(middlewares=[self._in_shape], client_max_size=1 << 20)
        app.add_routes(
            [
                web.get("/me", self._me),
                web.post("/payments", self._create_payment),
                web.get("/payments", self._list_payments),
                web.get("/payments/{id}", self._get_payment),
                web.post("/payments/{id}/capture", self._capture),
                web.post("/payments/{id}/cancel", self._cancel),
                web.post("/refunds", self._create_refund),
                web.get("/refunds", self._list_refunds),
                web.get("/refunds/{id}", self._get_refund),
            ]
        )
        return app

    # --- around every request -----------------------------------------------------------------------------

    @web.middleware
    async def _in_shape(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Faults, authentication, and errors in the API's shape."""
        path = request.path
        faults = {fault.do: fault for fault in self._faults.take("api", method=request.method, path=path)}
        if "delay" in faults:
            await request.read()  # a slow provider does it all the same, also when the caller has gone
            await asyncio.sleep(faults["delay"].seconds)
        if "drop_before" in faults:
            return _dropped(request)
        for name in ("status", "html"):
            if name in faults and faults[name].before:
                return self._failure(faults[name])
        response = await self._answered(request, handler, faults)
        await self._notifier.early()
        if "drop_after" in faults:
            return _dropped(request)
        for name in ("status", "html"):
            if name in faults:
                return self._failure(faults[name])
        if "truncate_body" in faults:
            return await _truncated(request, response)
        return response

    async def _answered(self, request: web.Request, handler: Handler, faults: dict[str, Fault]) -> web.Response:
        try:
            self._shop(request)  # strangers get 401 for unknown paths too
            if lag := faults.get("not_found_for"):
                self._lag(request, lag.seconds)
            response = await handler(request)
        except ApiError as error:
            return self._refusal(error)
        except web.HTTPException as error:
            code, text = _FAILURES.get(error.status, ("invalid_request", error.reason))
            return self._refusal(ApiError(error.status, code, text))
        if not isinstance(response, web.Response):
            raise TypeError(f"the handler of {request.path} gave {type(response).__name__}, not a Response")
        response = self._as_told(response, stale="stale" in faults)
        if mutate := faults.get("mutate"):
            return _json(merged(json.loads(response.text or "{}"), mutate.patch))
        if "unknown_fields" in faults:
            body = json.loads(response.text or "{}")
            return _json({**body, "x_new_member": {"since": "tomorrow", "values": [1, None]}})
        return response

    def _as_told(self, response: web.Response, *, stale: bool) -> web.Response:
        """`response`; of a payment, where `stale`, what was shown of it before."""
        body = json.loads(response.text or "{}")
        number = body.get("id")
        if number not in self._bank.payments:
            return response
        if stale and number in self.told:
            return _json(self.told[number])
        self.told[number] = body
        return response

    def _shop(self, request: web.Request) -> Shop:
        """Whose request this is."""
        refusal = ApiError(401, "invalid_credentials", "Basic authentication failed")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise refusal
        try:
            shop_id, _, secret = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise refusal from None
        shop = self._shops.get(shop_id)
        if shop is None or not hmac.compare_digest(secret.encode(), shop.secret_key.encode()):
            raise refusal
        return shop

    def _lag(self, request: web.Request, seconds: float) -> None:
        """A replica behind the writer does not know young objects."""
        found = self._bank.payments.get(request.match_info.get("id", ""))
        if found is not None and (self._bank.clock.now() - found.created_at).total_seconds() < seconds:
            raise not_found("payment")

    def _failure(self, fault: Fault) -> web.Response:
        if fault.do == "html":
            page = f"<html><head><title>{fault.http}</title></head><body><h1>Bad Gateway</h1></body></html>"
            return web.Response(text=page, status=fault.http, content_type="text/html")
        extra: dict[str, Any] = {} if fault.retry_after is None else {"retry_after": fault.retry_after}
        if fault.http == 202:
            return _json({**_PROCESSING, "retry_after": 1800, **extra}, status=202)
        code, text = _FAILURES.get(fault.http, ("internal_server_error", "Internal server error"))
        return self._refusal(ApiError(fault.http, code, text, **extra))

    def _refusal(self, error: ApiError) -> web.Response:
        self._errors += 1
        return _json(error.body(f"00000000-0000-4000-8000-{self._errors:012x}"), status=error.status)

    async def _once(self, request: web.Request, work: Callable[[dict[str, Any]], JsonWork]) -> web.Response:
        """Run a changing request under its idempotence key."""
        key = checks.idempotence_key(request.headers.get("Idempotence-Key"))
        if request.body_exists and request.content_type != "application/json":
            raise ApiError(415, *_FAILURES[415])
        body = checks.body_of(await request.read())
        print_ = fingerprint(request.method, request.path, body)
        return _json(self.keys.once(self._shop(request).id, key, print_, work(body)))

    # --- resources ----------------------------------------------------------------------------------------

    async def _me(self, request: web.Request) -> web.Response:
        return _json(self._shop(request).me())

    async def _create_payment(self, request: web.Request) -> web.Response:
        shop = self._shop(request)

        def prepare(body: dict[str, Any]) -> JsonWork:
            def work() -> Callable[[], dict[str, Any]]:
                asked = checks.payment(body, receipt_required=shop.fiscalization)
                return self._shown(self._bank.create(shop, asked, self._pay_url()))

            return work

        return await self._once(request, prepare)

    async def _get_payment(self, request: web.Request) -> web.Response:
        payment = self._bank.payment(request.match_info["id"], self._shop(request))
        return _json(payment.render(self._bank.clock.now()))

    async def _list_payments(self, request: web.Request) -> web.Response:
        self._bank.sweep()
        return _json(payments_page(self._bank, self._shop(request), request.query))

    async def _capture(self, request: web.Request) -> web.Response:
        def prepare(body: dict[str, Any]) -> JsonWork:
            def work() -> Callable[[], dict[str, Any]]:
                payment = self._bank.payment(request.match_info["id"], self._shop(request))
                amount = checks.sum_of(body["amount"]) if "amount" in body else None
                if "receipt" in body:
                    checks.receipt(body["receipt"], amount or payment.amount, required=True)
                    payment.has_receipt = True
                self._bank.capture(payment, amount)
                return self._shown(payment)

            return work

        return await self._once(request, prepare)

    async def _cancel(self, request: web.Request) -> web.Response:
        def prepare(_body: dict[str, Any]) -> JsonWork:
            def work() -> Callable[[], dict[str, Any]]:
                payment = self._bank.payment(request.match_info["id"], self._shop(request))
                self._bank.cancel(payment)
                return self._shown(payment)

            return work

        return await self._once(request, prepare)

    async def _create_refund(self, request: web.Request) -> web.Response:
        shop = self._shop(request)

        def prepare(body: dict[str, Any]) -> JsonWork:
            def work() -> Callable[[], dict[str, Any]]:
                asked = checks.refund(body)
                payment = self._bank.payment(asked.payment_id, shop)
                if payment.has_receipt and asked.amount < payment.amount and not asked.has_receipt:
                    raise invalid("Receipt is missing or illegal", "receipt")
                return self._shown(self._bank.create_refund(payment, asked, self._pending_refund()))

            return work

        return await self._once(request, prepare)

    async def _get_refund(self, request: web.Request) -> web.Response:
        refund = self._bank.refund(request.match_info["id"], self._shop(request))
        return _json(refund.render(self._bank.clock.now()))

    async def _list_refunds(self, request: web.Request) -> web.Response:
        self._bank.sweep()
        return _json(refunds_page(self._bank, self._shop(request), request.query))

    def _pending_refund(self) -> PendingRefund | None:
        for fault in self._faults.take("refund"):
            return fault.seconds, fault.status, fault.reason
        return None

    def _shown(self, thing: Payment | Refund) -> Callable[[], dict[str, Any]]:
        return lambda: thing.render(self._bank.clock.now())


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(text=text, status=status, content_type="application/json")


def _dropped(request: web.Request) -> web.Response:
    """Cut the connection: the client never sees the response that is returned here."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _truncated(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Announce the whole body, send half of it, cut the connection."""
    body = response.body if isinstance(response.body, bytes) else b""
    half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()  # close, not abort: the half must leave before the connection ends
    return half
