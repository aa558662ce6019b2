"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import web
from pydantic import SecretStr

from astral_core.observe.metrics import Metrics

Check = Callable[[], Awaitable[dict[str, bool]]]


@dataclass
class Health:
    """The three routes. `check` says what is needed to get traffic, each point true or false."""

    check: Check
    metrics: Metrics
    gauges: Callable[[], None]
    token: SecretStr | None

    async def healthz(self, request: web.Request) -> web.Response:
        """The loop lives. Says nothing of the database: its failure must not restart every process."""
        del request
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.Response:
        """Whether this process may get traffic; details for the owner only."""
        points = await self.check()
        status = 200 if all(points.values()) else 503
        if not self._is_owner(request):
            return web.Response(status=status, text="ready\n" if status == 200 else "not ready\n")
        return web.json_response(points, status=status)

    async def prometheus(self, request: web.Request) -> web.Response:
        """Prometheus' text exposition, for the owner only."""
        if not self._is_owner(request):
            return web.Response(status=403)
        self.gauges()
        return web.Response(body=self.metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4"})

    def _is_owner(self, request: web.Request) -> bool:
        if self.token is not None:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            return hmac.compare_digest(given, f"Bearer {self.token.get_secret_value()}".encode())
        try:
            return ip_address(request.remote or "").is_loopback and "X-Forwarded-For" not in request.headers
        except ValueError:
            return False
