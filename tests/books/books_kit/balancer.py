"""What stands before the replicas: it passes requests on to one that listens, without stickiness."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

_HOP = {"host", "connection", "content-length", "transfer-encoding", "keep-alive"}


class Balancer:
    """Serves on loopback within `async with`; `replicas` are addresses that may come and go."""

    def __init__(self, replicas: Sequence[str] = (), seed: int = 0) -> None:
        self.replicas = list(replicas)
        self.url = ""
        self._random = random.Random(f"balancer {seed}")  # noqa: S311  # it draws places, not secrets
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        timeout = aiohttp.ClientTimeout(total=70)
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        if self._session is None:
            raise RuntimeError("the balancer works within `async with` only")
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        for address in self._random.sample(self.replicas, len(self.replicas)):
            try:
                async with self._session.request(
                    request.method, f"{address}{request.rel_url}", data=body, headers=headers, allow_redirects=False
                ) as answer:
                    kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
                    return web.Response(status=answer.status, body=await answer.read(), headers=kept)
            except aiohttp.ClientConnectorError:
                continue  # nobody listens there: another one may
            except (aiohttp.ClientError, OSError, TimeoutError):
                return web.Response(status=502)  # it may have been done; whoever asked has to decide
        return web.Response(status=502)
