"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import HttpVersion11, web
from pydantic import SecretStr

from astral_core.observe.logs import redact
from astral_core.observe.metrics import Metrics

# Beginnings of the headers that proxies add.
_FORWARDED = ("FORWARDED", "VIA", "X-FORWARDED-", "X-REAL-IP", "X-CLIENT-IP", "CF-", "TRUE-CLIENT-IP")
_LABEL = re.compile(r'"(?:[^"\\]|\\.)*+"')
Check = Callable[[], Awaitable[dict[str, bool]]]


@dataclass
class Health:
    """The three routes. `check` says what is needed to get traffic, each point true or false; `full` what is full."""

    check: Check
    full: Callable[[], list[str]]
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
        return web.json_response({**points, "full": self.full()}, status=status)

    async def prometheus(self, request: web.Request) -> web.Response:
        """Prometheus' text exposition, for the owner only."""
        if not self._is_owner(request):
            return web.Response(status=403)
        self.gauges()
        return web.Response(
            body=_without_secrets(self.metrics.render()), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    def _is_owner(self, request: web.Request) -> bool:
        if self.token is not None:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            return hmac.compare_digest(given, f"Bearer {self.token.get_secret_value()}".encode())
        return _is_loopback(request.remote or "") and _is_direct(request)


def _without_secrets(exposition: bytes) -> bytes:
    """The values of labels are plugins' own words. A number that looks like a secret stays a number."""
    text = exposition.decode()
    if redact(text) == text:
        return exposition
    return _LABEL.sub(lambda found: redact(found[0]), text).encode()


def _is_direct(request: web.Request) -> bool:
    """Whether nothing shows that a proxy on this machine, or a browser that was lured here, speaks for somebody else.

    The Host must be a name of this machine: HAProxy, for one, adds no header but passes the public name, and so does
    a page that rebinds its own name to 127.0.0.1. A proxy that speaks HTTP/1.0 is nginx without further settings. One
    that hides all of this cannot be told from the owner: behind it a token is needed.
    """
    if request.version < HttpVersion11 or any(name.upper().startswith(_FORWARDED) for name in request.headers):
        return False
    host = request.headers.get("Host", "")
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower() == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
