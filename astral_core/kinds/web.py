"""HTTP: a plugin's own pages, and posts of others at addresses that the owner allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from astral_core.declare import Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Kind, Line, Owner, registered


@dataclass(frozen=True)
class Page:
    """An HTTP route below `/plugins/<plugin>/`."""

    method: str
    path: str
    handler: Handler


@dataclass(frozen=True)
class Webhook:
    """A POST route at an absolute path of `web.webhooks`."""

    path: str
    handler: Handler


class Pages(Kind):
    """Found by method and path below the plugin's own."""

    declares = Page
    name, plural = "page", "pages"

    def add(self, plugin: Owner, declared: Page, claims: Claims) -> str | None:
        """Let aiohttp look at it on its own, so that a bad pattern fails here and not the whole server."""
        route = registered(plugin, declared, Pages, declared.path, ("ctx", "request"), what=f"page {declared.path!r}")
        if not declared.path.startswith("/"):
            raise DeclarationError(plugin.id, f"the web path {declared.path!r} must begin with a slash.")
        claims.take("page", f"{declared.method.upper()} {declared.path} of {plugin.id}", plugin)
        try:
            web.UrlDispatcher().add_route(declared.method, f"/plugins/{plugin.id}{declared.path}", web.Request.json)
        except (ValueError, TypeError, AssertionError) as error:
            raise DeclarationError(
                plugin.id, f"page {declared.method} {declared.path!r} is wrong: {error}."
            ) from error
        self.routes[f"{declared.method.upper()} /plugins/{plugin.id}{declared.path}"] = route
        return None

    def lines(self) -> Iterator[Line]:
        """Method and path."""
        return (Line(key, route.plugin, None) for key, route in self.routes.items())


class Webhooks(Kind):
    """Found by the path."""

    declares = Webhook
    name, plural = "webhook", "webhooks"

    def add(self, plugin: Owner, declared: Webhook, claims: Claims) -> str | None:
        """The owner has to allow the path."""
        what = f"webhook {declared.path!r}"
        route = registered(plugin, declared, Webhooks, declared.path, ("ctx", "request"), what=what)
        if declared.path not in claims.webhooks:
            raise DeclarationError(
                plugin.id, f"the webhook path {declared.path!r} is not allowed.",
                f"add it to [web] webhooks: {declared.path!r}.",
            )  # fmt: skip
        if claims.take("webhook", declared.path, plugin):
            self.routes[declared.path] = route
        return None

    def lines(self) -> Iterator[Line]:
        """The path."""
        return (Line(f"POST {key}", route.plugin, None) for key, route in self.routes.items())
