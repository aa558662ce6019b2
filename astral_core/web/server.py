"""One aiohttp server on one port, in the bot's own loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from astral_core import descriptors
from astral_core.config import Settings
from astral_core.errors import BodyTimeout, ConfigError
from astral_core.host.host import Host
from astral_core.host.state import State
from astral_core.kinds import RegisteredHandler
from astral_core.kinds.web import Pages, Webhooks
from astral_core.observe.errorid import new_error_id
from astral_core.observe.logs import LogThrottle, scope
from astral_core.web.client import networks, seen_through
from astral_core.web.connection import SERVER, Connection, Connections, in_time
from astral_core.web.health import Health
from astral_core.web.webhook import MAX_BODY, TelegramWebhook

log = logging.getLogger("astral.web")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HOOK = "/webhook/telegram"
SHARE, LEAST = 4, 8  # of the connections a quarter may be with one route of a plugin, and a few in any case
SHUTDOWN_TIMEOUT = 10.0  # seconds that requests under way may take when the bot stops
BACKLOG = 128  # connections that the system keeps until they are accepted


def build_web(host: Host, webhook: TelegramWebhook, health: Health) -> web.Application:
    """The application with the core's and all plugins' routes."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_failures])
    app.on_response_prepare.append(_named)
    app.router.add_post(HOOK, webhook.handle)  # for whatever takes the long way, such as `Expect: 100-continue`
    app.router.add_get("/healthz", health.healthz)
    app.router.add_get("/readyz", health.readyz)
    app.router.add_get("/metrics", health.prometheus)
    claimed = host.registry.of(Webhooks).routes
    if any(not item.alive and item.state is not State.DISABLED for item in host.plugins):
        for path in dict.fromkeys(host.settings.web.webhooks):
            if path not in claimed:  # its plugin may be the one that is set aside: the sender shall come again
                app.router.add_post(path, _away)
    for path, route in claimed.items():
        app.router.add_post(path, _for_plugin(host, route))
    for key, route in host.registry.of(Pages).routes.items():
        method, _, path = key.partition(" ")
        app.router.add_route(method, path, _for_plugin(host, route))
    for item in host.plugins:
        if not item.alive and item.state is not State.DISABLED:
            app.router.add_route("*", f"/plugins/{item.id}/{{rest:.*}}", _away)
    return app


async def _named(request: web.Request, response: web.StreamResponse) -> None:
    """Name the server of an answer that a route sends piece by piece; of all others the connection does it."""
    del request
    response.headers[hdrs.SERVER] = SERVER


async def _away(request: web.Request) -> web.StreamResponse:
    """For a plugin that cannot serve now."""
    del request
    return web.Response(status=503, headers={"Retry-After": "5"})


class Guests:
    """The requests to one route that are under way: so many at a time, so that a slow page takes no others' place."""

    def __init__(self, plugin: str, most: int) -> None:
        self._plugin = plugin
        self._most = most
        self._count = 0
        self._complain = LogThrottle()

    def enter(self) -> bool:
        """Take one more in; False where there are too many."""
        if self._count >= self._most:
            if self._complain() is not None:
                log.warning(
                    "plugin %r: %d requests to one of its routes are under way; more get 503. Fix: find out what the "
                    "route waits for, and give it a shorter time-out.", self._plugin, self._count,
                )  # fmt: skip
            return False
        self._count += 1
        return True

    def leave(self) -> None:
        """One is answered."""
        self._count -= 1


def _for_plugin(host: Host, route: RegisteredHandler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    plugin, ctx = route.plugin, host.contexts[route.plugin]
    states = {item.id: item for item in host.plugins}
    most = descriptors.connections(host.settings, descriptors.limit())
    guests = Guests(plugin, max(most // SHARE, min(LEAST, most // 2)))
    proxies = networks(host.settings.web.trusted_proxies)

    async def handle(request: web.Request) -> web.StreamResponse:
        if states[plugin].state is not State.ACTIVE:  # not started yet, or its lifespan failed
            return await _away(request)
        scope.set({"plugin": plugin, "route": route.name})
        if not guests.enter():
            return await _away(request)
        try:
            seen = seen_through(request, proxies) if proxies else request
            answer: web.StreamResponse = await route.handler(ctx, seen)
            return answer
        finally:
            guests.leave()

    return handle


@web.middleware
async def _failures(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """A route that raises is a 500 with an error id; the traceback stands in the log under the same id.

    A body that comes too slowly is 408 and one that breaks off or is garbled is 400: no failures of the route.
    """
    try:
        return await in_time(request, handler)
    except web.HTTPException:
        raise
    except BodyTimeout:
        return web.Response(status=408)
    except web.RequestPayloadError:
        return web.Response(status=400)
    except (Exception, SystemExit):
        error_id = new_error_id()
        log.exception("error %s: %s %s failed", error_id, request.method, request.path)
        return web.json_response({"error": error_id}, status=500)


def _short_way(whole: Handler, webhook: TelegramWebhook) -> Handler:
    """Lead Telegram's posts past routing and middlewares: nine of ten requests are such posts."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == HOOK and request.method == "POST" and "Expect" not in request.headers:
            return await _failures(request, webhook.handle)
        return await whole(request)

    return handle


@dataclass
class WebServer:
    """What listens. `port` is the real one, also where 0 was asked for."""

    port: int
    _runner: web.AppRunner
    _listening: asyncio.Server
    _connections: Connections

    async def close(self) -> None:
        """Refuse new connections, close idle ones, and let the requests under way finish."""
        self._listening.close()
        await self._runner.cleanup()
        self._connections.close()  # those that were accepted in the very moment of the close


async def start_server(app: web.Application, webhook: TelegramWebhook, settings: Settings) -> WebServer:
    """Listen, with as many connections as there are descriptors for. ConfigError if the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    server, connections = runner.server, Connections(_fitted(settings))
    if server is None:
        raise RuntimeError("aiohttp's runner has no server after its setup")
    whole: Any = server.request_handler  # what it is given are Requests, of which its type knows only the base
    server.request_handler = _short_way(whole, webhook)  # type: ignore[assignment]  # the same
    host, port = settings.web.host, settings.web.port
    try:
        listening = await asyncio.get_running_loop().create_server(
            lambda: Connection(server, connections), host, port, backlog=1
        )
    except OSError as error:
        await runner.cleanup()
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror}). Fix: stop the program "
            "that uses the port, or choose another one with ASTRAL_WEB__PORT."
        ) from None
    _lengthen_backlog(listening)
    return WebServer(int(listening.sockets[0].getsockname()[1]), runner, listening, connections)


def _fitted(settings: Settings) -> int:
    """How many connections the server takes; a warning if these are fewer than the settings allow."""
    allowed = descriptors.limit()
    trouble = descriptors.too_few(settings, allowed)
    if trouble is not None:
        log.warning("%s Fix: %s", *trouble)
    return descriptors.connections(settings, allowed)


def _lengthen_backlog(server: asyncio.Server) -> None:
    """Let the system keep more connections than asyncio accepts in one go, which is what its `backlog` is, too.

    When there are no descriptors left, asyncio fails as often as it would have accepted, and sets a timer for each
    failure, which all begin to accept again: with more than one the timers multiply without limit.
    """
    for listening in server.sockets:
        with listening.dup() as same:
            same.listen(BACKLOG)
