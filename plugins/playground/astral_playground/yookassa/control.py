"""The control API under ``/_emulator``: state, faults, time, deliveries. Loopback and a token only."""

from __future__ import annotations

import hmac
import ipaddress
import json
from typing import Any, Protocol

from aiohttp import web
from pydantic import ValidationError

from astral_playground.yookassa import checks
from astral_playground.yookassa.api import Api, Handler
from astral_playground.yookassa.bank import Bank
from astral_playground.yookassa.cards import PAYMENT_NETWORK
from astral_playground.yookassa.clock import VirtualClock
from astral_playground.yookassa.errors import ApiError
from astral_playground.yookassa.faults import Faults
from astral_playground.yookassa.notifications import NotificationSettings, Notifier
from astral_playground.yookassa.objects import Shop, timestamp

__all__ = ["Control"]


class Emulated(Protocol):
    """What is controlled: the emulator."""

    shops: dict[str, Shop]
    clock: VirtualClock
    faults: Faults
    notifier: Notifier
    bank: Bank
    api: Api
    control_token: str

    def advance(self, seconds: float) -> None:
        """Skip virtual time."""

    def set_faults(self, faults: object) -> None:
        """Replace the faults."""

    async def reset(self) -> None:
        """Forget everything."""


class Control:
    """Handlers of the control API; each request carries ``Authorization: Bearer <token>``."""

    def __init__(self, emulator: Emulated) -> None:
        self._emulator = emulator

    def app(self) -> web.Application:
        """The aiohttp application to mount at ``/_emulator``."""
        app = web.Application(middlewares=[self._guarded], client_max_size=1 << 20)
        app.add_routes(
            [
                web.get("/state", self._state),
                web.get("/notifications", self._get_notifications),
                web.put("/notifications", self._put_notifications),
                web.get("/deliveries", self._deliveries),
                web.post("/redeliver", self._redeliver),
                web.post("/notify", self._notify),
                web.post("/faults", self._faults),
                web.post("/advance", self._advance),
                web.post("/payments/{id}/{action:succeed|decline|hold|expire}", self._payment),
                web.post("/refunds/cabinet", self._cabinet_refund),
                web.post("/reset", self._reset),
            ]
        )
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse strangers; turn wrong input into a 400 that says what is wrong."""
        if not _is_loopback(request.remote):
            return _error(403, "the control API answers on loopback only")
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._emulator.control_token.encode()):
            return _error(401, "the control API needs the header 'Authorization: Bearer <control token>'")
        try:
            return await handler(request)
        except ApiError as error:
            return _error(error.status, error.description)
        except ValidationError as error:
            detail = error.errors(include_url=False, include_context=False, include_input=False)
            return web.json_response({"error": "the body is wrong", "detail": detail}, status=400)

    async def _state(self, _request: web.Request) -> web.Response:
        emulator = self._emulator
        emulator.bank.sweep()
        now = emulator.clock.now()
        return web.json_response(
            {
                "now": timestamp(now),
                "shops": [shop.id for shop in emulator.shops.values()],
                "payments": [payment.render(now) for payment in emulator.bank.payments.values()],
                "refunds": [refund.render(now) for refund in emulator.bank.refunds.values()],
                "idempotence_keys": len(emulator.api.keys),
                "notifications": emulator.notifier.settings.model_dump(),
                "faults": emulator.faults.dump(),
            }
        )

    async def _get_notifications(self, _request: web.Request) -> web.Response:
        return web.json_response(self._emulator.notifier.settings.model_dump())

    async def _put_notifications(self, request: web.Request) -> web.Response:
        settings = NotificationSettings.model_validate(await _json(request))
        self._emulator.notifier.settings = settings
        return web.json_response(settings.model_dump())

    async def _deliveries(self, _request: web.Request) -> web.Response:
        return web.json_response([delivery.dump() for delivery in self._emulator.notifier.deliveries])

    async def _redeliver(self, request: web.Request) -> web.Response:
        body = await _object(request)
        delivery = self._emulator.notifier.redeliver(str(body.get("id")), str(body.get("event")))
        if delivery is None:
            return _error(404, "no notification of this id and event was sent; see GET /_emulator/deliveries")
        return web.json_response(delivery.dump(), status=202)

    async def _notify(self, request: web.Request) -> web.Response:
        return web.json_response(self._emulator.notifier.forge(await _json(request)).dump(), status=202)

    async def _faults(self, request: web.Request) -> web.Response:
        self._emulator.set_faults(await _json(request))
        return web.json_response(self._emulator.faults.dump())

    async def _advance(self, request: web.Request) -> web.Response:
        seconds = (await _object(request)).get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            return _error(400, "send {'seconds': <number of seconds, 0 or more>}")
        try:
            self._emulator.advance(seconds)
        except (ValueError, OverflowError) as error:
            return _error(400, str(error))
        return web.json_response({"now": timestamp(self._emulator.clock.now())})

    async def _payment(self, request: web.Request) -> web.Response:
        bank = self._emulator.bank
        payment = bank.payment(request.match_info["id"])
        body = await _object(request)
        match request.match_info["action"]:
            case "succeed" if payment.status == "waiting_for_capture":
                bank.capture(payment, None)
            case "succeed":
                payment.capture = True
                bank.pay(payment)
            case "decline":
                reason, party = body.get("reason", "general_decline"), body.get("party", PAYMENT_NETWORK)
                bank.decline(payment, str(reason), str(party))
            case "hold":
                bank.hold(payment)
            case _:
                bank.expire(payment)
        return web.json_response(payment.render(bank.clock.now()))

    async def _cabinet_refund(self, request: web.Request) -> web.Response:
        """A refund made by hand in the merchant's cabinet: the bot learns of it by the notification."""
        bank = self._emulator.bank
        asked = checks.refund(await _object(request))
        refund = bank.create_refund(bank.payment(asked.payment_id), asked)
        return web.json_response(refund.render(bank.clock.now()))

    async def _reset(self, _request: web.Request) -> web.Response:
        await self._emulator.reset()
        return web.json_response({})


def _is_loopback(remote: str | None) -> bool:
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read() or b"{}")
    except ValueError:
        raise ApiError(400, "invalid_request", "the body is not JSON") from None


async def _object(request: web.Request) -> dict[str, Any]:
    body = await _json(request)
    if not isinstance(body, dict):
        raise ApiError(400, "invalid_request", "the body must be a JSON object")
    return body


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
