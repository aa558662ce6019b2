"""The HTTP server: the Bot API, file downloads, and the page's API, for this machine only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web

from . import api, discussion, page
from .delivery import WebhookDelivery
from .errors import ApiError, DroppedConnection, PageError
from .forms import FileTooLarge, FormError, read_form
from .params import Params
from .security import guard
from .state import World, looks_real
from .stream import Stream

MAX_BODY = 128 * 1024 * 1024  # bytes of one request
WORLD: web.AppKey[World] = web.AppKey("playground_world", World)
STREAM: web.AppKey[Stream] = web.AppKey("playground_stream", Stream)
_STOPPING: web.AppKey[asyncio.Event] = web.AppKey("playground_stopping", asyncio.Event)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(world: World) -> web.Application:
    """The emulator as an application; its webhook delivery lives and ends with it.

    Pages may be added with `app.router`: the guard against foreign hosts and origins covers them too.
    """
    app = web.Application(client_max_size=MAX_BODY, middlewares=[guard, _errors])
    app[WORLD] = world
    app[STREAM] = Stream(world)
    discussion.attend(world)
    app[_STOPPING] = asyncio.Event()
    app.router.add_route("GET", "/bot{token}/{method}", _bot_api)
    app.router.add_route("POST", "/bot{token}/{method}", _bot_api)
    app.router.add_get("/file/bot{token}/{path:.+}", _download)
    app.add_routes(page.routes(world, app[STREAM]))
    app.cleanup_ctx.append(_delivery)
    app.on_shutdown.append(_end_waits)
    return app


async def _delivery(app: web.Application) -> Any:
    delivery = WebhookDelivery(app[WORLD])
    delivery.start()
    yield
    await delivery.stop()
    await app[WORLD].close()


async def _end_waits(app: web.Application) -> None:
    """End what would hold the shutdown: event streams, long polls, calls under a fault rule."""
    app[_STOPPING].set()
    app[STREAM].close()


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except PageError as error:
        return web.json_response({"error": error.message, "field": error.field}, status=error.status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        if request.path.startswith("/api/"):
            return web.json_response({"error": error.reason, "field": None}, status=error.status)
        return _api_error(ApiError(error.status, error.reason))


def _api_error(error: ApiError) -> web.Response:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
    return web.json_response(error.body(), status=error.code, headers=headers)


def _check_token(world: World, token: str) -> None:
    if token == world.token:
        return
    if looks_real(token):
        raise ApiError(
            401,
            "Unauthorized: this is the Astral playground, which takes its own token only; "
            "what was sent looks like a real one and was neither stored nor logged",
        )
    raise ApiError(401, "Unauthorized")


async def _bot_api(request: web.Request) -> web.StreamResponse:
    world = request.app[WORLD]
    try:
        _check_token(world, request.match_info["token"])
        params = await _read_params(request)
        work = api.call(world, request.match_info["method"], params)
        result = await _unless_stopping(request.app[_STOPPING], work)
    except ApiError as error:
        return _api_error(error)
    except DroppedConnection:
        if request.transport is not None:
            request.transport.close()
        return web.Response()
    return web.json_response({"ok": True, "result": result}, dumps=_dumps)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


async def _unless_stopping(stopping: asyncio.Event, work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a call; 500 when the server is stopped before."""
    call = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({call, stop}, return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            return call.result()
        raise ApiError(500, "Internal Server Error: restart")
    finally:
        stop.cancel()
        if not call.done():
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)


async def _read_params(request: web.Request) -> Params:
    params = Params(dict(request.query))
    if request.method == "POST" and request.can_read_body:
        if request.content_type == "application/json":
            await _add_json(request, params)
        else:
            try:
                await read_form(request, params)
            except FileTooLarge:
                raise ApiError(413, "Request Entity Too Large") from None
            except FormError:
                raise ApiError(400, "Bad Request: can't parse the request's body as a form") from None
    return params


async def _add_json(request: web.Request, params: Params) -> None:
    try:
        body = await request.json()
    except (ValueError, LookupError, RecursionError):  # LookupError: an unknown charset
        raise ApiError(400, "Bad Request: can't parse the request's body as JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, "Bad Request: an Object is expected as the request's body")
    params.add_json(body)


async def _download(request: web.Request) -> web.StreamResponse:
    world = request.app[WORLD]
    try:
        _check_token(world, request.match_info["token"])
    except ApiError as error:
        return _api_error(error)
    file = world.files.by_path(request.match_info["path"])
    if file is None:
        return _api_error(ApiError(404, "Not Found"))
    return web.Response(body=file.data, content_type="application/octet-stream")
