"""The emulator as a whole: one aiohttp application, and a server around it for tests and the playground."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Self

from aiohttp import web

from astral_playground.yookassa.api import Api
from astral_playground.yookassa.bank import Bank
from astral_playground.yookassa.clock import VirtualClock
from astral_playground.yookassa.control import Control
from astral_playground.yookassa.faults import Faults
from astral_playground.yookassa.notifications import NotificationSettings, Notifier
from astral_playground.yookassa.objects import Shop
from astral_playground.yookassa.pay_page import PAY_PATH, PayPage

__all__ = ["YooKassaEmulator"]

_SWEEP_SECONDS = 1.0


class YooKassaEmulator:
    """A YooKassa of one's own over real HTTP, in memory.

    As a server: ``async with YooKassaEmulator() as emulator: ... emulator.api_url``. Inside another
    application: ``parent.add_subapp("/yookassa", emulator.app())`` with `public_url` set to the address
    that the payer's browser sees, ``http://host:port/yookassa``.

    :param shops: who may call the API, by Basic authentication.
    :param clock: the virtual time; running in real time by default.
    :param notification_url: where notifications go; None sends none.
    :param speed: gaps between the attempts of a notification are divided by it.
    :param port: 0 takes a free one.
    :param faults: what goes wrong; by default nothing, until a list is set.
    :param control_token: for ``/_emulator``; a random one by default.
    """

    def __init__(
        self,
        *,
        shops: Sequence[Shop] = (Shop(),),
        clock: VirtualClock | None = None,
        notification_url: str | None = None,
        speed: float = 1.0,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        control_token: str | None = None,
        public_url: str | None = None,
    ) -> None:
        self.shops = {shop.id: shop for shop in shops}
        self.clock = clock or VirtualClock()
        self.faults = faults or Faults()
        self.notifier = Notifier(self.clock, self.faults, speed=speed)
        self.notifier.settings = NotificationSettings(url=notification_url)
        self.bank = Bank(self.clock, self.notifier.emit)
        self.api = Api(self.shops, self.bank, self.notifier, self.faults, self._pay_url)
        self.control_token = control_token or secrets.token_urlsafe(24)
        self._address = (host, port)
        self._public_url = public_url
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """The address of the emulator, without a slash at the end.

        :raises RuntimeError: neither `public_url` is set nor is the server running.
        """
        if self._public_url is not None:
            return self._public_url.rstrip("/")
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("YooKassaEmulator: no address yet; use 'async with' to serve it, or pass public_url")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def api_url(self) -> str:
        """What a client takes instead of ``https://api.yookassa.ru/v3``."""
        return f"{self.base_url}/v3"

    @property
    def control_url(self) -> str:
        """The root of the control API."""
        return f"{self.base_url}/_emulator"

    def app(self) -> web.Application:
        """A new application with everything; it starts and stops the notifications with itself."""
        app = web.Application(client_max_size=1 << 20)
        app.add_routes(PayPage(self.bank).routes())
        app.add_subapp("/v3", self.api.app())
        app.add_subapp("/_emulator", Control(self).app())
        app.cleanup_ctx.append(self._running)
        return app

    def advance(self, seconds: float) -> None:
        """Skip virtual time: what is over expires, due notifications leave."""
        self.clock.advance(seconds)
        self.bank.sweep()

    def set_faults(self, faults: object) -> None:
        """Replace the faults by a list as in JSON; what `reorder` kept back goes out.

        :raises pydantic.ValidationError: a fault is wrong; the old list stays.
        """
        self.faults.set(faults)
        self.notifier.release()

    async def idle(self) -> None:
        """Wait until every notification that is due was tried."""
        await self.notifier.idle()

    async def reset(self) -> None:
        """Forget payments, refunds, keys, deliveries and faults; settings and time stay."""
        await self.notifier.reset()
        self.faults.set([])
        self.api.keys.clear()
        self.api.told.clear()
        self.bank.reset()

    async def __aenter__(self) -> Self:
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, *self._address).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def _pay_url(self) -> str:
        return f"{self.base_url}{PAY_PATH}?orderId="

    async def _running(self, _app: web.Application) -> AsyncIterator[None]:
        await self.notifier.start()
        sweeper = asyncio.get_running_loop().create_task(self._sweep())
        yield
        sweeper.cancel()
        with suppress(asyncio.CancelledError):
            await sweeper
        await self.notifier.close()

    async def _sweep(self) -> None:
        """Let payments expire without anybody asking for them."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.bank.sweep()
