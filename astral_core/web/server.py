"""One aiohttp server on one port, in the bot's own loop."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from astral_core.config import Web
from astral_core.declare import Webhook, WebRoute
from astral_core.errors import ConfigError
from astral_core.host.host import Host
from astral_core.host.state import State
from astral_core.observe.errorid import new_error_id
from astral_core.observe.logs import scope
from astral_core.web.health import Health
from astral_core.web.webhook import TelegramWebhook

log = logging.getLogger("astral.web")
MAX_BODY = 1024 * 1024
KEEP_ALIVE = 75.0


def build_web(host: Host, webhook: TelegramWebhook, health: Health) -> web.Application:
    """The application with the core's and all plugins' routes."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_failures])
    app.router.add_post("/webhook/telegram", webhook.handle)
    app.router.add_get("/healthz", health.healthz)
    app.router.add_get("/readyz", health.readyz)
    app.router.add_get("/metrics", health.prometheus)
    for plugin, route in host.registry.web:
        if isinstance(route, Webhook):
            app.router.add_post(route.path, _for_plugin(host, plugin, route))
        else:
            app.router.add_route(route.method, f"/plugins/{plugin}{route.path}", _for_plugin(host, plugin, route))
    return app


def _for_plugin(
    host: Host, plugin: str, route: WebRoute | Webhook
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    ctx = host.contexts[plugin]
    states = {item.id: item for item in host.plugins}

    async def handle(request: web.Request) -> web.StreamResponse:
        if states[plugin].state is not State.ACTIVE:  # not started yet, or its lifespan failed
            return web.Response(status=503, headers={"Retry-After": "5"})
        scope.set({"plugin": plugin, "route": route.path})
        return await route.handler(request, ctx)

    return handle


@web.middleware
async def _failures(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """A route that raises is a 500 with an error id; the traceback stands in the log under the same id."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        error_id = new_error_id()
        log.exception("error %s: %s %s failed", error_id, request.method, request.path)
        return web.json_response({"error": error_id}, status=500)


async def start_server(app: web.Application, settings: Web) -> tuple[web.AppRunner, int]:
    """Listen; return the runner and the port. ConfigError where the port is taken."""
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEP_ALIVE, shutdown_timeout=10.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}). Fix: stop the program "
            "that uses the port, or choose another one with ASTRAL_WEB__PORT."
        ) from None
    return runner, int(runner.addresses[0][1])
